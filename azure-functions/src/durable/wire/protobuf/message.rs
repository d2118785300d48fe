//! The messages of an orchestration to entities: events with DurableTask's own JSON. (There is an action for them, `sendEntityMessage`; an
//! entity that is new never gets to see what comes with that.)

use crate::durable::{
    replay::{
        action::ActionKind,
        clock::add,
        history::{Event, History, fold_name},
    },
    wire::json::time::write_instant,
};
use azure_functions_durable::{
    EntityId,
    protobuf::{OrchestrationInstance, SendEventAction},
};
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Namespace of the ids of requests.
const NAMESPACE: Uuid = Uuid::from_u128(0x3f0c_8d5e_61f7_4d0a_9a7c_5f27_c4be_1d86);

/// Stands for no time.
const NEVER: &str = "0001-01-01T00:00:00";

/// Makes the messages of one execution. Entities put what comes from one execution into the order of its timestamps, and know by the
/// predecessor whether something is missing; so each message to an entity is later than the one before.
pub(super) struct Messages<'a> {
    history: &'a History,
    now: DateTime<Utc>,
    newest: &'a mut Newest,
}

/// By entity: the timestamp of the newest message to it. Read from the history with the first message.
#[derive(Debug, Default)]
pub(crate) struct Newest(Option<BTreeMap<String, DateTime<Utc>>>);

/// Members in the order in which other workers write them.
#[derive(Serialize)]
struct Request<'a> {
    op: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    signal: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<&'a str>,
    id: Uuid,
    parent: &'a str,
    #[serde(rename = "parentExecution")]
    parent_execution: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<&'a str>,
    #[serde(rename = "Timestamp")]
    timestamp: &'a str,
    #[serde(rename = "Predecessor")]
    predecessor: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    lockset: Option<Vec<Member<'a>>>,
    #[serde(rename = "IsLockRequest")]
    is_lock_request: bool,
    /// Where the orchestration has a trace: the extension makes a span of the call, below that of the orchestration.
    #[serde(rename = "createTrace", skip_serializing_if = "std::ops::Not::not")]
    create_trace: bool,
    #[serde(rename = "requestTime", skip_serializing_if = "Option::is_none")]
    request_time: Option<String>,
}

#[derive(Serialize)]
struct Member<'a> {
    name: &'a str,
    key: &'a str,
}

#[derive(Serialize)]
struct Release<'a> {
    parent: &'a str,
    id: Uuid,
}

/// What an operation is asked for with.
pub(super) struct Operation<'a> {
    pub(super) target: &'a str,
    pub(super) name: &'a str,
    /// JSON text.
    pub(super) input: &'a str,
    pub(super) is_signal: bool,
    /// When it is to be delivered, if not at once.
    pub(super) at: Option<DateTime<Utc>>,
}

impl<'a> Messages<'a> {
    /// `now` is the clock of this turn.
    pub(super) fn new(history: &'a History, now: DateTime<Utc>, newest: &'a mut Newest) -> Self {
        Self {
            history,
            // As exact as it is written, and read again.
            now: now.trunc_subsecs(7),
            newest,
        }
    }

    /// A call or a signal, sent as the action of this id.
    pub(super) fn operation(&mut self, action: u32, operation: &Operation<'_>) -> SendEventAction {
        let due = operation.at.map(instant);
        let (timestamp, predecessor) = match due {
            // What is delivered at a time of its own is in no order.
            Some(_) => (NEVER.to_owned(), NEVER.to_owned()),
            None => self.label(operation.target),
        };
        let history = self.history;
        let request = Request {
            op: Some(operation.name),
            signal: operation.is_signal,
            input: Some(operation.input).filter(|input| *input != "null"),
            id: request_id(history, action),
            parent: &history.instance_id,
            parent_execution: &history.execution_id,
            due: due.as_deref(),
            timestamp: &timestamp,
            predecessor: &predecessor,
            lockset: None,
            is_lock_request: false,
            create_trace: history.trace.is_some(),
            request_time: history.trace.as_ref().map(|_| instant(self.now)),
        };
        let name = due.as_ref().map_or_else(|| "op".to_owned(), |due| format!("op@{due}"));
        event(operation.target, name, json(&request))
    }

