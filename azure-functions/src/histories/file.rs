//! Reads a history file: which orchestration it is of, how that ended, and the payload that replays it.
//!
//! Events and the other members of a payload go on as they stand in the file: what the host offered decides what the worker
//! answers. Only the number of an event's type is put in, where a tool wrote its name.

use super::ReplayError;
use crate::json_text;
use serde::Deserialize;
use serde_json::{Map, Value, json, value::RawValue};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

/// How far the recorded instance had come.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Recorded {
    /// The file does not tell: it is the payload of an episode, or its code may have ended while something it no longer
    /// waited for held the instance.
    Unfinished,
    /// Its last turn was over, and its code waited for an event or a timer.
    Waiting,
    /// It returned this.
    Completed(Value),
    /// It failed, for whatever reason.
    Failed,
    /// It was ended from outside, or made place for its next execution.
    Stopped,
}

/// A history file, read.
#[derive(Debug)]
pub(super) struct HistoryFile {
    /// As the task hub knows it; `None` if the file does not say.
    pub(super) orchestration: Option<String>,
    pub(super) instance_id: String,
    pub(super) recorded: Recorded,
    /// What the trigger would deliver for the last episode.
    pub(super) payload: String,
}

/// The members of a file that is an object, by name, as they stand there.
type Members<'a> = BTreeMap<String, Cow<'a, str>>;

/// As much of an event as is looked at here.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Seen {
    #[serde(default)]
    event_type: Value,
    #[serde(default)]
    event_id: Value,
    #[serde(default)]
    task_scheduled_id: Value,
    #[serde(default)]
    name: Value,
    #[serde(default)]
    input: Value,
    #[serde(default)]
    orchestration_instance: Value,
    #[serde(default)]
    parent_instance: Value,
    #[serde(default)]
    timestamp: Value,
    #[serde(default)]
    orchestration_status: Value,
    #[serde(default)]
    result: Value,
}

/// An event with the number of its type.
struct Event<'a> {
    number: Option<u64>,
    seen: Seen,
    raw: &'a RawValue,
}

/// Names of DurableTask.Core's EventType, by number. `func durable get-history` of the Azure Functions Core Tools
/// writes names where payloads have numbers.
const EVENT_TYPES: [&str; 22] = [
    "ExecutionStarted",
    "ExecutionCompleted",
    "ExecutionFailed",
    "ExecutionTerminated",
    "TaskScheduled",
    "TaskCompleted",
    "TaskFailed",
    "SubOrchestrationInstanceCreated",
    "SubOrchestrationInstanceCompleted",
    "SubOrchestrationInstanceFailed",
    "TimerCreated",
    "TimerFired",
    "OrchestratorStarted",
    "OrchestratorCompleted",
    "EventSent",
    "EventRaised",
    "ContinueAsNew",
    "GenericEvent",
    "HistoryState",
    "ExecutionSuspended",
    "ExecutionResumed",
    "ExecutionRewound",
];
const EXECUTION_STARTED: u64 = 0;
const EXECUTION_COMPLETED: u64 = 1;
const EXECUTION_TERMINATED: u64 = 3;
/// Activities and sub-orchestrations: begun, and ended one way or the other.
const CALLS: [u64; 2] = [4, 7];
const CALLS_ENDED: [u64; 4] = [5, 6, 8, 9];
const ORCHESTRATOR_STARTED: u64 = 12;
const ORCHESTRATOR_COMPLETED: u64 = 13;
const CONTINUE_AS_NEW: u64 = 16;

/// Numbers of OrchestrationStatus.
const STATUS_COMPLETED: u64 = 1;
const STATUS_FAILED: u64 = 3;

/// What a host of today on Azure Storage offers, for histories that were saved without it.
const OF_THE_HOST: [(&str, &str); 3] = [
    ("upperSchemaVersion", "1"),
    ("upperSchemaVersionNew", "3"),
    ("maximumShortTimerDuration", "\"6.00:00:00\""),
];
/// Every trigger payload has it, and nothing else that holds a history.
const OF_A_PAYLOAD: &str = "isReplaying";

