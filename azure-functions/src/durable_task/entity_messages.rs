//! The messages between orchestrations and entities, as Durable Task servers have them: events and actions of their own.
//!
//! The codec of orchestrations knows the form of the durable extension, where such a message is an event that carries JSON. So requests are
//! put into that form, and answers out of it. Source: recordings of .NET workers after `ConfigureForAzureManaged`, and of plain ones.

use azure_functions_durable::protobuf::{
    EntityLockRequestedEvent, EntityOperationCalledEvent, EntityOperationSignaledEvent, EntityUnlockSentEvent,
    EventRaisedEvent, EventSentEvent, OrchestratorAction, OrchestratorRequest, OrchestratorResponse,
    SendEntityMessageAction, SendEventAction, TaskFailureDetails, history_event::EventType,
    orchestrator_action::OrchestratorActionType, send_entity_message_action::EntityMessageType,
};
use chrono::{DateTime, Utc};
use prost_types::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

/// What an entity says when it has granted a lock.
const GRANTED: &str = "Lock Acquisition Completed";
/// The name of a message that asks; behind an `@` follows the time at which it is to arrive.
const OPERATION: &str = "op";
/// The name of a message that gives a lock back.
const RELEASE: &str = "release";

/// Puts the events of a request into the form of the extension.
pub(super) fn put_into(request: &mut OrchestratorRequest) {
    for event in request.past_events.iter_mut().chain(&mut request.new_events) {
        if let Some(put) = event.event_type.as_ref().and_then(as_extension_has_it) {
            event.event_type = Some(put);
        }
    }
}

fn as_extension_has_it(event: &EventType) -> Option<EventType> {
    Some(match event {
        EventType::EntityOperationCalled(call) => sent(
            call.target_instance_id.as_deref(),
            OPERATION,
            &json!({"op": call.operation, "id": call.request_id, "input": call.input}),
        ),
        EventType::EntityOperationSignaled(signal) => {
            let due = signal.scheduled_time.and_then(instant);
            let message = json!({"op": signal.operation, "signal": true, "id": signal.request_id, "input": signal.input, "due": due});
            sent(signal.target_instance_id.as_deref(), OPERATION, &message)
        }
        EventType::EntityLockRequested(lock) => {
            let members: Vec<Value> = lock.lock_set.iter().filter_map(|id| member(id)).collect();
            let message = json!({"op": null, "id": lock.critical_section_id, "lockset": members});
            sent(lock.lock_set.first().map(String::as_str), OPERATION, &message)
        }
        EventType::EntityUnlockSent(unlock) => sent(
            unlock.target_instance_id.as_deref(),
            RELEASE,
            &json!({"parent": unlock.parent_instance_id, "id": unlock.critical_section_id}),
        ),
        EventType::EntityOperationCompleted(completed) => {
            raised(&completed.request_id, &json!({"result": completed.output}))
        }
        EventType::EntityOperationFailed(failed) => {
            let details = failed.failure_details.clone().unwrap_or_default();
            let answer = json!({
                "result": details.error_message,
                "exceptionType": details.error_type,
                "failureDetails": failure(&details),
            });
            raised(&failed.request_id, &answer)
        }
        EventType::EntityLockGranted(granted) => raised(&granted.critical_section_id, &json!({"result": GRANTED})),
        _ => return None,
    })
}

fn sent(target: Option<&str>, name: &str, message: &Value) -> EventType {
    EventType::EventSent(EventSentEvent {
        instance_id: target.unwrap_or_default().to_owned(),
        name: name.to_owned(),
        input: Some(message.to_string()),
    })
}

fn raised(name: &str, answer: &Value) -> EventType {
    EventType::EventRaised(EventRaisedEvent {
        name: name.to_owned(),
        input: Some(answer.to_string()),
    })
}

/// `@name@key` as a member of a set of locks.
fn member(id: &str) -> Option<Value> {
    let (name, key) = id.strip_prefix('@')?.split_once('@')?;
    Some(json!({"name": name, "key": key}))
}