    /// Asks the first entity for the locks of all; each asks the next one.
    pub(super) fn lock(&mut self, entities: &[EntityId], id: Uuid) -> SendEventAction {
        let target = entities.first().map(ToString::to_string).unwrap_or_default();
        let (timestamp, predecessor) = self.label(&target);
        let members = entities.iter().map(|entity| Member {
            name: entity.name(),
            key: entity.key(),
        });
        let request = Request {
            op: None,
            signal: false,
            input: None,
            id,
            parent: &self.history.instance_id,
            parent_execution: &self.history.execution_id,
            due: None,
            timestamp: &timestamp,
            predecessor: &predecessor,
            lockset: Some(members.collect()),
            is_lock_request: true,
            create_trace: false,
            request_time: None,
        };
        event(&target, "op".to_owned(), json(&request))
    }

    /// Gives a lock back.
    pub(super) fn release(&self, target: &str, id: Uuid) -> SendEventAction {
        let release = Release {
            parent: &self.history.instance_id,
            id,
        };
        event(target, "release".to_owned(), json(&release))
    }

    /// The timestamp of the next message to an entity, and the one before.
    fn label(&mut self, target: &str) -> (String, String) {
        let times = self.newest.0.get_or_insert_with(|| recorded(self.history));
        let target = fold_name(target);
        let newest = times.get(&target).copied();
        let timestamp = newest.map_or(self.now, |newest| {
            self.now.max(add(newest, TimeDelta::nanoseconds(100)))
        });
        times.insert(target, timestamp);
        (instant(timestamp), newest.map_or_else(|| NEVER.to_owned(), instant))
    }
}

/// By entity: the timestamp of the newest message to it that the history has.
fn recorded(history: &History) -> BTreeMap<String, DateTime<Utc>> {
    #[derive(Deserialize)]
    struct Dated<'a> {
        #[serde(rename = "Timestamp", borrow)]
        timestamp: Option<&'a str>,
    }
    let mut times = BTreeMap::new();
    for event in history.all_events() {
        let Event::Sent { target, request, .. } = event else {
            continue;
        };
        let (Some(target), Some(text)) = (history.text(target), history.text(request)) else {
            continue;
        };
        let dated = serde_json::from_str(&text)
            .ok()
            .and_then(|dated: Dated<'_>| dated.timestamp);
        if let Some(time) = dated.and_then(|time| time.parse().ok()) {
            times.insert(fold_name(&target), time);
        }
    }
    times
}

/// The id of the request that an action makes: the same in every replay, and no other's.
pub(super) fn request_id(history: &History, action: u32) -> Uuid {
    let name = format!("{}_{}_{action}", history.instance_id, history.execution_id);
    Uuid::new_v5(&NAMESPACE, name.as_bytes())
}

/// The name of the event that answers an action, if that is a message that is answered.
pub(crate) fn answering_event(history: &History, id: u32, action: &ActionKind) -> Option<String> {
    match action {
        ActionKind::CallEntity { .. } => Some(request_id(history, id).to_string()),
        ActionKind::LockEntities { request, .. } => Some(request.to_string()),
        _ => None,
    }
}

fn instant(time: DateTime<Utc>) -> String {
    let mut text = String::new();
    write_instant(&mut text, time);
    text
}

/// An event for an instance, which may be an entity's.
pub(super) fn event(target: &str, name: String, data: Option<String>) -> SendEventAction {
    SendEventAction {
        instance: Some(OrchestrationInstance {
            instance_id: target.to_owned(),
            execution_id: None,
        }),
        name,
        data,
    }
}

/// Texts and numbers only: that can be written.
fn json(message: &impl Serialize) -> Option<String> {
    serde_json::to_string(message).ok()
}
