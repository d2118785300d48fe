//! History events as messages.

use azure_functions_durable::{
    TraceContext,
    protobuf::{
        self, EntityLockGrantedEvent, EntityLockRequestedEvent, EntityOperationCalledEvent,
        EntityOperationCompletedEvent, EntityOperationFailedEvent, EntityOperationSignaledEvent, EntityUnlockSentEvent,
        EventRaisedEvent, EventSentEvent, ExecutionCompletedEvent, ExecutionResumedEvent, ExecutionStartedEvent,
        ExecutionSuspendedEvent, ExecutionTerminatedEvent, GenericEvent, HistoryEvent, OrchestrationInstance,
        OrchestratorCompletedEvent, OrchestratorStartedEvent, ParentInstanceInfo,
        SubOrchestrationInstanceCompletedEvent, SubOrchestrationInstanceCreatedEvent,
        SubOrchestrationInstanceFailedEvent, TaskCompletedEvent, TaskFailedEvent, TaskScheduledEvent,
        TimerCreatedEvent, TimerFiredEvent, history_event::EventType,
    },
};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use prost::encoding::{WireType, decode_varint, encode_key, encode_varint, message};
use prost_types::Timestamp;

use super::failure::details;
use crate::durable::{
    engine::event::{EntityEvent, EntityOperation, Event, EventKind, ExecutionStarted, ParentLink},
    work::Wire,
};

/// Field of an `OrchestratorRequest` with the events of earlier turns.
const PAST_EVENTS: u32 = 3;
/// Field with the events of this turn.
const NEW_EVENTS: u32 = 4;
/// Field of a `HistoryChunk` with its events.
const CHUNK_EVENTS: u32 = 1;

/// Appends events of earlier turns, as a request has them.
pub(in crate::durable::engine) fn append_past<'e>(
    events: impl IntoIterator<Item = &'e Event>,
    wire: Wire,
    out: &mut Vec<u8>,
) {
    append(PAST_EVENTS, events, wire, out);
}

/// Bytes of a chunk, unless it is a single event.
const CHUNK: usize = 256 * 1024;

/// Events as [`append_past`] wrote them, as `HistoryChunk` messages, which are lists of events, too.
pub(in crate::durable::engine) fn chunks(mut past: &[u8]) -> Vec<Bytes> {
    let mut chunks = Vec::new();
    let mut chunk = Vec::new();
    while let Some((event, rest)) = first_event(past) {
        past = rest;
        if !chunk.is_empty() && chunk.len() + event.len() > CHUNK {
            chunks.push(std::mem::take(&mut chunk).into());
        }
        encode_key(CHUNK_EVENTS, WireType::LengthDelimited, &mut chunk);
        encode_varint(event.len() as u64, &mut chunk);
        chunk.extend_from_slice(event);
    }
    if !chunk.is_empty() {
        chunks.push(chunk.into());
    }
    chunks
}

/// The first of a list of fields that are messages, and what follows it.
fn first_event(mut fields: &[u8]) -> Option<(&[u8], &[u8])> {
    decode_varint(&mut fields).ok()?;
    let length = decode_varint(&mut fields).ok()?;
    fields.split_at_checked(usize::try_from(length).ok()?)
}

/// Appends events of this turn, as a request has them.
pub(super) fn append_new<'e>(events: impl IntoIterator<Item = &'e Event>, wire: Wire, out: &mut Vec<u8>) {
    append(NEW_EVENTS, events, wire, out);
}

fn append<'e>(field: u32, events: impl IntoIterator<Item = &'e Event>, wire: Wire, out: &mut Vec<u8>) {
    for event in events {
        if let Some(event) = of_event(event, wire) {
            message::encode(field, &event, out);
        }
    }
}

pub(in crate::durable::engine) fn timestamp(time: DateTime<Utc>) -> Timestamp {
    Timestamp {
        seconds: time.timestamp(),
        nanos: time.timestamp_subsec_nanos().cast_signed(),
    }
}

/// `None`: of a kind that this program does not know, and no replay needs.
pub(super) fn of_event(event: &Event, wire: Wire) -> Option<HistoryEvent> {
    Some(HistoryEvent {
        event_id: event.event_id,
        timestamp: Some(timestamp(event.timestamp)),
        event_type: Some(of_kind(&event.kind, wire)?),
    })
}

