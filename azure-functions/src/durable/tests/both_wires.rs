//! The rules on both wires: what a test plays as JSON is played as protobuf as well, and must come to the same.
//!
//! The same are: whether the code waits, returned, failed or starts over; output, custom status and the report of changed code; the
//! actions that are new, with their ids. Only the JSON wire has waits for events and groups as actions, cancelled timers, and the actions
//! of the past; only there a failure that the code did not choose keeps what was asked for before.

use super::{protobuf::decode, script::Turn};
use crate::durable::{Episode, KnownFunctions, Orchestrator, episode::Failure, run_episode};
use azure_functions_durable::protobuf::{
    self as messages, CompleteOrchestrationAction, EventRaisedEvent, EventSentEvent, ExecutionResumedEvent,
    ExecutionStartedEvent, ExecutionSuspendedEvent, GenericEvent, HistoryEvent, OrchestrationInstance,
    OrchestrationStatus, OrchestratorAction, OrchestratorCompletedEvent, OrchestratorRequest, OrchestratorResponse,
    OrchestratorStartedEvent, ParentInstanceInfo, SubOrchestrationInstanceCompletedEvent,
    SubOrchestrationInstanceCreatedEvent, SubOrchestrationInstanceFailedEvent, TaskCompletedEvent, TaskFailedEvent,
    TaskFailureDetails, TaskScheduledEvent, TimerCreatedEvent, TimerFiredEvent, history_event::EventType,
    orchestrator_action::OrchestratorActionType as Kind,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::{DateTime, Utc};
use prost::Message;
use prost_types::Timestamp;
use serde_json::Value;
use std::collections::BTreeSet;

/// Plays the payload of the JSON wire on the other one, and compares.
pub(super) fn compare(orchestrator: Orchestrator, payload: &Value, functions: &KnownFunctions, json: &Turn) {
    let (response, failure) = run_on_protobuf(orchestrator, payload, functions);
    assert_eq!(
        failure.as_ref().and_then(|(_, failure)| failure.nondeterminism.clone()),
        json.nondeterminism,
        "the report on protobuf"
    );
    let is_broken = failure.as_ref().is_some_and(|(_, failure)| failure.broken);
    let completion = completion(&response);
    assert_eq!(ending(json), ended(completion), "the end on protobuf");
    if !is_broken {
        compare_events(json, completion);
        let status = response.custom_status.as_deref().map(read).unwrap_or_default();
        assert_eq!(status, json.answer["customStatus"], "the custom status on protobuf");
        assert_eq!(
            new_actions(payload, json, completion.is_some()),
            response.actions.iter().filter_map(action).collect::<Vec<_>>(),
            "the new actions on protobuf"
        );
    }
}

/// What an orchestration newly asks for on the protobuf wire.
pub(super) fn asked_on_protobuf(
    orchestrator: Orchestrator,
    payload: &Value,
    functions: &KnownFunctions,
) -> Vec<String> {
    let (response, _) = run_on_protobuf(orchestrator, payload, functions);
    response.actions.iter().filter_map(action).collect()
}

/// Plays the payload of the JSON wire on the protobuf wire.
pub(super) fn run_on_protobuf(
    orchestrator: Orchestrator,
    payload: &Value,
    functions: &KnownFunctions,
) -> (OrchestratorResponse, Option<(String, Failure)>) {
    let request = BASE64_STANDARD.encode(request(payload).encode_to_vec());
    match run_episode(request, "test", "src/test.rs:1", orchestrator, functions) {
        Episode::Protobuf { answer, failure } => (decode(&answer), failure),
        other => panic!("another wire: {other:?}"),
    }
}

fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// How an execution ended, with its output or its next input.
fn ending(turn: &Turn) -> String {
    match (turn.failure.is_some(), next_input(turn)) {
        (true, _) => "failed".to_owned(),
        (false, Some(next)) if handed_on(next).is_some() => format!("starts over with {}", next["input"]),
        (false, Some(next)) => format!("starts over with {next}"),
        (false, None) if turn.is_done() => format!("returned {}", turn.output()),
        (false, None) => "waits".to_owned(),
    }
}

fn next_input(turn: &Turn) -> Option<&Value> {
    let list = turn.answer["actions"][0].as_array()?;
    let next = list.iter().find(|action| action["actionType"] == 4)?;
    Some(&next["input"])
}

/// The events in the envelope of an input.
fn handed_on(input: &Value) -> Option<Vec<Value>> {
    input["$azure-functions-rs"]["events"].as_array().cloned()
}

fn ended(completion: Option<&CompleteOrchestrationAction>) -> String {
    let Some(completion) = completion else {
        return "waits".to_owned();
    };
    let result = completion.result.as_deref().map(read).unwrap_or_default();
    match completion.orchestration_status() {
        OrchestrationStatus::Completed => format!("returned {result}"),
        OrchestrationStatus::ContinuedAsNew => format!("starts over with {result}"),
        OrchestrationStatus::Failed => "failed".to_owned(),
        other => panic!("{other:?}"),
    }
}

/// The JSON wire's host hands on by itself what came after the last event that was taken.
fn compare_events(json: &Turn, completion: Option<&CompleteOrchestrationAction>) {
    let ours = json_events(next_input(json));
    let carried = carried(completion);
    assert!(
        carried.starts_with(&ours),
        "{carried:?} are handed on by protobuf, {ours:?} by JSON"
    );
}

fn carried(completion: Option<&CompleteOrchestrationAction>) -> Vec<(String, Value)> {
    let events = completion
        .map(|completion| completion.carryover_events.as_slice())
        .unwrap_or_default();
    let events = events.iter().map(|event| match &event.event_type {
        Some(EventType::EventRaised(event)) => {
            (event.name.clone(), event.input.as_deref().map(read).unwrap_or_default())
        }
        other => panic!("{other:?} is handed on"),
    });
    events.collect()
}

/// What goes into the next execution on the protobuf wire.
pub(super) fn handed_on_on_protobuf(orchestrator: Orchestrator, payload: &Value) -> Vec<(String, Value)> {
    let (response, _) = run_on_protobuf(orchestrator, payload, &KnownFunctions::any());
    carried(completion(&response))
}

fn completion(response: &OrchestratorResponse) -> Option<&CompleteOrchestrationAction> {
    response
        .actions
        .iter()
        .find_map(|action| match &action.orchestrator_action_type {
            Some(Kind::CompleteOrchestration(completion)) => Some(completion),
            _ => None,
        })
}

fn json_events(next: Option<&Value>) -> Vec<(String, Value)> {
    let events = next.and_then(handed_on).unwrap_or_default();
    events
        .iter()
        .map(|event| (text(event, "name").unwrap(), event["input"].clone()))
        .collect()
}

/// What the answer on the JSON wire asks for and the history does not have.
fn new_actions(payload: &Value, turn: &Turn, ends: bool) -> Vec<String> {
    let history = payload["history"].as_array().unwrap();
    let recorded: BTreeSet<i64> = history
        .iter()
        .filter(|event| matches!(event["EventType"].as_u64(), Some(4 | 7 | 10 | 14)))
        .map(|event| event["EventId"].as_i64().unwrap())
        .collect();
    let mut leaves = Vec::new();
    for action in turn.answer["actions"][0].as_array().unwrap() {
        flatten(action, &mut leaves);
    }
    let mut found = Vec::new();
    let mut id = 0;
    let mut locked = Vec::new();
    for leaf in leaves {
        let text = |member: &str| leaf[member].as_str().unwrap_or_default().to_owned();
        let what = match leaf["actionType"].as_u64().unwrap() {
            0 => vec![format!(
                "activity {} {}",
                text("functionName"),
                leaf["input"].as_str().unwrap()
            )],
            2 => vec![format!("sub-orchestration {} {}", text("functionName"), leaf["input"])],
            // An unfired timer of an execution that ends is not asked for; the marker of a patch is.
            5 if ends && leaf["fireAt"].as_str() > Some("2000") => {
                id += 1;
                continue;
            }
            5 => vec!["timer".to_owned()],
            7 | 9 | 10 => vec![format!("message to {}", text("instanceId"))],
            8 => vec!["activity BuiltIn::HttpActivity".to_owned()],
            13 => {
                let entities = leaf["lockSet"].as_array().unwrap();
                locked = entities
                    .iter()
                    .map(|entity| {
                        format!(
                            "@{}@{}",
                            entity["name"].as_str().unwrap(),
                            entity["key"].as_str().unwrap()
                        )
                    })
                    .collect();
                vec![format!("message to {}", locked[0])]
            }
            14 => locked.iter().map(|entity| format!("message to {entity}")).collect(),
            _ => Vec::new(),
        };
        for what in what {
            if !recorded.contains(&id) {
                found.push(format!("#{id} {what}"));
            }
            id += 1;
        }
    }
    found
}

fn flatten<'a>(action: &'a Value, leaves: &mut Vec<&'a Value>) {
    match action["compoundActions"].as_array() {
        Some(members) => members.iter().for_each(|member| flatten(member, leaves)),
        None => leaves.push(action),
    }
}

