//! Locks that an orchestration has not given back.

use super::{EntityId, EntityMessage, Posted, Release, Request};
use crate::durable::engine::event::{Event, EventKind};

/// The releases of all locks that these events ask for and do not release: whoever ends, loses them. A lock that is still
/// waited for counts.
pub(crate) fn releases<'a>(instance_id: &str, events: impl Iterator<Item = &'a Event>) -> Vec<Posted> {
    let mut held: Vec<(String, Vec<EntityId>)> = Vec::new();
    for event in events {
        if let Some(request) = lock_request(&event.kind) {
            held.push((request.id, request.lockset));
        } else if let EventKind::EventSent {
            name,
            input: Some(input),
            instance_id: target,
        } = &event.kind
            && name == "release"
            && let Ok(release) = serde_json::from_str::<Release>(input)
        {
            for (id, lockset) in &mut held {
                if *id == release.id {
                    lockset.retain(|entity| entity.to_string() != *target);
                }
            }
        }
    }
    let mut posted = Vec::new();
    for (id, lockset) in held {
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

/// The request of locks, if this event sent one.
pub(crate) fn lock_request(event: &EventKind) -> Option<Request> {
    let EventKind::EventSent {
        name,
        input: Some(input),
        ..
    } = event
    else {
        return None;
    };
    if name != "op" || !input.contains("\"lockset\"") {
        return None;
    }
    serde_json::from_str(input).ok().filter(Request::is_lock)
}
