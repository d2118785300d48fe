//! The world around one instance: a host that runs episodes, and functions, clocks and people that answer it in random
//! order. After each episode it is checked that shim and code agree.

use super::{
    check::{self, Events},
    code::{self, Entry, Tape, Version},
    entities,
    model::{self, HTTP, Kind, Limits, Stand, Work},
    program::Program,
    tally::Tally,
};

use azure_functions::__private::run_episode;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};
use std::rc::Rc;

pub(crate) mod protobuf;

/// Changes an answer's list of actions before the shim gets it.
pub(crate) type Mutation = fn(&mut Vec<Value>);

/// In which form the host of the world hands the instance over.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wire {
    /// The host's shim goes through the answers; a mutation changes them before.
    Json(Option<Mutation>),
    /// The host does what the answer says; a mutation changes that before.
    Protobuf(Option<protobuf::Mutation>),
    /// The same, with code that is kept from turn to turn beside its replays; a mutation changes what it gets.
    Parked(Option<protobuf::RequestMutation>),
}

/// Runs a program to its end; what went wrong, if anything did.
pub(crate) fn run(program: &Program, wire: Wire) -> Result<Tally, String> {
    let program = Rc::new(program.clone());
    let mut world = World::new(&program);
    for _ in 0..600 {
        let turn = match wire {
            Wire::Json(mutation) => world.episode(mutation)?,
            Wire::Protobuf(mutation) => world.protobuf_episode(mutation, None)?,
            Wire::Parked(mutation) => world.protobuf_episode(None, Some(mutation))?,
        };
        match turn {
            Turn::Waiting => world.next_episode()?,
            Turn::Restarted => {}
            Turn::Completed => return Ok(world.tally),
        }
    }
    Err("the instance does not end".to_owned())
}

enum Turn {
    Waiting,
    Restarted,
    Completed,
}

/// A deterministic source of choices (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn place(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64 + 1)).unwrap()
    }

    /// From moments to days.
    fn delay(&mut self) -> TimeDelta {
        let scale = [2, 60, 3_600, 40_000, 400_000][self.place(4)];
        self.up_to(scale)
    }

    fn up_to(&mut self, seconds: u64) -> TimeDelta {
        TimeDelta::milliseconds(i64::try_from(self.below(seconds * 1000 + 1)).unwrap())
    }
}

struct Message {
    due: DateTime<Utc>,
    event: Value,
}

struct World {
    program: Rc<Program>,
    dice: Dice,
    limits: Limits,
    now: DateTime<Utc>,
    inbox: Vec<Message>,
    suspended: bool,
    /// Rounds of events raised because nothing else was left to happen.
    encores: u32,
    events: Events,
    tally: Tally,
    /// Of the code that is deployed.
    versions: [Version; 4],
    parked: protobuf::Parked,
    // Of the current execution:
    generation: usize,
    input: Value,
    history: Vec<Value>,
    tape: Vec<Entry>,
    actions: Vec<Work>,
    /// The code panicked in the last episode.
    broken: bool,
    /// Length of the history when the code was done.
    done_at: Option<usize>,
}

impl World {
    fn new(program: &Rc<Program>) -> Self {
        let settings = &program.world;
        let now: DateTime<Utc> = "2031-05-04T10:00:00.4182Z".parse().unwrap();
        let mut world = Self {
            program: Rc::clone(program),
            dice: Dice(settings.seed),
            limits: Limits {
                max_timer: TimeDelta::try_days(settings.max_timer_days).filter(|max| !max.is_zero()),
                clock_suspends: settings.clock_suspends,
            },
            now,
            inbox: Vec::new(),
            suspended: false,
            encores: 0,
            events: Events::default(),
            tally: Tally::default(),
            versions: [Version::Asks; 4],
            parked: protobuf::Parked::default(),
            generation: 0,
            input: json!({"generation": 0}),
            history: Vec::new(),
            tape: Vec::new(),
            actions: Vec::new(),
            broken: false,
            done_at: None,
        };
        for version in &mut world.versions {
            if settings.deployments > 0 && world.dice.one_in(2) {
                *version = Version::Before;
            }
        }
        world.begin(Vec::new());
        for _ in 0..settings.events {
            let due = now + world.dice.delay();
            let name = u8::try_from(world.dice.below(4)).unwrap();
            world.raise(name, due);
        }
        world
    }

