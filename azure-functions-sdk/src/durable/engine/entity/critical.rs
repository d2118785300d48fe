//! Locks that an orchestration has not given back.

use super::{EntityId, EntityMessage, Posted, Release, Request};
use crate::durable::engine::event::{EntityEvent, Event, EventKind};

/// The releases of all locks that these events ask for and do not release: whoever ends, loses them. A lock that is still
/// waited for counts.
pub(crate) fn releases<'a>(instance_id: &str, events: impl Iterator<Item = &'a Event>) -> Vec<Posted> {
    let mut held: Vec<LockRequest> = Vec::new();
    for event in events {
        if let Some(request) = lock_request(&event.kind) {
            held.push(request);
        } else if let Some((section, target)) = released(&event.kind) {
            for lock in held.iter_mut().filter(|lock| lock.id == section) {
                lock.lockset.retain(|entity| *entity != target);
            }
        }
    }
    let mut posted = Vec::new();
    for LockRequest { id, lockset } in held {
        for target in lockset {
            let release = Release {
                parent: instance_id.to_owned(),
                id: id.clone(),
            };
            posted.push(Posted {
                target,
                message: EntityMessage::Release(release),
                due: None,
            });
        }
    }
    posted
}

/// A request of locks.
pub(crate) struct LockRequest {
    pub(crate) id: String,
    pub(crate) lockset: Vec<EntityId>,
}

/// The request of locks, if this event sent one.
pub(crate) fn lock_request(event: &EventKind) -> Option<LockRequest> {
    match event {
        EventKind::EventSent {
            name,
            input: Some(input),
            ..
        } if name == "op" && input.contains("\"lockset\"") => {
            let request: Request = serde_json::from_str(input).ok().filter(Request::is_lock)?;
            Some(LockRequest {
                id: request.id,
                lockset: request
                    .lockset
                    .iter()
                    .filter_map(|id| EntityId::new(&id.name, &id.key).ok())
                    .collect(),
            })
        }
        EventKind::Entity(entity) => match &**entity {
            EntityEvent::LockRequested {
                critical_section_id,
                lock_set,
                ..
            } => Some(LockRequest {
                id: critical_section_id.clone(),
                lockset: lock_set.iter().filter_map(|id| EntityId::parse(id).ok()).collect(),
            }),
            _ => None,
        },
        _ => None,
    }
}

/// The id of the request, if this event is the answer to one.
pub(crate) fn answered_request(event: &EventKind) -> Option<&str> {
    match event {
        EventKind::EventRaised { name, .. } => Some(name),
        EventKind::Entity(entity) => match &**entity {
            EntityEvent::LockGranted { critical_section_id } => Some(critical_section_id),
            _ => None,
        },
        _ => None,
    }
}

/// True if this event gave a lock back.
pub(crate) fn is_release(event: &EventKind) -> bool {
    match event {
        EventKind::EventSent { name, .. } => name == "release",
        EventKind::Entity(entity) => matches!(**entity, EntityEvent::UnlockSent { .. }),
        _ => false,
    }
}

/// The request and the entity of the lock that this event gave back.
fn released(event: &EventKind) -> Option<(String, EntityId)> {
    match event {
        EventKind::EventSent {
            name,
            input: Some(input),
            instance_id,
        } if name == "release" => {
            let release: Release = serde_json::from_str(input).ok()?;
            Some((release.id, EntityId::parse(instance_id).ok()?))
        }
        EventKind::Entity(entity) => match &**entity {
            EntityEvent::UnlockSent {
                critical_section_id,
                target_instance_id,
                ..
            } => Some((critical_section_id.clone(), EntityId::parse(target_instance_id).ok()?)),
            _ => None,
        },
        _ => None,
    }
}