/// With the names of members that .NET has.
fn failure(details: &TaskFailureDetails) -> Value {
    json!({
        "ErrorType": details.error_type,
        "ErrorMessage": details.error_message,
        "StackTrace": details.stack_trace,
        "InnerFailure": details.inner_failure.as_deref().map(failure),
        "IsNonRetriable": details.is_non_retriable,
    })
}

fn instant(time: Timestamp) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(time.seconds, u32::try_from(time.nanos).ok()?)
}

/// What a message says.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Message {
    op: Option<String>,
    signal: bool,
    input: Option<String>,
    id: String,
    parent: Option<String>,
    #[serde(rename = "parentExecution")]
    parent_execution: Option<String>,
    due: Option<DateTime<Utc>>,
    lockset: Option<Vec<Member>>,
}

#[derive(Deserialize)]
struct Member {
    name: String,
    key: String,
}

/// Puts the actions of an answer into the form of servers.
pub(super) fn take_out_of(response: &mut OrchestratorResponse) {
    for action in &mut response.actions {
        take_out(action);
    }
}

fn take_out(action: &mut OrchestratorAction) {
    let Some(OrchestratorActionType::SendEvent(event)) = &action.orchestrator_action_type else {
        return;
    };
    if let Some(message) = as_server_has_it(event) {
        let message = SendEntityMessageAction {
            entity_message_type: Some(message),
        };
        action.orchestrator_action_type = Some(OrchestratorActionType::SendEntityMessage(message));
    }
}