    fn raise(&mut self, name: u8, due: DateTime<Utc>) {
        let id = self.events.raise(name);
        let text = if self.dice.one_in(2) { "event_" } else { "EVent_" };
        let event = json!({"EventType": 15, "EventId": -1, "Name": format!("{text}{name}"), "Input": id.to_string()});
        self.inbox.push(Message { due, event });
    }

    /// Begins an execution.
    fn begin(&mut self, carried_over: Vec<Value>) {
        self.tape.clear();
        self.actions.clear();
        self.done_at = None;
        self.history = vec![
            json!({"EventType": 12, "EventId": -1}),
            json!({
                "EventType": 0,
                "EventId": -1,
                "Name": "program",
                "Input": self.input.to_string(),
                "OrchestrationInstance": {"InstanceId": "order-7f3a", "ExecutionId": format!("{:032x}", self.generation)},
            }),
        ];
        let first = self.history.len();
        self.history.extend(carried_over);
        if self.history.len() > first {
            self.history.push(json!({"EventType": 13, "EventId": -1}));
        }
        self.stamp(0);
    }

    /// Dates the events from `first` on: the episode's start by the host's clock, the rest a little earlier, as what
    /// came before it was picked up.
    fn stamp(&mut self, first: usize) {
        let skew = TimeDelta::seconds(if self.program.world.skew {
            i64::try_from(self.dice.below(600)).unwrap() - 300
        } else {
            0
        });
        for event in &mut self.history[first..] {
            let at = if event["EventType"] == 12 {
                self.now + skew
            } else {
                self.now - TimeDelta::milliseconds(i64::try_from(self.dice.below(3_000)).unwrap())
            };
            event["Timestamp"] = json!(text(at));
            event["IsPlayed"] = json!(false);
        }
    }

    fn payload(&self) -> Value {
        let max = self.limits.max_timer.map_or(0, |max| max.num_days());
        json!({
            "history": self.history,
            "input": self.input,
            "instanceId": "order-7f3a",
            "isReplaying": false,
            "parentInstanceId": null,
            "upperSchemaVersion": 1,
            "upperSchemaVersionNew": 3,
            "longRunningTimerIntervalDuration": "3.00:00:00",
            "maximumShortTimerDuration": format!("{max}.00:00:00"),
            "defaultHttpAsyncRequestSleepTimeMillseconds": 30_000,
        })
    }

    /// One turn of the instance.
    fn episode(&mut self, mutation: Option<Mutation>) -> Result<Turn, String> {
        let payload = self.payload().to_string();
        let turn = || run_episode(payload.clone(), "program", code::orchestrator);
        let (result, tape) = code::record(&self.program, self.versions, turn);
        let (again, _) = code::record(&self.program, self.versions, turn);
        if result != again {
            return Err(format!("one payload, two answers:\n{result:?}\n{again:?}"));
        }
        let answer = read(&result)?;
        let mut list = answer["actions"][0].as_array().unwrap().clone();
        let done = self.check_code(&tape, &answer, &list)?;
        if let Some(mutation) = mutation {
            mutation(&mut list);
        }
        let stand = model::interpret(&self.history, &list, self.limits)
            .map_err(|e| format!("{e}\n{}", self.describe(&answer)))?;
        self.check_shim(&stand, done)
            .map_err(|e| format!("{e}\n{}", self.describe(&answer)))?;
        let asked = tape.asked;
        self.tape = tape.entries;
        self.deploy(&asked, stand.suspended);
        self.tally.episodes += 1;
        self.tally.suspended_episodes += usize::from(stand.suspended);
        self.tally.answers += stand.unsent.len();
        for id in stand.unsent {
            self.send(id, &stand.issued[id]);
        }
        self.history
            .push(json!({"EventType": 13, "EventId": -1, "Timestamp": text(self.now), "IsPlayed": false}));
        self.suspended = stand.suspended;
        if !done || stand.open || stand.suspended {
            return Ok(Turn::Waiting);
        }
        self.tally.last_answer(&list);
        self.count_end(answer.get("error").is_some(), &asked);
        let Some(input) = stand.continued else {
            return Ok(Turn::Completed);
        };
        self.restart(&input, stand.carried_over)
            .map_err(|e| format!("{e}\n{}", self.describe(&answer)))?;
        Ok(Turn::Restarted)
    }

