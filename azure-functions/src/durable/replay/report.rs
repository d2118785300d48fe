//! Non-determinism, as a report: history beside code, the first difference, and the line of the call.

use super::{
    action::ActionKind,
    clock::moment,
    core::{Core, State},
    history::{Event, History, ScheduledKind},
    http_call::HTTP_ACTIVITY,
    ids::{OpId, Site},
    message::{MessageKind, Request, is_to_entity},
    mismatch::Mismatch,
    operation::Course,
    patch_marker::PatchMarker,
};
use crate::durable::CalledKind;
use chrono::{DateTime, Utc};
use std::{borrow::Cow, fmt::Write};

impl Core {
    /// Looks for actions that the history records and the code did not ask for; call it when the poll is over.
    pub(crate) fn find_unasked(&self) {
        self.reissue_last_markers();
        let mut state = self.state.borrow_mut();
        if state.mismatch.is_some() {
            return;
        }
        let actions = state.actions.len();
        let unasked = state.scheduled.iter().skip(actions).find_map(|place| *place);
        let unasked = unasked.or(state.stray);
        if let Some(place) = unasked {
            state.mismatch = Some(Mismatch::NeverAsked { place, actions });
        }
    }

    /// The report on the first difference, if there is one.
    pub(crate) fn mismatch_report(&self, function: &str) -> Option<String> {
        let state = self.state.borrow();
        let mismatch = state.mismatch.as_ref()?;
        let mut out = format!(
            "Non-deterministic orchestration '{function}': the code does not do what the history of instance '{}' records.\n",
            self.history.instance_id
        );
        let history = &self.history;
        let label = |id: &u32| {
            let action = state.actions.get(*id as usize);
            action.map(|action| state.label(action.op)).unwrap_or_default()
        };
        let (recorded, code, hint) = match mismatch {
            Mismatch::Different {
                id,
                place,
                code,
                wait,
                site,
            } => {
                let piece = wait.map(|due| format!(", a piece of the wait until {}", moment(due)));
                (
                    recorded(history, *place),
                    format!(
                        "action #{id}: {}{}{} (called at {}:{})",
                        describe(code),
                        label(id),
                        piece.as_deref().unwrap_or_default(),
                        site.file(),
                        site.line()
                    ),
                    match (wait, self.unknown_function(*place)) {
                        (Some(_), _) => "the wait was made longer, or a call was changed, moved or inserted".into(),
                        (None, Some(name)) => format!(
                            "the function was renamed (`#[func(name = \"{name}\")]` lets it keep its name), or the call was changed, \
                             moved or inserted"
                        )
                        .into(),
                        (None, None) => "the call was changed, moved or inserted".into(),
                    },
                )
            }
            Mismatch::TooLate {
                id,
                place,
                code,
                site,
                cursor,
            } => (
                format!(
                    "{}; the code got to it only at event {cursor}",
                    recorded(history, *place)
                ),
                format!(
                    "action #{id}: {}{} (called at {}:{})",
                    describe(code),
                    label(id),
                    site.file(),
                    site.line()
                ),
                Cow::from("the call was moved behind an await"),
            ),
            Mismatch::NeverAsked { place, actions } => {
                let asked = match actions {
                    1 => "asked for 1 action and no more".to_owned(),
                    n => format!("asked for {n} actions and no more"),
                };
                let wait = match history.event(*place) {
                    Some(Event::Scheduled {
                        kind: ScheduledKind::Timer,
                        ..
                    }) => state.last_wait(),
                    _ => None,
                };
                let (code, hint) = match (actions, self.last_call(), wait) {
                    (0, None, _) => (
                        "no call of the context at all".to_owned(),
                        "a call was removed, or the code took another branch",
                    ),
                    (_, _, Some((due, site))) => (
                        format!(
                            "{asked} (the last is the wait until {}, called at {}:{})",
                            moment(due),
                            site.file(),
                            site.line()
                        ),
                        "the wait was made shorter, a call was removed, or the code took another branch",
                    ),
                    (_, Some(site), None) => (
                        format!("{asked} (last call at {}:{})", site.file(), site.line()),
                        "a call was removed, or the code took another branch",
                    ),
                    (_, None, None) => (asked, "a call was removed, or the code took another branch"),
                };
                (recorded(history, *place), code, hint.into())
            }
        };
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "  history: {recorded}\n  code:    {code}\nMost likely {hint} while this instance was in flight, or the code depends on something that is not in \
             the history (time, random numbers, environment, shared state). \
             Put the change behind `if context.patched(\"an-id\")`, or bring the code back in line. Then `cargo func replay` on this history \
             (`cargo func durable get-history ID` saves it) says whether they agree again, and a rewind (`cargo func durable rewind ID`) \
             has the failed instance go on. Or start the instance anew."
        );
        Some(out)
    }
}