impl HistoryFile {
    /// Reads the text of a file.
    pub(super) fn read(text: &str) -> Result<Self, ReplayError> {
        // Editors and shells of Windows put a mark before the text.
        let text = text.trim_start_matches('\u{feff}');
        let whole: &RawValue = serde_json::from_str(text).map_err(ReplayError::Json)?;
        let bare = whole.get().starts_with('[');
        let (history, members) = if bare {
            (Some(whole), Members::default())
        } else {
            (history_of(whole.get())?, members_of(whole.get()))
        };
        let events: Vec<&RawValue> = history
            .and_then(|list| serde_json::from_str(list.get()).ok())
            .ok_or(ReplayError::NoHistory)?;
        let mut events: Vec<Event<'_>> = events.into_iter().filter_map(Event::read).collect();
        match (events.is_empty(), bare) {
            // Any list of anything.
            (true, true) => return Err(ReplayError::NoHistory),
            (true, false) => return Err(ReplayError::NotStarted),
            (false, _) => {}
        }
        if !events.iter().any(|e| e.is(ORCHESTRATOR_STARTED)) {
            return Err(ReplayError::Lossy);
        }
        events.drain(..start_of_last_execution(&events));
        Self::of(&events, members)
    }

    fn of(events: &[Event<'_>], mut members: Members<'_>) -> Result<Self, ReplayError> {
        let started = events
            .iter()
            .find(|e| e.is(EXECUTION_STARTED))
            .ok_or(ReplayError::NotStarted)?;
        let is_payload = members.contains_key(OF_A_PAYLOAD);
        // Null is as good as nothing.
        members.retain(|_, value| value != "null");
        let instance = |link: &Value| link["InstanceId"].as_str().map(str::to_owned);
        let text = |name: &str| serde_json::from_str::<String>(members.get(name)?).ok();
        let instance_id = text("instanceId")
            .or_else(|| instance(&started.seen.orchestration_instance))
            .unwrap_or_else(|| "unknown".to_owned());
        let parent =
            text("parentInstanceId").or_else(|| instance(&started.seen.parent_instance["OrchestrationInstance"]));
        members.insert(
            "instanceId".to_owned(),
            Value::from(instance_id.as_str()).to_string().into(),
        );
        members.insert("parentInstanceId".to_owned(), Value::from(parent).to_string().into());
        members
            .entry("input".to_owned())
            .or_insert_with(|| started_with(&started.seen.input).into());
        if !is_payload {
            members.insert(OF_A_PAYLOAD.to_owned(), "true".into());
            for (name, value) in OF_THE_HOST {
                members.entry(name.to_owned()).or_insert(value.into());
            }
        }
        let mut payload = String::from("{\"history\":[");
        for (index, event) in events.iter().enumerate() {
            if index > 0 {
                payload.push(',');
            }
            event.write(&mut payload);
        }
        let recorded = recorded(events);
        if let Some(last) = events.last().filter(|last| last.is(ORCHESTRATOR_COMPLETED))
            && matches!(recorded, Recorded::Waiting | Recorded::Unfinished)
        {
            // The next episode, in which nothing is new: what the last one asked for is recorded, and patches that were not
            // are false.
            let begun = json!({"EventType": ORCHESTRATOR_STARTED, "EventId": -1, "Timestamp": last.seen.timestamp});
            let _ = write!(payload, ",{begun}");
        }
        payload.push(']');
        for (name, value) in &members {
            // Writing to a String cannot fail.
            let _ = write!(payload, ",{}:{value}", Value::from(name.as_str()));
        }
        payload.push('}');
        Ok(Self {
            orchestration: started.seen.name.as_str().map(str::to_owned),
            instance_id,
            recorded,
            payload,
        })
    }
}

/// The `history` of an object.
fn history_of(text: &str) -> Result<Option<&RawValue>, ReplayError> {
    #[derive(Deserialize)]
    struct Object<'a> {
        #[serde(borrow)]
        history: Option<&'a RawValue>,
        #[serde(borrow, rename = "historyEvents")]
        history_events: Option<&'a RawValue>,
        #[serde(borrow, rename = "self")]
        entity: Option<&'a RawValue>,
        #[serde(borrow)]
        batch: Option<&'a RawValue>,
    }
    match serde_json::from_str(text) {
        Ok(Object {
            history: Some(list), ..
        }) => Ok(Some(list)),
        Ok(Object {
            history_events: Some(_),
            ..
        }) => Err(ReplayError::Lossy),
        Ok(Object {
            entity: Some(_),
            batch: Some(_),
            ..
        }) => Err(ReplayError::EntityBatch),
        // A number or a text is JSON, too.
        _ => Ok(None),
    }
}