fn action(action: &OrchestratorAction) -> Option<String> {
    let what = match action.orchestrator_action_type.as_ref()? {
        Kind::ScheduleTask(task) if task.name == "BuiltIn::HttpActivity" => format!("activity {}", task.name),
        Kind::ScheduleTask(task) => format!("activity {} {}", task.name, task.input.as_deref().unwrap_or_default()),
        Kind::CreateSubOrchestration(child) => format!(
            "sub-orchestration {} {}",
            child.name,
            child.input.as_deref().unwrap_or_default()
        ),
        Kind::CreateTimer(_) => "timer".to_owned(),
        Kind::SendEvent(event) => format!("message to {}", event.instance.as_ref()?.instance_id),
        Kind::CompleteOrchestration(_) => return None,
        other => panic!("{other:?}"),
    };
    Some(format!("#{} {what}", action.id))
}

/// The same request on the protobuf wire.
fn request(payload: &Value) -> OrchestratorRequest {
    let history = payload["history"].as_array().unwrap();
    let last = history.iter().rposition(|event| event["EventType"] == 12).unwrap_or(0);
    let mut events = history
        .iter()
        .map(|event| history_event(event, payload))
        .collect::<Vec<_>>();
    let mut new_events = events.split_off(last);
    let carried = handed_on(&payload["input"]).unwrap_or_default();
    if last == 0 {
        new_events.splice(2..2, carried.iter().map(raised));
    }
    OrchestratorRequest {
        instance_id: text(payload, "instanceId").unwrap_or_default(),
        past_events: events,
        new_events,
        ..OrchestratorRequest::default()
    }
}

