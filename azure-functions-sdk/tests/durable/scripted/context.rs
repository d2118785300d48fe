//! What the code of an orchestration sees, whichever wire it is on, and what it asks for.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::Stop;

/// A turn as either wire tells it.
pub(super) struct Turn {
    pub(super) instance_id: String,
    pub(super) input: Value,
    /// Time of the first turn.
    pub(super) began: DateTime<Utc>,
    pub(super) events: Vec<Event>,
}

/// An event that code waits for, or that tells what has been asked for before.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// A task, a sub-orchestration, or a timer with this id has ended.
    Settled { id: i64, result: Result<Value, String> },
    /// An external event, or an answer of an entity, which is named for the request.
    Raised { name: String, input: Value },
    /// A request to an entity, with the id that its answer is named for.
    Sent { id: i64, request: Value },
    /// An action with this id has been taken.
    Scheduled { id: i64 },
}

/// Something that an orchestration asks for.
#[derive(Clone, Debug)]
pub(super) enum Action {
    Activity {
        name: String,
        input: Value,
    },
    Child {
        name: String,
        instance_id: Option<String>,
        input: Value,
    },
    Http(Value),
    Timer(DateTime<Utc>),
    AwaitEvent(String),
    Call {
        target: String,
        operation: String,
        input: Value,
    },
    Signal {
        target: String,
        operation: String,
        input: Value,
        due: Option<DateTime<Utc>>,
    },
    /// Names and keys.
    Lock(Vec<(String, String)>),
    /// As many locks as it says.
    Release(i64),
    All(Vec<Self>),
    ContinueAsNew(Value),
}

/// What an orchestration sees: each call is awaited at once.
pub(crate) struct Context {
    pub(crate) input: Value,
    pub(crate) instance_id: String,
    began: DateTime<Utc>,
    events: Vec<Event>,
    pub(super) actions: Vec<Action>,
    pub(super) custom_status: Value,
    next_id: i64,
    events_taken: BTreeMap<String, usize>,
}

impl Context {
    pub(super) fn new(turn: Turn) -> Self {
        Self {
            input: turn.input,
            instance_id: turn.instance_id,
            began: turn.began,
            events: turn.events,
            actions: Vec::new(),
            custom_status: Value::Null,
            next_id: 0,
            events_taken: BTreeMap::new(),
        }
    }

    pub(crate) fn activity(&mut self, name: &str, input: impl Into<Value>) -> Result<Value, Stop> {
        self.actions.push(activity(name, input.into()));
        self.task()
    }

    /// Activities side by side.
    pub(crate) fn all(&mut self, calls: &[(&str, Value)]) -> Result<Value, Stop> {
        self.together(
            calls
                .iter()
                .map(|(name, input)| activity(name, input.clone()))
                .collect(),
        )
    }

    /// Sub-orchestrations of one name side by side, by their ids.
    pub(crate) fn children(&mut self, name: &str, ids: &[String], input: impl Into<Value>) -> Result<Value, Stop> {
        let input = input.into();
        self.together(ids.iter().map(|id| child(name, Some(id), input.clone())).collect())
    }

    /// An HTTP request that does not poll.
    pub(crate) fn http(&mut self, request: &Value) -> Result<Value, Stop> {
        self.actions.push(Action::Http(request.clone()));
        self.task()
    }

    pub(crate) fn child(&mut self, name: &str, id: Option<&str>, input: impl Into<Value>) -> Result<Value, Stop> {
        self.actions.push(child(name, id, input.into()));
        self.task()
    }

    /// A timer so many seconds after the first episode.
    pub(crate) fn timer(&mut self, seconds: i64) -> Result<(), Stop> {
        self.actions.push(Action::Timer(self.after(seconds)));
        self.task().map(|_| ())
    }

    pub(crate) fn event(&mut self, name: &str) -> Result<Value, Stop> {
        self.actions.push(Action::AwaitEvent(name.to_owned()));
        let taken = self.events_taken.entry(name.to_owned()).or_default();
        let mut raised = self.events.iter().filter_map(|event| match event {
            Event::Raised { name: raised, input } if raised == name => Some(input),
            _ => None,
        });
        let event = raised.nth(*taken).ok_or(Stop::Waiting)?;
        *taken += 1;
        Ok(event.clone())
    }