impl Core {
    /// The function that the history calls here, if the app has none of that name any more.
    fn unknown_function(&self, place: usize) -> Option<String> {
        let Some(Event::Scheduled { kind, name, .. }) = self.history.event(place) else {
            return None;
        };
        let kind = match kind {
            ScheduledKind::Activity if !self.history.is_name(name, HTTP_ACTIVITY) => CalledKind::Activity,
            ScheduledKind::SubOrchestration => CalledKind::Orchestration,
            _ => return None,
        };
        let name = self.history.text(name)?;
        (!self.functions.contains(kind, &name)).then(|| name.into_owned())
    }
}

impl State {
    /// When the wait ends that asked for the last action, if one did, and where it was called.
    fn last_wait(&self) -> Option<(DateTime<Utc>, Site)> {
        let action = self.actions.last()?;
        let operation = &self.operations[action.op.0 as usize];
        match operation.course {
            Course::Timer { due, .. } if PatchMarker::of_timer(due).is_none() => Some((due, operation.site)),
            _ => None,
        }
    }

    /// When the wait ends that an action is only a piece of.
    pub(super) fn longer_wait(&self, kind: &ActionKind, op: OpId) -> Option<DateTime<Utc>> {
        match (kind, &self.operations[op.0 as usize].course) {
            (ActionKind::CreateTimer { fire_at, .. }, Course::Timer { due, .. }) if fire_at < due => Some(*due),
            _ => None,
        }
    }
}

fn recorded(history: &History, place: usize) -> String {
    let text = |span| history.text(span).unwrap_or_default();
    let (id, what) = match history.event(place) {
        Some(Event::Scheduled {
            kind,
            id,
            name,
            fire_at,
            ..
        }) => {
            let what = match kind {
                ScheduledKind::Activity if history.is_name(name, HTTP_ACTIVITY) => "an HTTP request".to_owned(),
                ScheduledKind::Activity => format!("activity '{}'", text(name)),
                ScheduledKind::SubOrchestration => format!("sub-orchestration '{}'", text(name)),
                ScheduledKind::Timer | ScheduledKind::Message => timer(fire_at),
            };
            (id, what)
        }
        Some(Event::Sent { id, target, name, .. }) if !is_to_entity(&text(target)) => {
            (id, event_to(&text(name), &text(target)))
        }
        Some(Event::Sent {
            id, target, request, ..
        }) => {
            let what = match Request::read(history, request).map(|request| request.kind()) {
                Some(MessageKind::Call) => "a call to",
                Some(MessageKind::Signal) => "a signal to",
                Some(MessageKind::Lock) => "a lock, asked of",
                Some(MessageKind::Release) => "a lock, given back to",
                None => "a message to",
            };
            (id, format!("{what} entity '{}'", text(target)))
        }
        _ => return format!("event {place}"),
    };
    format!("action #{id}: {what} (event {place} of {})", history.len())
}

fn event_to(name: &str, instance_id: &str) -> String {
    format!("event '{name}', sent to instance '{instance_id}'")
}

/// `a timer`, and when it is due.
fn timer(fire_at: Option<DateTime<Utc>>) -> String {
    match fire_at {
        Some(marker) if PatchMarker::of_timer(marker).is_some() => "a timer that stands for `patched`".to_owned(),
        Some(due) => format!("a timer, due {}", moment(due)),
        None => "a timer".to_owned(),
    }
}

fn describe(kind: &ActionKind) -> String {
    match kind {
        ActionKind::CallActivity { name, .. } => format!("activity '{name}'"),
        ActionKind::CallHttp { request } => format!("an HTTP request ({})", request.in_words()),
        ActionKind::CallSubOrchestration { name, .. } => format!("sub-orchestration '{name}'"),
        ActionKind::CreateTimer { fire_at, .. } => timer(Some(*fire_at)),
        ActionKind::CallEntity { target, .. } => format!("a call to entity '{target}'"),
        ActionKind::SignalEntity { target, .. } => format!("a signal to entity '{target}'"),
        ActionKind::SendEvent { instance_id, name, .. } => event_to(name, instance_id),
        ActionKind::LockEntities { entities, .. } => match entities.first() {
            Some(first) => format!("a lock, asked of entity '{first}'"),
            None => "a lock".to_owned(),
        },
        ActionKind::ReleaseEntity { target, .. } => format!("a lock, given back to entity '{target}'"),
    }
}