fn as_server_has_it(event: &SendEventAction) -> Option<EntityMessageType> {
    let target = event.instance.as_ref().map(|instance| instance.instance_id.clone())?;
    if !target.starts_with('@') {
        return None;
    }
    let message: Message = serde_json::from_str(event.data.as_deref()?).ok()?;
    if event.name == RELEASE {
        return Some(EntityMessageType::EntityUnlockSent(EntityUnlockSentEvent {
            critical_section_id: message.id,
            parent_instance_id: message.parent,
            target_instance_id: Some(target),
        }));
    }
    if event.name != OPERATION && !event.name.starts_with("op@") {
        return None;
    }
    let scheduled_time = message.due.map(|due| Timestamp {
        seconds: due.timestamp(),
        nanos: due.timestamp_subsec_nanos().cast_signed(),
    });
    Some(match message {
        Message {
            lockset: Some(members), ..
        } => EntityMessageType::EntityLockRequested(EntityLockRequestedEvent {
            critical_section_id: message.id,
            lock_set: members
                .iter()
                .map(|member| format!("@{}@{}", member.name, member.key))
                .collect(),
            position: 0,
            parent_instance_id: message.parent,
        }),
        Message {
            op: Some(operation),
            signal: true,
            ..
        } => EntityMessageType::EntityOperationSignaled(EntityOperationSignaledEvent {
            request_id: message.id,
            operation,
            scheduled_time,
            input: message.input,
            target_instance_id: Some(target),
        }),
        Message {
            op: Some(operation), ..
        } => EntityMessageType::EntityOperationCalled(EntityOperationCalledEvent {
            request_id: message.id,
            operation,
            scheduled_time,
            input: message.input,
            parent_instance_id: message.parent,
            parent_execution_id: message.parent_execution.filter(|id| !id.is_empty()),
            target_instance_id: Some(target),
        }),
        Message { .. } => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use azure_functions_durable::protobuf::{
        EntityLockGrantedEvent, EntityOperationCompletedEvent, EntityOperationFailedEvent, HistoryEvent,
        OrchestrationInstance,
    };

    fn out_of(name: &str, data: &str) -> Option<EntityMessageType> {
        as_server_has_it(&SendEventAction {
            instance: Some(OrchestrationInstance {
                instance_id: "@counter@k".to_owned(),
                execution_id: None,
            }),
            name: name.to_owned(),
            data: Some(data.to_owned()),
        })
    }

    /// What goes out as an action comes back as an event, and is the same message.
    fn there_and_back(name: &str, data: &str) -> (String, Value) {
        let event = match out_of(name, data).unwrap() {
            EntityMessageType::EntityOperationSignaled(event) => EventType::EntityOperationSignaled(event),
            EntityMessageType::EntityOperationCalled(event) => EventType::EntityOperationCalled(event),
            EntityMessageType::EntityLockRequested(event) => EventType::EntityLockRequested(event),
            EntityMessageType::EntityUnlockSent(event) => EventType::EntityUnlockSent(event),
        };
        match as_extension_has_it(&event) {
            Some(EventType::EventSent(sent)) => (sent.name, serde_json::from_str(&sent.input.unwrap()).unwrap()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_message_is_the_same_after_it_was_recorded() {
        let (name, call) = there_and_back(
            "op",
            r#"{"op":"Add","input":"5","id":"r","parent":"p","parentExecution":"e"}"#,
        );
        assert_eq!(
            (name.as_str(), &call["op"], &call["input"], &call["id"]),
            ("op", &json!("Add"), &json!("5"), &json!("r"))
        );
        let (_, signal) = there_and_back(
            "op@2026-11-29T18:42:41Z",
            r#"{"op":"Add","signal":true,"id":"r","due":"2026-11-29T18:42:41Z"}"#,
        );
        assert_eq!(
            (&signal["signal"], &signal["due"]),
            (&json!(true), &json!("2026-11-29T18:42:41Z"))
        );
        let lock = r#"{"op":null,"id":"l","parent":"p","lockset":[{"name":"counter","key":"a@b"},{"name":"counter","key":"kb"}],"IsLockRequest":true}"#;
        let (_, lock) = there_and_back("op", lock);
        assert_eq!(
            lock["lockset"],
            json!([{"name": "counter", "key": "a@b"}, {"name": "counter", "key": "kb"}])
        );
        let (name, release) = there_and_back("release", r#"{"parent":"p","id":"l"}"#);
        assert_eq!((name.as_str(), release), ("release", json!({"parent": "p", "id": "l"})));
    }

    #[test]
    fn an_event_for_another_instance_stays_one() {
        assert_eq!(out_of("approved", r#"{"op":"x"}"#), None);
        let event = SendEventAction {
            instance: Some(OrchestrationInstance {
                instance_id: "other".to_owned(),
                execution_id: None,
            }),
            name: "op".to_owned(),
            data: Some(r#"{"op":"x","id":"1"}"#.to_owned()),
        };
        assert_eq!(as_server_has_it(&event), None);
    }

    #[test]
    fn answers_of_entities_are_events_named_for_their_request() {
        let mut request = OrchestratorRequest::default();
        let failure = TaskFailureDetails {
            error_type: "Some.Error".to_owned(),
            error_message: "no".to_owned(),
            ..TaskFailureDetails::default()
        };
        for event in [
            EventType::EntityOperationCompleted(EntityOperationCompletedEvent {
                request_id: "a".to_owned(),
                output: Some("7".to_owned()),
            }),
            EventType::EntityOperationFailed(EntityOperationFailedEvent {
                request_id: "b".to_owned(),
                failure_details: Some(failure),
            }),
            EventType::EntityLockGranted(EntityLockGrantedEvent {
                critical_section_id: "c".to_owned(),
            }),
        ] {
            request.new_events.push(HistoryEvent {
                event_id: -1,
                timestamp: None,
                event_type: Some(event),
            });
        }
        put_into(&mut request);
        let raised: Vec<_> = request
            .new_events
            .into_iter()
            .map(|event| match event.event_type {
                Some(EventType::EventRaised(raised)) => (raised.name, raised.input.unwrap()),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(raised[0], ("a".to_owned(), r#"{"result":"7"}"#.to_owned()));
        assert!(
            raised[1].1.contains(r#""ErrorMessage":"no""#) && raised[1].0 == "b",
            "{raised:?}"
        );
        assert_eq!(raised[2].0, "c");
    }
}