fn text(value: &Value, member: &str) -> Option<String> {
    value[member].as_str().map(str::to_owned)
}

fn number(value: &Value, member: &str) -> i32 {
    value[member]
        .as_i64()
        .and_then(|number| i32::try_from(number).ok())
        .unwrap_or(-1)
}

fn time(text: &str) -> Option<Timestamp> {
    let time: DateTime<Utc> = text.parse().ok()?;
    Some(Timestamp {
        seconds: time.timestamp(),
        nanos: time.timestamp_subsec_nanos().cast_signed(),
    })
}

fn instance(id: &str, execution: Option<String>) -> Option<OrchestrationInstance> {
    Some(OrchestrationInstance {
        instance_id: id.to_owned(),
        execution_id: execution,
    })
}

fn details(json: &Value) -> Option<TaskFailureDetails> {
    json.is_object().then(|| TaskFailureDetails {
        error_type: text(json, "ErrorType").unwrap_or_default(),
        error_message: text(json, "ErrorMessage").unwrap_or_default(),
        is_non_retriable: json["IsNonRetriable"] == true,
        inner_failure: details(&json["InnerFailure"]).map(Box::new),
        ..TaskFailureDetails::default()
    })
}

fn raised(event: &Value) -> HistoryEvent {
    HistoryEvent {
        event_id: -1,
        timestamp: None,
        event_type: Some(EventType::EventRaised(EventRaisedEvent {
            name: text(event, "name").unwrap_or_default(),
            input: Some(event["input"].to_string()),
        })),
    }
}