/// The other members of an object.
fn members_of(text: &str) -> Members<'_> {
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(text).unwrap_or_default();
    let others = members.into_iter().filter(|(name, _)| name != "history");
    others.map(|(name, value)| (name, value.get().into())).collect()
}

/// The input of a history that was saved without it, as the trigger would deliver it.
fn started_with(input: &Value) -> String {
    match input {
        // Text that is no JSON is given as a string, as the extension does.
        Value::String(text) => match serde_json::from_str::<&RawValue>(text) {
            Ok(json) => json.get().to_owned(),
            Err(_) => input.to_string(),
        },
        other => other.to_string(),
    }
}

impl<'a> Event<'a> {
    /// `None` for what is no event.
    fn read(raw: &'a RawValue) -> Option<Self> {
        let seen: Seen = serde_json::from_str(raw.get()).ok()?;
        let number = match &seen.event_type {
            Value::String(name) => {
                let place = EVENT_TYPES.iter().position(|known| known == name);
                place.and_then(|place| u64::try_from(place).ok())
            }
            number => Some(number.as_u64()?),
        };
        Some(Self { number, seen, raw })
    }

    fn is(&self, number: u64) -> bool {
        self.number == Some(number)
    }

    fn write(&self, out: &mut String) {
        if let (Value::String(_), Ok(mut members)) = (
            &self.seen.event_type,
            serde_json::from_str::<Map<String, Value>>(self.raw.get()),
        ) {
            // A name that is not known becomes null, an event that nothing reacts to.
            members.insert("EventType".to_owned(), self.number.into());
            out.push_str(&Value::Object(members).to_string());
        } else {
            out.push_str(self.raw.get());
        }
    }
}

