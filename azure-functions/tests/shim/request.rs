//! A trigger payload of the JSON wire as the request of the protobuf wire: the same instance, the same history.

use azure_functions_durable::protobuf::{
    self as messages, EventRaisedEvent, EventSentEvent, ExecutionResumedEvent, ExecutionStartedEvent,
    ExecutionSuspendedEvent, GenericEvent, HistoryEvent, OrchestrationInstance, OrchestratorCompletedEvent,
    OrchestratorRequest, OrchestratorStartedEvent, ParentInstanceInfo, SubOrchestrationInstanceCompletedEvent,
    SubOrchestrationInstanceCreatedEvent, SubOrchestrationInstanceFailedEvent, TaskCompletedEvent, TaskFailedEvent,
    TaskFailureDetails, TaskScheduledEvent, TimerCreatedEvent, TimerFiredEvent, history_event::EventType,
};
use chrono::{DateTime, Utc};
use prost_types::Timestamp;
use serde_json::Value;

/// The request. What an envelope in the input hands on becomes events.
pub(crate) fn request(payload: &Value) -> OrchestratorRequest {
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

/// The events in the envelope of an input.
pub(crate) fn handed_on(input: &Value) -> Option<Vec<Value>> {
    input["$azure-functions-rs"]["events"].as_array().cloned()
}