fn history_event(event: &Value, payload: &Value) -> HistoryEvent {
    let name = || text(event, "Name").unwrap_or_default();
    let input = match handed_on(&payload["input"]) {
        Some(_) => &payload["input"]["input"],
        None => &payload["input"],
    };
    let scheduled_id = || number(event, "TaskScheduledId");
    let failure = || {
        let reason = || TaskFailureDetails {
            error_type: "(unknown)".to_owned(),
            error_message: text(event, "Reason").unwrap_or_default(),
            ..TaskFailureDetails::default()
        };
        Some(details(&event["FailureDetails"]).unwrap_or_else(reason))
    };
    let kind = match event["EventType"].as_u64().unwrap_or(99) {
        0 => EventType::ExecutionStarted(ExecutionStartedEvent {
            name: name(),
            version: text(event, "Version"),
            input: Some(input).filter(|input| !input.is_null()).map(ToString::to_string),
            orchestration_instance: instance(
                &text(payload, "instanceId").unwrap_or_default(),
                text(&event["OrchestrationInstance"], "ExecutionId"),
            ),
            parent_instance: text(payload, "parentInstanceId").map(|id| ParentInstanceInfo {
                orchestration_instance: instance(&id, None),
                ..ParentInstanceInfo::default()
            }),
            ..ExecutionStartedEvent::default()
        }),
        4 => EventType::TaskScheduled(TaskScheduledEvent {
            name: name(),
            ..TaskScheduledEvent::default()
        }),
        5 => EventType::TaskCompleted(TaskCompletedEvent {
            task_scheduled_id: scheduled_id(),
            result: text(event, "Result"),
        }),
        6 => EventType::TaskFailed(TaskFailedEvent {
            task_scheduled_id: scheduled_id(),
            failure_details: failure(),
        }),
        7 => EventType::SubOrchestrationInstanceCreated(SubOrchestrationInstanceCreatedEvent {
            instance_id: text(event, "InstanceId").unwrap_or_default(),
            name: name(),
            ..SubOrchestrationInstanceCreatedEvent::default()
        }),
        8 => EventType::SubOrchestrationInstanceCompleted(SubOrchestrationInstanceCompletedEvent {
            task_scheduled_id: scheduled_id(),
            result: text(event, "Result"),
        }),
        9 => EventType::SubOrchestrationInstanceFailed(SubOrchestrationInstanceFailedEvent {
            task_scheduled_id: scheduled_id(),
            failure_details: failure(),
        }),
        10 => EventType::TimerCreated(TimerCreatedEvent {
            fire_at: event["FireAt"].as_str().and_then(time),
        }),
        11 => EventType::TimerFired(TimerFiredEvent {
            timer_id: number(event, "TimerId"),
            ..TimerFiredEvent::default()
        }),
        12 => EventType::OrchestratorStarted(OrchestratorStartedEvent {}),
        13 => EventType::OrchestratorCompleted(OrchestratorCompletedEvent {}),
        14 => EventType::EventSent(EventSentEvent {
            instance_id: text(event, "InstanceId").unwrap_or_default(),
            name: name(),
            input: text(event, "Input"),
        }),
        15 => EventType::EventRaised(EventRaisedEvent {
            name: name(),
            input: text(event, "Input"),
        }),
        19 => EventType::ExecutionSuspended(ExecutionSuspendedEvent::default()),
        20 => EventType::ExecutionResumed(ExecutionResumedEvent::default()),
        1 => EventType::ExecutionCompleted(messages::ExecutionCompletedEvent::default()),
        16 => EventType::ContinueAsNew(messages::ContinueAsNewEvent::default()),
        _ => EventType::GenericEvent(GenericEvent::default()),
    };
    HistoryEvent {
        event_id: number(event, "EventId"),
        timestamp: event["Timestamp"].as_str().and_then(time),
        event_type: Some(kind),
    }
}
