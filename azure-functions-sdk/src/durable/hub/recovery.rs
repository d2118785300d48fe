//! From rows back to memory: when a hub opens, and when an instance that was evicted gets a message.

use std::{path::Path, sync::Arc};

use super::{
    TaskHubError,
    entity::{self, LiveEntity, parse_lock},
    state::{Activity, Due, Live, Loaded, Source, State},
};
use crate::durable::{
    engine::{
        entity::EntityMessage,
        event::{EventKind, parse_events},
        instance::Instance,
        message::Message,
    },
    store::{InstanceState, Recovery},
};

/// The state of a hub that opens.
pub(super) fn restore(recovery: Recovery, path: &Path) -> Result<State, TaskHubError> {
    let corrupt = |what, reason: String| TaskHubError::Corrupt {
        path: path.to_owned(),
        what,
        reason,
    };
    let mut state = State::default();
    for row in recovery.instances {
        let live = Live::new(row.id.as_str().into(), row.state, row.key.0);
        state.insert(row.key, live);
    }
    for row in recovery.inbox {
        let message = Message::parse(&row.message).map_err(|error| corrupt("a message", error.to_string()))?;
        state.deliver(row.instance, Source::Inbox(row.row), message);
    }
    for row in recovery.timers {
        let message = Message::parse(&row.message).map_err(|error| corrupt("a timer", error.to_string()))?;
        let EventKind::TimerFired { timer_id, .. } = message.event.kind else {
            return Err(corrupt("a timer", "it is another kind of event".to_owned()));
        };
        state.arm(row.due, row.row, row.instance, timer_id, message);
    }
    for row in recovery.activities {
        let Some(live) = state.instances.get(&row.instance) else {
            continue;
        };
        let instance_id = Arc::clone(&live.id);
        state.enqueue_activity(Activity {
            row: row.row,
            instance: row.instance,
            instance_id,
            execution_id: row.execution_id.into(),
            task_id: row.event_id,
            name: row.name,
            input: row.input,
            failures: 0,
        });
    }
    for row in recovery.locked {
        let lock = row.lock.as_deref().map(parse_lock).transpose();
        if let Some(lock) = lock.map_err(|error| corrupt("a lock of an entity", error))? {
            state.entities.insert(row.id.as_str().into(), LiveEntity::locked(lock));
        }
    }
    for row in recovery.entity_inbox {
        let message =
            EntityMessage::parse(&row.message).map_err(|error| corrupt("a message to an entity", error.to_string()))?;
        state.deliver_to_entity(
            &row.entity.as_str().into(),
            entity::Source::Inbox(row.row),
            Arc::new(message),
        );
    }
    for row in recovery.entity_timers {
        let message = EntityMessage::parse(&row.message)
            .map_err(|error| corrupt("a delayed message to an entity", error.to_string()))?;
        state.add_timer(
            row.due,
            row.row,
            Due::Entity(row.entity.as_str().into(), Arc::new(message)),
        );
    }
    Ok(state)
}

/// An instance from its row and its history. One that has none is made from the start message that waits for it.
pub(super) fn rebuild<'a>(
    row: &InstanceState,
    texts: &[String],
    waiting: impl Iterator<Item = &'a Message>,
) -> Result<Loaded, String> {
    let played = texts.join(",");
    let history = parse_events(&played).map_err(|error| error.to_string())?;
    let start = history
        .iter()
        .find(|event| matches!(event.kind, EventKind::ExecutionStarted(_)));
    let pending = match start {
        Some(event) => {
            let EventKind::ExecutionStarted(started) = &event.kind else {
                return Err("no start".to_owned());
            };
            Instance::pending(&Message::start(event.timestamp, (**started).clone()))
        }
        None => {
            let mut waiting = waiting;
            waiting.find_map(Instance::pending)
        }
    };
    let mut instance = pending.ok_or("it has neither history nor a start message")?;
    instance.status = row.status;
    instance.output.clone_from(&row.output);
    instance.custom_status.clone_from(&row.custom_status);
    // It is shown, and nothing hangs on it.
    instance.ending = row.ending.as_deref().and_then(|text| serde_json::from_str(text).ok());
    instance.history = history;
    Ok(Loaded { instance, played })
}