    /// Counts what an execution came to.
    fn count_end(&mut self, failed: bool, asked: &[(u8, bool)]) {
        self.tally.failures += usize::from(failed);
        self.tally.actions += self.actions.len();
        let markers = self.actions.iter().filter(|a| a.is_patch_marker()).count();
        let told = |patch| {
            asked
                .iter()
                .find(|(asked, _)| *asked == patch)
                .map(|(_, answer)| *answer)
        };
        let asked_for = (0..4).filter(|patch| told(*patch) == Some(true)).count();
        self.tally.markers += markers;
        self.tally.silent_markers += markers.saturating_sub(asked_for);
        self.tally.old_ways += (0..4).filter(|patch| told(*patch) == Some(false)).count();
        let count = |kind| self.actions.iter().filter(|a| a.kind == kind).count();
        self.tally.entity_calls += count(Kind::Call);
        self.tally.locks += count(Kind::Lock);
        self.tally.releases += count(Kind::Release);
        self.tally.cancelled_timers += self.actions.iter().filter(|a| a.cancelled).count();
        self.tally.events_consumed += self.tape.iter().filter(|e| matches!(e, Entry::Got { .. })).count();
    }

    /// Deploys the next version of the code, if it is time.
    fn deploy(&mut self, asked: &[(u8, bool)], suspended: bool) {
        let every = self.program.world.deployments;
        // What a panic or a suspended host has not let into the history, no later code can know of.
        if every == 0 || self.broken || suspended || !self.dice.one_in(every) {
            return;
        }
        let patch = self.dice.place(3);
        let went_the_old_way = self
            .tape
            .iter()
            .any(|entry| matches!(entry, Entry::Went { patch: went, new: false } if usize::from(*went) == patch))
            || asked.contains(&(u8::try_from(patch).unwrap(), false));
        self.versions[patch] = match self.versions[patch] {
            Version::Before => Version::Asks,
            Version::Asks if !went_the_old_way => Version::After,
            version => version,
        };
    }

    /// What can be said about code and answer without a shim; whether the code is done.
    fn check_code(&mut self, tape: &Tape, answer: &Value, list: &[Value]) -> Result<bool, String> {
        self.broken = answer["error"]
            .as_str()
            .is_some_and(|error| error.contains("planned panic"));
        let failed = |e: String| format!("{e}\n{}", self.describe(answer));
        if let Some(fault) = tape.faults.first() {
            return Err(failed(fault.clone()));
        }
        check::repeats(&self.tape, tape).map_err(failed)?;
        let continued = tape.entries.iter().any(|e| matches!(e, Entry::Continued { .. }));
        let done = continued || tape.entries.last() == Some(&Entry::Ended);
        let error = answer.get("error").is_some();
        if done != (answer["isDone"] == true || error) {
            return Err(failed(format!("the code is done: {done}; the answer says otherwise")));
        }
        if (continued && !error) != list.last().is_some_and(|last| last["actionType"] == 4) {
            return Err(failed(
                "continue-as-new is missing, misplaced or unasked for".to_owned(),
            ));
        }
        if self.done_at.is_some() && self.tape != tape.entries {
            return Err(failed("the code went on after it was done".to_owned()));
        }
        let actions = model::in_order(list);
        // What a broken episode asked for does not count.
        if self.broken {
            check::is_recorded(&self.history, &actions).map_err(failed)?;
        } else {
            check::patches(&self.tape, tape, &actions, self.versions).map_err(failed)?;
            check::grows(&self.actions, &actions).map_err(failed)?;
            check::asked_for(&tape.entries, &actions).map_err(failed)?;
        }
        self.events.check(&tape.entries).map_err(failed)?;
        if done {
            self.done_at.get_or_insert(self.history.len());
        }
        self.actions = actions;
        Ok(done)
    }

    /// Shim and code agree.
    fn check_shim(&self, stand: &Stand, done: bool) -> Result<(), String> {
        if stand.issued.len() != self.actions.len() {
            return Err(format!(
                "the code issued {} actions, the shim {}: it waits for something the code does not wait for",
                self.actions.len(),
                stand.issued.len()
            ));
        }
        for (id, (shim, code)) in stand.issued.iter().zip(&self.actions).enumerate() {
            if (shim.kind, &shim.name, &shim.input) != (code.kind, &code.name, &code.input) {
                return Err(format!("id {id} is {code:?} to the code, {shim:?} to the shim"));
            }
        }
        if !done {
            return Ok(());
        }
        // A broken episode counts answers that are held back: it fails the instance once they are not.
        let later = self.broken && stand.suspended;
        if !stand.at_end && !later {
            return Err("the code is done, the shim does not get to the end".to_owned());
        }
        if stand.suspended {
            return Ok(());
        }
        let answered = |id: usize| {
            self.history
                .iter()
                .any(|e| matches!(kind(e), 5 | 6 | 8 | 9) && e["TaskScheduledId"] == id)
        };
        let tasks = |id: usize| matches!(self.actions[id].kind, Kind::Activity | Kind::SubOrchestration);
        let held = (0..self.actions.len()).any(|id| tasks(id) && !answered(id));
        if stand.open != held {
            return Err(format!(
                "the code is done and calls are out: {held}; the shim is held: {}",
                stand.open
            ));
        }
        Ok(())
    }