fn of_kind(kind: &EventKind, wire: Wire) -> Option<EventType> {
    Some(match kind {
        EventKind::ExecutionStarted(started) => EventType::ExecutionStarted(of_start(started)),
        EventKind::ExecutionCompleted(end) => EventType::ExecutionCompleted(ExecutionCompletedEvent {
            orchestration_status: end.status.number(),
            result: end.result.clone(),
            failure_details: end.failure.as_deref().map(Into::into),
        }),
        EventKind::ExecutionTerminated { reason, recurse } => {
            EventType::ExecutionTerminated(ExecutionTerminatedEvent {
                input: Some(reason.clone()).filter(|reason| !reason.is_empty()),
                recurse: *recurse,
            })
        }
        EventKind::TaskScheduled {
            name,
            version,
            input,
            tags,
            trace,
        } => EventType::TaskScheduled(TaskScheduledEvent {
            name: name.clone(),
            version: version.clone(),
            input: input.clone(),
            tags: tags.clone().into_iter().collect(),
            parent_trace_context: told(trace.as_deref(), wire),
        }),
        EventKind::TaskCompleted { task_id, result } => EventType::TaskCompleted(TaskCompletedEvent {
            task_scheduled_id: *task_id,
            result: result.clone(),
        }),
        EventKind::TaskFailed { task_id, failure } => EventType::TaskFailed(TaskFailedEvent {
            task_scheduled_id: *task_id,
            failure_details: details(failure, wire),
        }),
        EventKind::SubOrchestrationCreated {
            name,
            version,
            instance_id,
            input,
            trace,
        } => EventType::SubOrchestrationInstanceCreated(SubOrchestrationInstanceCreatedEvent {
            instance_id: instance_id.clone(),
            name: name.clone(),
            version: version.clone(),
            input: input.clone(),
            parent_trace_context: told(trace.as_deref(), wire),
            ..SubOrchestrationInstanceCreatedEvent::default()
        }),
        EventKind::SubOrchestrationCompleted { task_id, result } => {
            EventType::SubOrchestrationInstanceCompleted(SubOrchestrationInstanceCompletedEvent {
                task_scheduled_id: *task_id,
                result: result.clone(),
            })
        }
        EventKind::SubOrchestrationFailed { task_id, failure } => {
            EventType::SubOrchestrationInstanceFailed(SubOrchestrationInstanceFailedEvent {
                task_scheduled_id: *task_id,
                failure_details: details(failure, wire),
            })
        }
        EventKind::TimerCreated { fire_at } => EventType::TimerCreated(TimerCreatedEvent {
            fire_at: Some(timestamp(*fire_at)),
        }),
        EventKind::TimerFired { timer_id, fire_at } => EventType::TimerFired(TimerFiredEvent {
            fire_at: Some(timestamp(*fire_at)),
            timer_id: *timer_id,
        }),
        EventKind::OrchestratorStarted => EventType::OrchestratorStarted(OrchestratorStartedEvent {}),
        EventKind::OrchestratorCompleted => EventType::OrchestratorCompleted(OrchestratorCompletedEvent {}),
        EventKind::EventSent {
            instance_id,
            name,
            input,
        } => EventType::EventSent(EventSentEvent {
            instance_id: instance_id.clone(),
            name: name.clone(),
            input: input.clone(),
        }),
        EventKind::EventRaised { name, input } => EventType::EventRaised(EventRaisedEvent {
            name: name.clone(),
            input: input.clone(),
        }),
        EventKind::Entity(entity) => of_entity(entity),
        EventKind::Generic { data } => EventType::GenericEvent(GenericEvent { data: data.clone() }),
        // What the extension makes of a rewind.
        EventKind::ExecutionRewound { reason } => EventType::GenericEvent(GenericEvent {
            data: Some(reason.clone()),
        }),
        EventKind::ExecutionSuspended { reason } => EventType::ExecutionSuspended(ExecutionSuspendedEvent {
            input: Some(reason.clone()),
        }),
        EventKind::ExecutionResumed { reason } => EventType::ExecutionResumed(ExecutionResumedEvent {
            input: Some(reason.clone()),
        }),
        EventKind::ContinueAsNew(_) | EventKind::Unknown { .. } => return None,
    })
}

