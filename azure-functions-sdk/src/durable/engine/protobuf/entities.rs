//! Messages of orchestrations to entities. They come as events in the form of the durable extension (`sendEvent`), or as messages of
//! their own kind (`sendEntityMessage`): nothing that a worker says of itself tells which, so both are taken, and each is answered
//! in its own way.

use azure_functions_durable::{
    TraceContext,
    protobuf::{
        EntityLockRequestedEvent, EntityUnlockSentEvent, OrchestratorAction, SendEntityMessageAction,
        orchestrator_action::OrchestratorActionType, send_entity_message_action::EntityMessageType,
    },
};
use chrono::{DateTime, Utc};
use prost_types::Timestamp;

use super::{readable::readable, response::UnusableAnswer};
use crate::durable::engine::{
    decision::Decision,
    entity::{EntityId, EntityMessage, Posted, Release, Reply, Request, due_of, event_name, response},
    event::{EntityEvent, EntityOperation, EventKind, json_string},
    instance::Instance,
    time::time_of,
};

/// Sends the message that an event in the form of the extension is. Who sends it is not taken from the worker: a lock of another,
/// or of none, could never be released.
pub(super) fn send_by_event(
    own: &Instance,
    target: &str,
    name: &str,
    data: Option<&str>,
    trace: Option<&TraceContext>,
    now: DateTime<Utc>,
    decision: &mut Decision,
) -> Result<(), UnusableAnswer> {
    let message = match by_event(own, target, name, data) {
        Ok(message) => message,
        Err(problem) => {
            log::warn!(
                "a message of instance '{}' to entity '{target}' is dropped: {problem}",
                own.instance_id
            );
            return Ok(());
        }
    };
    match message {
        ByEvent::Release(posted) => decision.posted.push(posted),
        ByEvent::Request(request, _) if request.is_lock() => {
            if request.lockset.is_empty() {
                return Err(UnusableAnswer::Entity(format!(
                    "A message to entity '{target}' names neither an operation (op) nor entities to lock (lockset)."
                )));
            }
            let ids = request.lockset.iter().map(|id| EntityId::new(&id.name, &id.key));
            let lockset = locks_in_order(ids)?;
            decision.posted.push(first_lock(Request { lockset, ..request })?);
        }
        ByEvent::Request(request, due) => {
            let trace = request.trace.clone().or_else(|| trace.cloned());
            post(own, target, Request { trace, ..request }, due, now, decision);
        }
    }
    Ok(())
}

/// A message in the form of the extension.
enum ByEvent {
    Request(Request, Option<DateTime<Utc>>),
    Release(Posted),
}

fn by_event(own: &Instance, target: &str, name: &str, data: Option<&str>) -> Result<ByEvent, String> {
    let data = data.ok_or("it has no data")?;
    let unreadable = |error: serde_json::Error| error.to_string();
    if name == "release" {
        let release = Release {
            parent: own.instance_id.clone(),
            ..serde_json::from_str(data).map_err(unreadable)?
        };
        let target = EntityId::parse(target)?;
        return Ok(ByEvent::Release(now(target, EntityMessage::Release(release))));
    }
    let due = due_of(name).map_err(|()| format!("'{name}' is no name of a message to an entity"))?;
    let request: Request = serde_json::from_str(data).map_err(unreadable)?;
    let request = Request {
        reply: Reply::Details,
        parent: Some(own.instance_id.clone()),
        parent_execution: Some(own.execution_id.clone()),
        pos: 0,
        ..request
    };
    Ok(ByEvent::Request(request, due))
}

/// Whether this gives a lock back.
pub(super) fn is_unlock(action: &OrchestratorAction) -> bool {
    matches!(
        &action.orchestrator_action_type,
        Some(OrchestratorActionType::SendEntityMessage(SendEntityMessageAction {
            entity_message_type: Some(EntityMessageType::EntityUnlockSent(_)),
        }))
    )
}

/// Sends what a message of its own kind says; the event that tells of it.
pub(super) fn send(
    own: &Instance,
    id: i32,
    action: SendEntityMessageAction,
    trace: Option<&TraceContext>,
    now: DateTime<Utc>,
    decision: &mut Decision,
) -> Result<EventKind, UnusableAnswer> {
    let event = match action.entity_message_type.ok_or(UnusableAnswer::UnknownAction(id))? {
        EntityMessageType::EntityOperationSignaled(signal) => {
            let operation = EntityOperation {
                request_id: signal.request_id,
                operation: signal.operation,
                input: signal.input,
                target_instance_id: signal.target_instance_id.unwrap_or_default(),
                scheduled_time: due(id, signal.scheduled_time)?,
                parent_instance_id: None,
                parent_execution_id: None,
            };
            operate(own, &operation, true, trace, now, decision)?;
            EntityEvent::Signaled(operation)
        }
        EntityMessageType::EntityOperationCalled(call) => {
            let operation = EntityOperation {
                request_id: call.request_id,
                operation: call.operation,
                input: call.input,
                target_instance_id: call.target_instance_id.unwrap_or_default(),
                scheduled_time: due(id, call.scheduled_time)?,
                parent_instance_id: call.parent_instance_id,
                parent_execution_id: call.parent_execution_id,
            };
            operate(own, &operation, false, trace, now, decision)?;
            EntityEvent::Called(operation)
        }
        EntityMessageType::EntityLockRequested(lock) => ask_for_locks(own, lock, decision)?,
        EntityMessageType::EntityUnlockSent(unlock) => unlock_one(own, unlock, decision),
    };
    Ok(EventKind::Entity(Box::new(event)))
}