    /// Records that an action was issued, and makes its answer.
    fn send(&mut self, id: usize, work: &Work) {
        let (mut scheduled, mut completed);
        let mut due = self.now + self.dice.delay();
        match work.kind {
            Kind::Timer => {
                let fire_at = work.fire_at.unwrap();
                let clock = self.history.iter().rfind(|e| kind(e) == 12).unwrap();
                self.tally.relays += usize::from(!work.cancelled && model::instant(&clock["Timestamp"]) == fire_at);
                scheduled = json!({"EventType": 10, "FireAt": text(fire_at)});
                completed = json!({"EventType": 11, "TimerId": id, "FireAt": text(fire_at)});
                due = fire_at + self.dice.up_to(2);
                if self.program.world.skew {
                    due -= self.dice.up_to(240);
                }
            }
            Kind::Activity | Kind::SubOrchestration => {
                let activity = work.kind == Kind::Activity;
                let name = if self.dice.one_in(4) {
                    work.name.to_uppercase()
                } else {
                    work.name.clone()
                };
                scheduled = json!({"EventType": if activity { 4 } else { 7 }, "Name": name, "Input": null});
                if !activity {
                    let own = || format!("5d0c:{id}");
                    scheduled["InstanceId"] = json!(work.instance_id.clone().unwrap_or_else(own));
                }
                let failures = self.program.world.failures;
                completed = if failures > 0 && self.dice.one_in(failures) {
                    let fatal = if self.dice.one_in(3) { "fatal" } else { "boom" };
                    let reason = format!("Activity function '{}' failed:  {fatal} <{}>", work.name, work.input);
                    json!({"EventType": if activity { 6 } else { 9 }, "Reason": reason, "Details": ""})
                } else if work.name == HTTP {
                    json!({"EventType": 5, "Result": self.http_answer(&work.input).to_string()})
                } else {
                    let result = json!({"echo": work.input}).to_string();
                    json!({"EventType": if activity { 5 } else { 8 }, "Result": result})
                };
                completed["TaskScheduledId"] = json!(id);
            }
            Kind::Call | Kind::Signal | Kind::Lock | Kind::Release => {
                let failures = self.program.world.failures;
                let (sent, response) = entities::messages(work, failures > 0 && self.dice.one_in(failures));
                scheduled = sent;
                completed = response.unwrap_or_default();
            }
        }
        scheduled["EventId"] = json!(id);
        scheduled["Timestamp"] = json!(text(self.now));
        scheduled["IsPlayed"] = json!(false);
        if !completed.is_null() {
            completed["EventId"] = json!(-1);
        }
        self.history.push(scheduled);
        if completed.is_null() {
            return;
        }
        // The message of a cancelled timer is on its way all the same.
        if self.dice.one_in(12) {
            let event = completed.clone();
            let due = due + self.dice.delay();
            self.inbox.push(Message { due, event });
        }
        self.inbox.push(Message { due, event: completed });
    }

    fn http_answer(&mut self, serial: &Value) -> Value {
        let content = format!("answer to {serial}");
        match self.dice.below(6) {
            0 => json!({"statusCode": 503, "headers": {}, "content": content}),
            1 | 2 => {
                self.tally.polls += 1;
                let mut headers = json!({"Location": format!("/status/{serial}")});
                if self.dice.one_in(2) {
                    headers["Retry-After"] = json!(self.dice.below(700_000).to_string());
                }
                json!({"statusCode": 202, "headers": headers, "content": content})
            }
            _ => json!({"statusCode": 200, "headers": {}, "content": content}),
        }
    }