    /// Calls an entity.
    pub(crate) fn call(&mut self, id: &str, operation: &str, input: impl Into<Value>) -> Result<Value, Stop> {
        self.actions.push(Action::Call {
            target: id.to_owned(),
            operation: operation.to_owned(),
            input: input.into(),
        });
        let answer = self.answer_of()?;
        let result = super::parsed(answer["result"].as_str());
        // The wires tell failures in words of their own.
        if answer.get("exceptionType").is_some() {
            return Err(Stop::Failed(result.as_str().unwrap().to_owned()));
        }
        match answer["failureDetails"]["ErrorMessage"].as_str() {
            Some(message) => Err(Stop::Failed(message.to_owned())),
            None => Ok(result),
        }
    }

    pub(crate) fn signal(&mut self, id: &str, operation: &str, input: impl Into<Value>) {
        self.tell(id, operation, input.into(), None);
    }

    /// A signal so many seconds after the first episode.
    pub(crate) fn signal_later(&mut self, seconds: i64, id: &str, operation: &str, input: impl Into<Value>) {
        self.tell(id, operation, input.into(), Some(self.after(seconds)));
    }

    /// Locks counters.
    pub(crate) fn lock(&mut self, keys: &[&str]) -> Result<(), Stop> {
        let counter = |key: &&str| ("counter".to_owned(), (*key).to_owned());
        self.actions.push(Action::Lock(keys.iter().map(counter).collect()));
        self.answer_of().map(|_| ())
    }

    /// Releases so many locks.
    pub(crate) fn release(&mut self, locks: i64) {
        self.actions.push(Action::Release(locks));
        self.next_id += locks;
    }

    pub(crate) fn continue_as_new<T>(&mut self, input: impl Into<Value>) -> Result<T, Stop> {
        self.actions.push(Action::ContinueAsNew(input.into()));
        Err(Stop::Continued)
    }

    pub(crate) fn custom_status(&mut self, status: impl Into<Value>) {
        self.custom_status = status.into();
    }

    fn after(&self, seconds: i64) -> DateTime<Utc> {
        self.began + TimeDelta::seconds(seconds)
    }

    fn tell(&mut self, target: &str, operation: &str, input: Value, due: Option<DateTime<Utc>>) {
        self.actions.push(Action::Signal {
            target: target.to_owned(),
            operation: operation.to_owned(),
            input,
            due,
        });
        self.next_id += 1;
    }

    fn together(&mut self, members: Vec<Action>) -> Result<Value, Stop> {
        let count = members.len();
        self.actions.push(Action::All(members));
        let results: Vec<Result<Value, Stop>> = (0..count).map(|_| self.task()).collect();
        Ok(results.into_iter().collect::<Result<Vec<_>, _>>()?.into())
    }

    fn task(&mut self) -> Result<Value, Stop> {
        let own = self.next_id;
        self.next_id += 1;
        let mut settled = self.events.iter().filter_map(|event| match event {
            Event::Settled { id, result } if *id == own => Some(result),
            _ => None,
        });
        let result = settled.next().ok_or(Stop::Waiting)?;
        result.clone().map_err(Stop::Failed)
    }

    /// What entities answered to the request that is sent now.
    fn answer_of(&mut self) -> Result<Value, Stop> {
        let own = self.next_id;
        self.next_id += 1;
        let mut sent = self.events.iter().filter_map(|event| match event {
            Event::Sent { id, request } if *id == own => Some(request),
            _ => None,
        });
        let request = sent.next().ok_or(Stop::Waiting)?;
        let mut answers = self.events.iter().filter_map(|event| match event {
            Event::Raised { name, input } if request == name => Some(input),
            _ => None,
        });
        answers.next().cloned().ok_or(Stop::Waiting)
    }
}

fn activity(name: &str, input: Value) -> Action {
    Action::Activity {
        name: name.to_owned(),
        input,
    }
}

fn child(name: &str, instance_id: Option<&str>, input: Value) -> Action {
    Action::Child {
        name: name.to_owned(),
        instance_id: instance_id.map(str::to_owned),
        input,
    }
}