/// What workers of streams are told of the trace of a call, who make a span of it. The extension makes it itself.
fn told(trace: Option<&TraceContext>, wire: Wire) -> Option<protobuf::TraceContext> {
    trace.filter(|_| wire == Wire::Stream).map(Into::into)
}

fn of_entity(entity: &EntityEvent) -> EventType {
    match entity {
        EntityEvent::Signaled(operation) => EventType::EntityOperationSignaled(of_signal(operation)),
        EntityEvent::Called(operation) => EventType::EntityOperationCalled(of_call(operation)),
        EntityEvent::LockRequested {
            critical_section_id,
            lock_set,
            position,
            parent_instance_id,
        } => EventType::EntityLockRequested(EntityLockRequestedEvent {
            critical_section_id: critical_section_id.clone(),
            lock_set: lock_set.clone(),
            position: *position,
            parent_instance_id: parent_instance_id.clone(),
        }),
        EntityEvent::UnlockSent {
            critical_section_id,
            target_instance_id,
            parent_instance_id,
        } => EventType::EntityUnlockSent(EntityUnlockSentEvent {
            critical_section_id: critical_section_id.clone(),
            parent_instance_id: parent_instance_id.clone(),
            target_instance_id: Some(target_instance_id.clone()),
        }),
        EntityEvent::Completed { request_id, result } => {
            EventType::EntityOperationCompleted(EntityOperationCompletedEvent {
                request_id: request_id.clone(),
                output: result.clone(),
            })
        }
        EntityEvent::Failed {
            request_id,
            failure_details,
        } => EventType::EntityOperationFailed(EntityOperationFailedEvent {
            request_id: request_id.clone(),
            failure_details: Some((&**failure_details).into()),
        }),
        EntityEvent::LockGranted { critical_section_id } => EventType::EntityLockGranted(EntityLockGrantedEvent {
            critical_section_id: critical_section_id.clone(),
        }),
    }
}

/// An operation that nothing waits for, as a message.
pub(in crate::durable::engine) fn of_signal(operation: &EntityOperation) -> EntityOperationSignaledEvent {
    EntityOperationSignaledEvent {
        request_id: operation.request_id.clone(),
        operation: operation.operation.clone(),
        scheduled_time: operation.scheduled_time.map(timestamp),
        input: operation.input.clone(),
        target_instance_id: Some(operation.target_instance_id.clone()),
    }
}

/// An operation whose answer is waited for, as a message.
pub(in crate::durable::engine) fn of_call(operation: &EntityOperation) -> EntityOperationCalledEvent {
    EntityOperationCalledEvent {
        request_id: operation.request_id.clone(),
        operation: operation.operation.clone(),
        scheduled_time: operation.scheduled_time.map(timestamp),
        input: operation.input.clone(),
        parent_instance_id: operation.parent_instance_id.clone(),
        parent_execution_id: operation.parent_execution_id.clone(),
        target_instance_id: Some(operation.target_instance_id.clone()),
    }
}

fn of_start(started: &ExecutionStarted) -> ExecutionStartedEvent {
    ExecutionStartedEvent {
        name: started.name.clone(),
        version: started.version.clone(),
        input: started.input.clone(),
        orchestration_instance: Some(instance(&started.instance_id, &started.execution_id)),
        parent_instance: started.parent.as_ref().map(of_parent),
        scheduled_start_timestamp: started.scheduled_start.map(timestamp),
        tags: started.tags.clone().into_iter().collect(),
        parent_trace_context: started.trace.as_ref().map(|trace| (&trace.parent).into()),
        ..ExecutionStartedEvent::default()
    }
}

fn of_parent(parent: &ParentLink) -> ParentInstanceInfo {
    ParentInstanceInfo {
        task_scheduled_id: parent.task_id,
        name: Some(parent.name.clone()),
        version: parent.version.clone(),
        orchestration_instance: Some(instance(&parent.instance_id, &parent.execution_id)),
    }
}

fn instance(instance_id: &str, execution_id: &str) -> OrchestrationInstance {
    OrchestrationInstance {
        instance_id: instance_id.to_owned(),
        execution_id: Some(execution_id.to_owned()),
    }
}
