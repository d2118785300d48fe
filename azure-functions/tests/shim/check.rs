//! What must hold after every episode.

use super::{
    code::{Entry, Tape, Version},
    entities::is_response,
    model::{self, Kind, Work},
    world::kind,
};
use chrono::TimeDelta;
use serde_json::Value;
use std::collections::BTreeSet;

/// The code does what it did in the episode before, and then perhaps more; it knows which is which.
pub(crate) fn repeats(before: &[Entry], now: &Tape) -> Result<(), String> {
    for (i, entry) in before.iter().enumerate() {
        if now.entries.get(i) != Some(entry) {
            return Err(format!(
                "step {i} was {entry:?}, but in this replay it is {:?}",
                now.entries.get(i)
            ));
        }
    }
    match now
        .replaying
        .iter()
        .enumerate()
        .find(|(i, r)| **r != (*i < before.len()))
    {
        Some((i, replaying)) => Err(format!("at {:?} is_replaying was {replaying}", now.entries[i])),
        None => Ok(()),
    }
}

/// An action keeps its id for ever, and stays cancelled.
pub(crate) fn grows(before: &[Work], now: &[Work]) -> Result<(), String> {
    for (id, old) in before.iter().enumerate() {
        let same = now.get(id).is_some_and(|new| {
            (old.kind, &old.name, &old.input, &old.instance_id) == (new.kind, &new.name, &new.input, &new.instance_id)
                && (new.cancelled || !old.cancelled)
        });
        if !same {
            return Err(format!("action {id} was {old:?}, now it is {:?}", now.get(id)));
        }
    }
    Ok(())
}

/// Fire times of the markers of the patches.
const MARKERS: [&str; 4] = [
    "1981-09-23T22:48:27.659Z",
    "1982-09-24T09:59:11.901Z",
    "1988-09-02T03:45:20.757Z",
    "1992-05-16T11:17:20.584Z",
];

/// New code goes the new way wherever it is first, and each answer of true, and nothing else, has one marker.
pub(crate) fn patches(before: &[Entry], now: &Tape, actions: &[Work], versions: [Version; 4]) -> Result<(), String> {
    let mut ways = [None; 4];
    for (i, entry) in now.entries.iter().enumerate() {
        let Entry::Went { patch, new } = entry else { continue };
        let patch = usize::from(*patch);
        let expected = match versions[patch] {
            Version::Before => false,
            Version::After => true,
            // What was passed before is checked by [`repeats`].
            Version::Asks => *ways[patch].get_or_insert(i >= before.len() || *new),
        };
        if *new != expected {
            return Err(format!("at step {i}, patch {patch} was answered {new}"));
        }
    }
    for (patch, fire_at) in MARKERS.iter().enumerate() {
        let fire_at = model::instant(&Value::from(*fire_at));
        let markers = actions.iter().filter(|a| a.fire_at == Some(fire_at)).count();
        let told = now.asked.iter().find(|(asked, _)| usize::from(*asked) == patch);
        let right = match told {
            Some((_, answer)) => markers == usize::from(*answer),
            // It may have been asked for, and answered true, by code before this.
            None => markers == 0 || (markers == 1 && versions[patch] == Version::After),
        };
        if !right {
            return Err(format!(
                "patch {patch} has {markers} markers, the code was told {told:?}"
            ));
        }
    }
    Ok(())
}

/// The actions are what the history records, no more and no less, but for the answers of patches.
pub(crate) fn is_recorded(history: &[Value], actions: &[Work]) -> Result<(), String> {
    let scheduled: Vec<_> = history.iter().filter(|e| matches!(kind(e), 4 | 7 | 10 | 14)).collect();
    for (id, event) in scheduled.iter().enumerate() {
        let is_lock = || event["Input"].as_str().is_some_and(|input| input.contains("lockset"));
        let (wanted, name): (&[Kind], _) = match kind(event) {
            4 => (&[Kind::Activity], event["Name"].as_str()),
            7 => (&[Kind::SubOrchestration], event["Name"].as_str()),
            10 => (&[Kind::Timer], None),
            _ if event["Name"] == "release" => (&[Kind::Release], event["InstanceId"].as_str()),
            _ if is_lock() => (&[Kind::Lock], None),
            _ => (&[Kind::Call, Kind::Signal], event["InstanceId"].as_str()),
        };
        let action = actions
            .get(id)
            .filter(|a| wanted.contains(&a.kind) && name.is_none_or(|name| name.eq_ignore_ascii_case(&a.name)));
        if event["EventId"] != id || action.is_none() {
            return Err(format!(
                "history has {event} as {id}, the answer has {:?}",
                actions.get(id)
            ));
        }
    }
    let new = actions.iter().skip(scheduled.len());
    match actions.len() >= scheduled.len() && new.clone().all(Work::is_patch_marker) {
        true => Ok(()),
        false => Err(format!(
            "history has {} actions, the answer {}",
            scheduled.len(),
            actions.len()
        )),
    }
}

