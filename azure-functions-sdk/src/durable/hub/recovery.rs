//! From rows back to memory: when a hub opens, and when an instance that was evicted gets a message.

use std::{collections::HashMap, sync::Arc};

use super::{
    attempts::Attempts,
    entity::parse_lock,
    live_entity::{self, LiveEntity},
    set_aside::SetAside,
    state::{Due, Live, Loaded, START, Source, State},
    turns::Waiting,
    waiting::Activity,
};
use crate::durable::{
    engine::{
        entity::EntityMessage,
        event::{EventKind, parse_events},
        instance::Instance,
        message::Message,
        played::Played,
        trace::context_of_json,
    },
    store::{InstanceKey, InstanceState, Recovery, UnreadableRow},
    work::Wire,
};

/// The state of a hub that opens, and the rows that cannot be read: they take part in nothing, and all others do.
pub(super) fn restore(recovery: Recovery) -> (State, Vec<SetAside>) {
    let mut state = State::default();
    let mut unreadable = recovery.unreadable;
    for row in recovery.instances {
        let live = Live::new(&row.id, &row.name, row.state, row.key.0);
        state.insert(row.key, live);
    }
    for row in recovery.inbox {
        match Message::parse(&row.message) {
            Ok(message) => state.deliver(row.instance, Source::Inbox(row.row), message),
            Err(error) => unreadable.push(UnreadableRow {
                table: "inbox",
                row: row.row.to_string(),
                owner: row.instance.0.to_string(),
                reason: error.to_string(),
            }),
        }
    }
    for row in recovery.timers {
        let message = Message::parse(&row.message).map_err(|error| error.to_string());
        let timer = message.and_then(|message| match message.event.kind {
            EventKind::TimerFired { timer_id, .. } => Ok((timer_id, message)),
            EventKind::ExecutionStarted(_) => Ok((START, message)),
            _ => Err("it is another kind of event".to_owned()),
        });
        match timer {
            Ok((timer_id, message)) => {
                state.arm(row.due, row.row, row.instance, timer_id, message);
            }
            Err(reason) => unreadable.push(UnreadableRow {
                table: "timers",
                row: row.row.to_string(),
                owner: row.instance.0.to_string(),
                reason,
            }),
        }
    }
    for row in recovery.activities {
        let Some(live) = state.instances.get(&row.instance) else {
            continue;
        };
        let instance_id = Arc::clone(&live.id);
        state.activities.push(Activity {
            row: row.row,
            instance: row.instance,
            instance_id,
            execution_id: row.execution_id.into(),
            task_id: row.event_id,
            name: row.name,
            input: row.input,
            version: row.version,
            // Tags that cannot be read are not worth an activity.
            tags: row
                .tags
                .and_then(|tags| serde_json::from_str(&tags).ok())
                .unwrap_or_default(),
            trace: row
                .trace
                .and_then(|trace| context_of_json(&serde_json::from_str(&trace).ok()?))
                .map(Box::new),
            failures: 0,
            attempts: Attempts::default(),
        });
    }
    for row in recovery.locked {
        match row.lock.as_deref().map(parse_lock).transpose() {
            Ok(Some(lock)) => {
                state.entities.insert(row.id.as_str().into(), LiveEntity::locked(lock));
            }
            Ok(None) => {}
            Err(reason) => unreadable.push(UnreadableRow {
                table: "entities",
                row: row.id.clone(),
                owner: row.id,
                reason,
            }),
        }
    }
    for row in recovery.entity_inbox {
        match EntityMessage::parse(&row.message) {
            Ok(message) => {
                let source = live_entity::Source::Inbox(row.row);
                state.deliver_to_entity(&row.entity.as_str().into(), source, Arc::new(message));
            }
            Err(error) => unreadable.push(UnreadableRow {
                table: "entity_inbox",
                row: row.row.to_string(),
                owner: row.entity,
                reason: error.to_string(),
            }),
        }
    }
    for row in recovery.entity_timers {
        match EntityMessage::parse(&row.message) {
            Ok(message) => {
                let due = Due::Entity(row.entity.as_str().into(), Arc::new(message));
                state.add_timer(row.due, row.row, due);
            }
            Err(error) => unreadable.push(UnreadableRow {
                table: "entity_timers",
                row: row.row.to_string(),
                owner: row.entity,
                reason: error.to_string(),
            }),
        }
    }
    let set_aside = set_aside(unreadable, &state);
    (state, set_aside)
}

fn set_aside(unreadable: Vec<UnreadableRow>, state: &State) -> Vec<SetAside> {
    let instances = unreadable.iter().filter(|row| row.table == "instances");
    let instances: HashMap<String, String> = instances.map(|row| (row.row.clone(), row.owner.clone())).collect();
    let id = |row: &UnreadableRow| {
        let live = row
            .owner
            .parse()
            .ok()
            .and_then(|key| state.instances.get(&InstanceKey(key)));
        let id = live.map(|live| &*live.id);
        id.or_else(|| instances.get(&row.owner).map(String::as_str))
            .filter(|_| row.is_of_instance())
    };
    let unreadable = unreadable.into_iter();
    unreadable
        .map(|row| {
            let id = id(&row);
            SetAside::new(row, id)
        })
        .collect()
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
    instance.history = history.into();
    instance.wire = row.wire;
    let played = match row.wire {
        Some(wire @ (Wire::Protobuf | Wire::Stream)) => Played::of(wire, &instance.history),
        Some(Wire::Json) | None => Played::Json(played),
    };
    Ok(Loaded {
        instance,
        played,
        session: None,
    })
}