    /// Lets time pass until something has come, and begins the next episode with it.
    fn next_episode(&mut self) -> Result<(), String> {
        let hurry = self.suspended && self.limits.clock_suspends;
        if hurry {
            self.now += self.dice.up_to(900);
        } else if let Some(first) = self.inbox.iter().map(|m| m.due).min() {
            let late = [0, 0, 60, 3_600, 250_000][self.dice.place(4)];
            self.now = self.now.max(first) + self.dice.up_to(late);
        } else if !self.suspended {
            self.encores += 1;
            if self.encores > 60 {
                return Err(format!("the code waits for ever\n{}", self.describe(&Value::Null)));
            }
            for name in 0..4 {
                self.raise(name, self.now);
            }
        }
        if self.dice.one_in(8) {
            self.raise(9, self.now);
        }
        let (now, all) = (self.now, 1 + self.dice.below(12));
        let mut batch: Vec<Value> = Vec::new();
        let (due, later): (Vec<_>, Vec<_>) = self.inbox.drain(..).partition(|m| m.due <= now);
        self.inbox = later;
        for message in due {
            if (batch.len() as u64) < all {
                let place = self.dice.place(batch.len());
                batch.insert(place, message.event);
            } else {
                self.inbox.push(message);
            }
        }
        if self.suspended && (hurry || self.inbox.is_empty() || self.dice.one_in(3)) {
            let place = self.dice.place(batch.len());
            batch.insert(place, json!({"EventType": 20, "EventId": -1, "Reason": "go on"}));
        } else if !self.suspended && self.program.world.suspensions && self.dice.one_in(6) {
            let place = self.dice.place(batch.len());
            batch.insert(place, json!({"EventType": 19, "EventId": -1, "Reason": "wait"}));
            if self.dice.one_in(3) {
                let place = place + 1 + self.dice.place(batch.len() - place - 1);
                batch.insert(place, json!({"EventType": 20, "EventId": -1, "Reason": "go on"}));
            }
        }
        for event in batch.iter().filter(|e| kind(e) == 15) {
            self.events.arrive(event);
        }
        let first = self.history.len();
        self.history.push(json!({"EventType": 12, "EventId": -1}));
        self.history.extend(batch);
        self.stamp(first);
        Ok(())
    }

    /// The execution ends and the next one begins.
    fn restart(&mut self, input: &Value, carried_over: Vec<Value>) -> Result<(), String> {
        let preserve = self.tape.iter().find_map(|e| match e {
            Entry::Continued { preserve } => Some(*preserve),
            _ => None,
        });
        let (handed_on, input) = match input.get("$azure-functions-rs") {
            Some(envelope) => (envelope["events"].as_array().unwrap().clone(), input["input"].clone()),
            None => (Vec::new(), input.clone()),
        };
        self.tally.restarts += 1;
        self.tally.events_handed_on += handed_on.len();
        let late = carried_over.iter().filter(|e| entities::is_response(e)).count();
        self.tally.late_responses += late;
        self.tally.events_carried_over += carried_over.len() - late;
        self.generation += 1;
        if input != json!({"generation": self.generation}) {
            return Err(format!("the next execution gets the input {input}"));
        }
        let seen_until = check::seen_until(&self.tape, &self.actions, &self.history);
        let arrived_late = self.history[self.done_at.unwrap()..]
            .iter()
            .filter(|e| kind(e) == 15 && !entities::is_response(e))
            .count();
        self.events.hand_over(
            preserve.unwrap(),
            &self.tape,
            &handed_on,
            &carried_over,
            arrived_late,
            seen_until.map_or(&[], |place| &self.history[..place]),
        )?;
        // Answers to the old execution are dropped.
        self.inbox.retain(|m| kind(&m.event) == 15);
        self.input = if handed_on.is_empty() {
            input
        } else {
            json!({"$azure-functions-rs": {"events": handed_on}, "input": input})
        };
        self.begin(carried_over);
        Ok(())
    }

    fn describe(&self, answer: &Value) -> String {
        use std::fmt::Write;
        let mut text = format!("generation {}, history:\n", self.generation);
        for event in &self.history {
            let _ = writeln!(text, "  {event}");
        }
        let _ = writeln!(text, "tape of the episode before:");
        for entry in &self.tape {
            let _ = writeln!(text, "  {entry:?}");
        }
        let _ = writeln!(text, "answer: {answer}");
        text
    }
}

pub(crate) fn kind(event: &Value) -> u64 {
    event["EventType"].as_u64().unwrap()
}

fn text(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// The answer; the only failures are those that programs plan.
fn read(result: &Result<String, String>) -> Result<Value, String> {
    let json = match result {
        Ok(json) => json,
        Err(message) => {
            let (friendly, json) = message
                .split_once("\n\n$OutOfProcData$:")
                .ok_or_else(|| format!("failed without an answer: {message}"))?;
            if !friendly.contains("planned") {
                return Err(message.clone());
            }
            json
        }
    };
    serde_json::from_str(json).map_err(|e| format!("{e}: {json}"))
}
