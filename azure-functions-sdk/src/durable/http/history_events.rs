//! The history as clients see it: completions carry the name and the start of what they complete, and everything that
//! only replay needs is gone.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::durable::engine::{
    event::{EventError, parse_events},
    runtime_status::RuntimeStatus,
};

/// What is shown of every event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Show {
    pub(super) input: bool,
    pub(super) output: bool,
}

/// Names of the event types, by their number.
const NAMES: [&str; 22] = [
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

/// Names of the types of messages to and from entities, which the extension has not, by their number from [`FIRST_OF_ENTITIES`] on.
const ENTITY_NAMES: [&str; 7] = [
    "EntityOperationSignaled",
    "EntityOperationCalled",
    "EntityOperationCompleted",
    "EntityOperationFailed",
    "EntityLockRequested",
    "EntityLockGranted",
    "EntityUnlockSent",
];

const FIRST_OF_ENTITIES: usize = 23;

fn name_of(number: i32) -> Option<&'static str> {
    let number = usize::try_from(number).ok()?;
    let name = match number.checked_sub(FIRST_OF_ENTITIES) {
        Some(number) => ENTITY_NAMES.get(number),
        None => NAMES.get(number),
    };
    name.copied()
}

/// Transforms stored events, one text of comma-separated events per episode.
pub(super) fn history_events(texts: &[String], show: Show) -> Result<Vec<Value>, EventError> {
    let text = texts.join(",");
    let stored: Vec<Map<String, Value>> = serde_json::from_str(&format!("[{text}]"))?;
    let typed = parse_events(&text)?;
    let mut shown: Vec<Option<Value>> = Vec::with_capacity(stored.len());
    // Where what was scheduled stands in `shown`, by its id.
    let mut scheduled: BTreeMap<i32, usize> = BTreeMap::new();
    for (mut event, typed) in stored.into_iter().zip(typed) {
        let number = typed.kind.number();
        event.remove("EventId");
        event.remove("IsPlayed");
        if let Some(name) = name_of(number) {
            event.insert("EventType".to_owned(), name.into());
        }
        match number {
            12 | 13 => continue,
            0 => {
                for member in ["OrchestrationInstance", "ParentInstance", "Version", "Tags"] {
                    event.remove(member);
                }
                if let Some(name) = event.remove("Name") {
                    event.insert("FunctionName".to_owned(), name);
                }
            }
            1 | 16 => {
                let status = event.get("OrchestrationStatus").and_then(Value::as_i64);
                let status = status
                    .and_then(|number| i32::try_from(number).ok())
                    .and_then(RuntimeStatus::from_number);
                if let Some(status) = status {
                    event.insert("OrchestrationStatus".to_owned(), status.name().into());
                }
            }
            4 | 7 => {
                scheduled.insert(typed.event_id, shown.len());
            }
            5 | 6 | 8 | 9 => {
                event.remove("TaskScheduledId");
                let pair = typed
                    .kind
                    .settles()
                    .and_then(|id| scheduled.remove(&id))
                    .and_then(|place| shown[place].take());
                if let Some(Value::Object(mut pair)) = pair {
                    event.insert("ScheduledTime".to_owned(), pair.remove("Timestamp").unwrap_or_default());
                    event.insert("FunctionName".to_owned(), pair.remove("Name").unwrap_or_default());
                    if show.input {
                        event.insert("Input".to_owned(), pair.remove("Input").unwrap_or_default());
                    }
                }
            }
            11 => {
                event.remove("TimerId");
            }
            23..=29 => {
                // One member, named for the kind of message.
                if let Some(Value::Object(entity)) = event.remove("Entity") {
                    for members in entity.into_iter().map(|(_, members)| members) {
                        if let Value::Object(members) = members {
                            event.extend(members);
                        }
                    }
                }
            }
            _ => {}
        }
        if !show.input {
            event.remove("Input");
        }
        show_result(&mut event, show.output);
        shown.push(Some(Value::Object(event)));
    }
    Ok(shown.into_iter().flatten().collect())
}