/// Continue-as-new gives the next execution a history of its own. A list that holds several executions all the same is
/// of the last.
fn start_of_last_execution(events: &[Event<'_>]) -> usize {
    let Some(ended) = events.iter().rposition(|e| e.is(CONTINUE_AS_NEW)) else {
        return 0;
    };
    let next = events[ended..]
        .iter()
        .position(|e| e.is(ORCHESTRATOR_STARTED))
        .map(|place| ended + place);
    next.filter(|next| events[*next..].iter().any(|e| e.is(EXECUTION_STARTED)))
        .unwrap_or(0)
}

fn recorded(events: &[Event<'_>]) -> Recorded {
    // A rewind takes the end away, or goes on behind it.
    let Some(last) = events.iter().rev().find(|e| {
        [
            EXECUTION_COMPLETED,
            EXECUTION_TERMINATED,
            CONTINUE_AS_NEW,
            ORCHESTRATOR_STARTED,
        ]
        .iter()
        .any(|number| e.is(*number))
    }) else {
        return Recorded::Unfinished;
    };
    let status = &last.seen.orchestration_status;
    let status = |number: u64, name: &str| *status == number || *status == name;
    match last.number {
        Some(EXECUTION_TERMINATED | CONTINUE_AS_NEW) => Recorded::Stopped,
        Some(EXECUTION_COMPLETED) if status(STATUS_COMPLETED, "Completed") => {
            let result = last.seen.result.as_str().unwrap_or("null");
            Recorded::Completed(json_text::value_or_text(result).unwrap_or_default())
        }
        Some(EXECUTION_COMPLETED) if status(STATUS_FAILED, "Failed") => Recorded::Failed,
        Some(EXECUTION_COMPLETED) => Recorded::Stopped,
        _ if events.last().is_some_and(|e| e.is(ORCHESTRATOR_COMPLETED)) && !has_open_call(events) => Recorded::Waiting,
        _ => Recorded::Unfinished,
    }
}

/// Whether an activity or a sub-orchestration has not ended: it keeps an instance from ending, whatever the code does.
fn has_open_call(events: &[Event<'_>]) -> bool {
    let of = |numbers: &[u64], e: &Event<'_>| e.number.is_some_and(|number| numbers.contains(&number));
    let ended: BTreeSet<u64> = events
        .iter()
        .filter(|e| of(&CALLS_ENDED, e))
        .filter_map(|e| e.seen.task_scheduled_id.as_u64())
        .collect();
    let mut begun = events.iter().filter(|e| of(&CALLS, e));
    begun.any(|e| e.seen.event_id.as_u64().is_none_or(|id| !ended.contains(&id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &Value) -> Result<HistoryFile, ReplayError> {
        HistoryFile::read(&value.to_string())
    }

    fn started() -> Value {
        json!({"EventType": 0, "EventId": -1, "Name": "Ship", "Input": "{\"sku\":1.50}", "Timestamp": "2031-05-04T10:00:00Z",
               "OrchestrationInstance": {"InstanceId": "order-7", "ExecutionId": "e"},
               "ParentInstance": {"OrchestrationInstance": {"InstanceId": "mother"}}})
    }

    fn turn() -> Value {
        json!({"EventType": 12, "EventId": -1, "Timestamp": "2031-05-04T10:00:00Z"})
    }

    fn end(status: i32, result: &Value) -> Value {
        json!({"EventType": 1, "EventId": 3, "OrchestrationStatus": status, "Result": result, "Timestamp": "2031-05-04T10:00:00Z"})
    }

    #[test]
    fn a_bare_array_becomes_the_payload_that_the_trigger_would_deliver() {
        let file = read(&json!([turn(), started()])).unwrap();
        assert_eq!(file.orchestration.as_deref(), Some("Ship"));
        let payload: Value = serde_json::from_str(&file.payload).unwrap();
        assert_eq!(payload["history"], json!([turn(), started()]));
        assert_eq!(payload["instanceId"], "order-7");
        assert_eq!(payload["parentInstanceId"], "mother");
        assert_eq!(payload["upperSchemaVersionNew"], 3);
        assert!(
            file.payload.contains("\"input\":{\"sku\":1.50}"),
            "the text of the input stays"
        );
    }

    #[test]
    fn an_instance_that_waits_is_given_its_next_episode_and_one_that_ended_is_not() {
        let over = json!({"EventType": 13, "EventId": -1, "Timestamp": "2031-05-04T10:00:07Z"});
        let history = |list: &Value| -> Vec<Value> {
            let payload: Value = serde_json::from_str(&read(list).unwrap().payload).unwrap();
            payload["history"].as_array().unwrap().clone()
        };
        let waiting = history(&json!([turn(), started(), over]));
        assert_eq!(
            waiting[3],
            json!({"EventType": 12, "EventId": -1, "Timestamp": "2031-05-04T10:00:07Z"})
        );
        for whole in [
            json!([turn(), started(), end(1, &"1".into()), over]),
            json!([turn(), started()]),
        ] {
            assert_eq!(history(&whole), *whole.as_array().unwrap());
        }
    }

    #[test]
    fn a_payload_goes_on_with_all_that_its_host_offered_and_nothing_more() {
        let file = read(&json!({
            "history": [turn(), started()], "instanceId": "other", "isReplaying": false, "parentInstanceId": null,
            "upperSchemaVersion": 1, "defaultHttpAsyncRequestSleepTimeMillseconds": 5000, "inventedLater": {"a": [1.50]},
        }))
        .unwrap();
        let payload: Value = serde_json::from_str(&file.payload).unwrap();
        assert_eq!(payload["defaultHttpAsyncRequestSleepTimeMillseconds"], 5000);
        assert_eq!(payload["isReplaying"], false);
        assert_eq!(payload["inventedLater"], json!({"a": [1.50]}));
        assert_eq!(payload["upperSchemaVersion"], 1);
        for absent in ["upperSchemaVersionNew", "maximumShortTimerDuration"] {
            assert!(payload.get(absent).is_none(), "{absent}");
        }
    }

    #[test]
    fn a_payload_keeps_its_own_members() {
        let file = read(
            &json!({"history": [turn(), started()], "input": [1], "instanceId": "other",
                                "maximumShortTimerDuration": "1.00:00:00", "isReplaying": false}),
        )
        .unwrap();
        let payload: Value = serde_json::from_str(&file.payload).unwrap();
        assert_eq!(
            (
                &payload["input"],
                &payload["instanceId"],
                &payload["maximumShortTimerDuration"]
            ),
            (&json!([1]), &json!("other"), &json!("1.00:00:00"))
        );
    }

    #[test]
    fn names_of_event_types_are_as_good_as_numbers() {
        let named = |mut event: Value, name: &str| {
            event["EventType"] = name.into();
            event
        };
        let file = read(&json!([
            named(turn(), "OrchestratorStarted"),
            named(started(), "ExecutionStarted"),
            {"EventType": "InventedLater", "EventId": -1},
        ]))
        .unwrap();
        let payload: Value = serde_json::from_str(&file.payload).unwrap();
        assert_eq!(payload["history"][0], turn());
        assert_eq!(payload["history"][1], started());
        assert_eq!(payload["history"][2]["EventType"], Value::Null);
    }

    #[test]
    fn the_status_api_is_told_apart_from_a_history() {
        let lossy =
            json!({"name": "Ship", "historyEvents": [{"EventType": "ExecutionStarted", "FunctionName": "Ship"}]});
        assert!(matches!(read(&lossy), Err(ReplayError::Lossy)));
        assert!(matches!(read(&lossy["historyEvents"]), Err(ReplayError::Lossy)));
    }

    #[test]
    fn what_is_no_history_is_told_apart_from_one_that_is_broken() {
        for text in ["\"Tokyo\"", "7", "{}", "[]", "[1]", "{\"history\":1}", "[[]]", "null"] {
            assert!(matches!(HistoryFile::read(text), Err(ReplayError::NoHistory)), "{text}");
        }
        let whole = json!([turn(), started()]).to_string();
        for cut in 1..whole.len() {
            assert!(
                matches!(HistoryFile::read(&whole[..cut]), Err(ReplayError::Json(_))),
                "{cut}"
            );
        }
        assert!(matches!(read(&json!([turn()])), Err(ReplayError::NotStarted)));
        assert!(matches!(
            HistoryFile::read("{\"history\":[]}"),
            Err(ReplayError::NotStarted)
        ));
    }

    #[test]
    fn the_end_is_what_stands_last() {
        let recorded = |events: &Value| read(events).unwrap().recorded;
        let completed = end(1, &json!("[1]"));
        assert_eq!(recorded(&json!([turn(), started()])), Recorded::Unfinished);
        let over = json!({"EventType": 13});
        assert_eq!(recorded(&json!([turn(), started(), over])), Recorded::Waiting);
        let call = json!({"EventType": 4, "EventId": 0});
        assert_eq!(recorded(&json!([turn(), started(), call, over])), Recorded::Unfinished);
        let answer = json!({"EventType": 6, "EventId": -1, "TaskScheduledId": 0});
        assert_eq!(
            recorded(&json!([turn(), started(), call, over, turn(), answer])),
            Recorded::Unfinished
        );
        assert_eq!(
            recorded(&json!([turn(), started(), call, over, turn(), answer, over])),
            Recorded::Waiting
        );
        assert_eq!(
            recorded(&json!([turn(), started(), completed.clone(), {"EventType": 13}])),
            Recorded::Completed(json!([1]))
        );
        assert_eq!(
            recorded(&json!([turn(), started(), end(1, &Value::Null)])),
            Recorded::Completed(Value::Null)
        );
        assert_eq!(
            recorded(&json!([turn(), started(), end(3, &json!("oh"))])),
            Recorded::Failed
        );
        assert_eq!(
            recorded(&json!([turn(), started(), {"EventType": 3}, end(5, &Value::Null)])),
            Recorded::Stopped
        );
        let rewound = json!([turn(), started(), end(3, &json!("oh")), turn(), {"EventType": 21}]);
        assert_eq!(recorded(&rewound), Recorded::Unfinished);
    }

    #[test]
    fn of_several_executions_the_last_counts() {
        let again = json!({"EventType": 16, "EventId": 1});
        let file = read(&json!([turn(), started(), again, {"EventType": 13}, turn(), started()])).unwrap();
        let payload: Value = serde_json::from_str(&file.payload).unwrap();
        assert_eq!(payload["history"], json!([turn(), started()]));
        let file = read(&json!([turn(), started(), again, {"EventType": 13}])).unwrap();
        assert_eq!(file.recorded, Recorded::Stopped);
    }
}