fn due(id: i32, time: Option<Timestamp>) -> Result<Option<DateTime<Utc>>, UnusableAnswer> {
    let Some(time) = time else { return Ok(None) };
    let due = time_of(time.seconds, time.nanos);
    due.map(Some).ok_or(UnusableAnswer::NoTime(id))
}

fn operate(
    own: &Instance,
    operation: &EntityOperation,
    signal: bool,
    trace: Option<&TraceContext>,
    now: DateTime<Utc>,
    decision: &mut Decision,
) -> Result<(), UnusableAnswer> {
    readable("input of an operation", operation.input.as_deref())?;
    let due = operation.scheduled_time;
    let request = Request {
        signal,
        reply: Reply::Message,
        parent_execution: Some(own.execution_id.clone()),
        trace: trace.cloned(),
        due: due.map(|due| event_name(Some(due)).split_off("op@".len())),
        ..Request::signal(
            operation.operation.clone(),
            operation.input.clone(),
            operation.request_id.clone(),
            Some(own.instance_id.clone()),
        )
    };
    post(own, &operation.target_instance_id, request, due, now, decision);
    Ok(())
}

/// Sends an operation. A call of what is no entity fails, and a signal to it is dropped.
fn post(
    own: &Instance,
    target: &str,
    request: Request,
    due: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
    decision: &mut Decision,
) {
    match EntityId::parse(target) {
        Ok(target) => decision.posted.push(Posted {
            target,
            message: EntityMessage::Op(request),
            due,
        }),
        Err(problem) if request.signal => {
            log::warn!("a signal of instance '{}' is dropped: {problem}", own.instance_id);
        }
        Err(problem) => decision
            .messages
            .extend(response(&request, now, &json_string(&problem), true)),
    }
}

/// Entities are locked once each, in the order of their ids, whatever the worker's: two orders, of two languages, could wait for
/// each other.
fn locks_in_order(ids: impl Iterator<Item = Result<EntityId, String>>) -> Result<Vec<EntityId>, UnusableAnswer> {
    let lockset: Result<Vec<EntityId>, String> = ids.collect();
    let mut lockset = lockset.map_err(UnusableAnswer::Entity)?;
    lockset.sort();
    lockset.dedup();
    Ok(lockset)
}

/// Asks the first entity of a lockset for its lock; it passes the request on.
fn first_lock(request: Request) -> Result<Posted, UnusableAnswer> {
    match request.lockset.first().cloned() {
        Some(first) => Ok(now(first, EntityMessage::Op(request))),
        None => Err(UnusableAnswer::Entity("It asks for the locks of no entity.".to_owned())),
    }
}

fn ask_for_locks(
    own: &Instance,
    lock: EntityLockRequestedEvent,
    decision: &mut Decision,
) -> Result<EntityEvent, UnusableAnswer> {
    let lockset = locks_in_order(lock.lock_set.iter().map(|id| EntityId::parse(id)))?;
    let request = Request {
        op: None,
        signal: false,
        reply: Reply::Message,
        parent_execution: Some(own.execution_id.clone()),
        lockset,
        ..Request::signal(
            String::new(),
            None,
            lock.critical_section_id.clone(),
            Some(own.instance_id.clone()),
        )
    };
    decision.posted.push(first_lock(request)?);
    Ok(EntityEvent::LockRequested {
        critical_section_id: lock.critical_section_id,
        lock_set: lock.lock_set,
        position: lock.position,
        parent_instance_id: lock.parent_instance_id,
    })
}

fn unlock_one(own: &Instance, unlock: EntityUnlockSentEvent, decision: &mut Decision) -> EntityEvent {
    let target_instance_id = unlock.target_instance_id.unwrap_or_default();
    let release = Release {
        parent: own.instance_id.clone(),
        id: unlock.critical_section_id.clone(),
    };
    // What is no entity has no lock.
    if let Ok(target) = EntityId::parse(&target_instance_id) {
        decision.posted.push(now(target, EntityMessage::Release(release)));
    }
    EntityEvent::UnlockSent {
        critical_section_id: unlock.critical_section_id,
        target_instance_id,
        parent_instance_id: unlock.parent_instance_id,
    }
}

fn now(target: EntityId, message: EntityMessage) -> Posted {
    Posted {
        target,
        message,
        due: None,
    }
}