fn show_result(event: &mut Map<String, Value>, show: bool) {
    let Some(result) = event.remove("Result") else { return };
    if show {
        let parsed = match &result {
            Value::String(text) => serde_json::from_str(text).unwrap_or(result),
            _ => result,
        };
        event.insert("Result".to_owned(), parsed);
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use serde_json::json;

    use super::*;
    use crate::durable::engine::event::{
        Event, EventKind, ExecutionEnd, ExecutionStarted, Failure, Tags, write_events,
    };

    fn at(second: u32) -> DateTime<Utc> {
        format!("2031-05-06T07:08:{second:02}.1234567Z").parse().unwrap()
    }

    fn stored() -> Vec<String> {
        let started = ExecutionStarted {
            instance_id: "i".into(),
            execution_id: "x".into(),
            name: "flow".into(),
            version: None,
            input: Some("5".into()),
            parent: None,
            scheduled_start: None,
            generation: 0,
            tags: Tags::new(),
            trace: None,
        };
        let task = |name: &str| EventKind::TaskScheduled {
            name: name.into(),
            version: None,
            input: Some("[1]".into()),
            tags: Tags::new(),
            trace: None,
        };
        let failure = Failure::text("broken");
        let end = ExecutionEnd {
            status: RuntimeStatus::Completed,
            result: Some("[1]".into()),
            failure: None,
        };
        let episodes = [
            vec![
                Event::new(at(0), EventKind::OrchestratorStarted),
                Event::new(at(0), EventKind::ExecutionStarted(Box::new(started))),
                Event::scheduled(0, at(1), task("first")),
                Event::scheduled(1, at(1), task("second")),
                Event::scheduled(2, at(1), task("open")),
                Event::scheduled(3, at(1), EventKind::TimerCreated { fire_at: at(2) }),
                Event::new(at(1), EventKind::OrchestratorCompleted),
            ],
            vec![
                Event::new(at(2), EventKind::OrchestratorStarted),
                Event::new(
                    at(2),
                    EventKind::TaskCompleted {
                        task_id: 0,
                        result: Some("{\"a\":1}".into()),
                    },
                ),
                Event::new(at(2), EventKind::TaskFailed { task_id: 1, failure }),
                Event::new(
                    at(2),
                    EventKind::TimerFired {
                        timer_id: 3,
                        fire_at: at(2),
                    },
                ),
                Event::scheduled(4, at(3), EventKind::ExecutionCompleted(end)),
                Event::new(at(3), EventKind::OrchestratorCompleted),
            ],
        ];
        episodes
            .iter()
            .map(|events| {
                let mut text = String::new();
                write_events(events, true, &mut text);
                text
            })
            .collect()
    }

    #[test]
    fn completions_carry_what_they_complete_and_pairs_are_gone() {
        let events = history_events(
            &stored(),
            Show {
                input: true,
                output: true,
            },
        )
        .unwrap();
        let names: Vec<&str> = events
            .iter()
            .map(|event| event["EventType"].as_str().unwrap())
            .collect();
        assert_eq!(
            names,
            [
                "ExecutionStarted",
                "TaskScheduled",
                "TimerCreated",
                "TaskCompleted",
                "TaskFailed",
                "TimerFired",
                "ExecutionCompleted"
            ]
        );
        let [start, open, _, completed, failed, fired, end] = &events[..] else {
            panic!()
        };
        assert_eq!(start["FunctionName"], "flow");
        assert_eq!(start["Input"], "5");
        assert_eq!(start["Timestamp"], "2031-05-06T07:08:00.1234567Z");
        assert!(start.get("OrchestrationInstance").is_none() && start.get("Tags").is_none());
        assert!(start.as_object().unwrap().contains_key("Correlation"), "nulls are kept");
        assert_eq!(open["Name"], "open");
        assert_eq!(
            *completed,
            json!({"EventType": "TaskCompleted", "Timestamp": "2031-05-06T07:08:02.1234567Z", "Result": {"a": 1},
                "ScheduledTime": "2031-05-06T07:08:01.1234567Z", "FunctionName": "first", "Input": "[1]"})
        );
        assert_eq!(failed["Reason"], "broken");
        assert_eq!(failed["FunctionName"], "second");
        assert!(fired.get("TimerId").is_none());
        assert_eq!(end["OrchestrationStatus"], "Completed");
        assert_eq!(end["Result"], json!([1]));
        assert!(
            events
                .iter()
                .all(|event| event.get("EventId").is_none() && event.get("IsPlayed").is_none())
        );
    }

    #[test]
    fn inputs_and_results_are_hidden_when_not_asked_for() {
        let events = history_events(
            &stored(),
            Show {
                input: false,
                output: false,
            },
        )
        .unwrap();
        assert!(
            events
                .iter()
                .all(|event| event.get("Input").is_none() && event.get("Result").is_none())
        );
    }
}