/// The actions are what the code asked for, in its order, each once; what lies between are further attempts and delays
/// of its retries, and further pieces of its long timers.
pub(crate) fn asked_for(tape: &[Entry], actions: &[Work]) -> Result<(), String> {
    let mut asked = tape
        .iter()
        .filter(|e| {
            matches!(
                e,
                Entry::Called { .. } | Entry::TimerCreated { .. } | Entry::LockAsked { .. }
            )
        })
        .peekable();
    let mut retried = BTreeSet::new();
    let mut pieces = false;
    // Code with critical sections may need further timers too.
    for (id, action) in actions.iter().enumerate() {
        match (action.kind, asked.peek()) {
            (Kind::Timer, _) if action.is_patch_marker() => {}
            (Kind::Timer, Some(Entry::TimerCreated { due, .. })) if action.fire_at.is_some_and(|f| f <= *due) => {
                pieces |= action.fire_at.is_some_and(|f| f < *due - TimeDelta::seconds(1));
                asked.next();
            }
            (Kind::Timer, _) if pieces || !retried.is_empty() => {}
            (Kind::Lock, Some(Entry::LockAsked { .. })) => {
                pieces = true;
                asked.next();
            }
            // The code drops a guard, whether it logs that or not.
            (Kind::Release, _) => {}
            (
                called,
                Some(Entry::Called {
                    name,
                    serial,
                    kind,
                    retried: again,
                    ..
                }),
            ) if action.input == *serial && *kind == called && *name == action.name => {
                if *again {
                    retried.insert(*serial);
                }
                asked.next();
            }
            (Kind::Activity | Kind::SubOrchestration, _)
                if action.input.as_u64().is_some_and(|serial| retried.contains(&serial)) => {}
            (_, next) => return Err(format!("action {id} is {action:?}, the code's next is {next:?}")),
        }
    }
    match asked.next() {
        Some(missing) => Err(format!("no action for {missing:?}")),
        None => Ok(()),
    }
}

/// Place in the history behind the last event that the code has certainly seen; `None` if order of delivery is not that
/// of the history.
pub(crate) fn seen_until(tape: &[Entry], actions: &[Work], history: &[Value]) -> Option<usize> {
    if history.iter().any(|e| kind(e) == 19) {
        return None;
    }
    let mut until = 0;
    for entry in tape {
        let found = match entry {
            Entry::Got { event, .. } => history
                .iter()
                .position(|e| kind(e) == 15 && !is_response(e) && number(e) == *event),
            Entry::Returned { serial, .. } => (0..actions.len())
                .filter(|id| actions[*id].kind != Kind::Timer && actions[*id].input == *serial)
                .filter_map(|id| history.iter().position(|e| e["TaskScheduledId"] == id))
                // Responses of entities are not looked for: what lies behind them may be seen, too.
                .max(),
            _ => None,
        };
        until = until.max(found.map_or(0, |place| place + 1));
    }
    Some(until)
}

fn number(event: &Value) -> u64 {
    event["Input"].as_str().unwrap().parse().unwrap()
}

/// Who got which external event.
#[derive(Default)]
pub(crate) struct Events {
    /// Name of each, by number.
    names: Vec<u8>,
    /// Those that the current execution can see, in the order they arrived.
    present: Vec<u64>,
    /// Those that earlier executions consumed.
    consumed: BTreeSet<u64>,
}

impl Events {
    /// The number of a new event.
    pub(crate) fn raise(&mut self, name: u8) -> u64 {
        self.names.push(name);
        self.names.len() as u64 - 1
    }

    pub(crate) fn arrive(&mut self, event: &Value) {
        if !is_response(event) {
            self.present.push(number(event));
        }
    }

    /// No event is consumed twice, or before an older one that no other task holds.
    pub(crate) fn check(&self, tape: &[Entry]) -> Result<(), String> {
        let mut consumed = BTreeSet::new();
        for entry in tape {
            let Entry::Got {
                name,
                event,
                other_waits,
                ..
            } = entry
            else {
                continue;
            };
            let Some(place) = self.present.iter().position(|e| e == event) else {
                return Err(format!("{entry:?}, which is not there"));
            };
            if self.names[usize::try_from(*event).unwrap()] != *name {
                return Err(format!("{entry:?}, which has another name"));
            }
            if self.consumed.contains(event) || !consumed.insert(*event) {
                return Err(format!("{entry:?}, which was consumed before"));
            }
            let passed_over = self.present[..place]
                .iter()
                .filter(|e| self.names[usize::try_from(**e).unwrap()] == *name && !consumed.contains(e))
                .count();
            if passed_over > *other_waits {
                return Err(format!("{entry:?}, with {passed_over} older events left"));
            }
        }
        Ok(())
    }

    /// The next execution gets exactly the events it should.
    pub(crate) fn hand_over(
        &mut self,
        preserve: bool,
        tape: &[Entry],
        handed_on: &[Value],
        carried_over: &[Value],
        arrived_late: usize,
        seen: &[Value],
    ) -> Result<(), String> {
        self.consumed.extend(tape.iter().filter_map(|e| match e {
            Entry::Got { event, .. } => Some(*event),
            _ => None,
        }));
        let carried: Vec<u64> = carried_over.iter().filter(|e| !is_response(e)).map(number).collect();
        let next: Vec<u64> = handed_on
            .iter()
            .map(|e| e["input"].as_u64().unwrap())
            .chain(carried.iter().copied())
            .collect();
        let left: Vec<u64> = self
            .present
            .iter()
            .copied()
            .filter(|e| !self.consumed.contains(e))
            .collect();
        if preserve && next != left {
            return Err(format!("events {left:?} were left, the next execution gets {next:?}"));
        }
        if !preserve {
            if !handed_on.is_empty() {
                return Err(format!("{handed_on:?} are handed on, and that was not asked for"));
            }
            if !self.present.ends_with(&carried) || carried.len() < arrived_late {
                return Err(format!("of {:?} the host carries over {carried:?}", self.present));
            }
            let again = |e: &u64| {
                self.consumed.contains(e) || seen.iter().any(|s| kind(s) == 15 && !is_response(s) && number(s) == *e)
            };
            if let Some(again) = carried.iter().find(|e| again(e)) {
                return Err(format!("event {again} comes again"));
            }
        }
        self.present = next;
        Ok(())
    }
}
