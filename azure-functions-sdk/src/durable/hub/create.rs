//! Instances begin: children of orchestrations, and what clients start.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use chrono::{DateTime, Utc};

use super::{
    Inner,
    request_error::RequestError,
    reserved::Reserved,
    state::{Inbound, Live, Loaded, START, State, due_micros},
};
use crate::durable::{
    engine::{
        decision::{ChildStart, Decision},
        ending::Ending,
        event::{Event, EventKind, ExecutionStarted, Tags},
        instance::Instance,
        message::{Message, Outgoing},
        played::Played,
        runtime_status::RuntimeStatus,
    },
    store::{Commit, InstanceKey, InstanceRow, InstanceState, TimerRow},
};

/// Who had the id of a new instance before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Predecessor {
    pub(super) key: InstanceKey,
    pub(super) generation: i32,
    /// `None` where that cannot be read.
    pub(super) status: Option<RuntimeStatus>,
}

/// The past of ids that user code chose, which no other request may start meanwhile. As [`Reserved`], it must not be dropped while the state
/// is locked.
pub(super) struct Pasts {
    /// Who had an id; the error says why that cannot be had.
    by_id: BTreeMap<String, Result<Option<Predecessor>, String>>,
    reserved: Reserved,
}

impl Inner {
    /// Who had this id. One that cannot be read makes place if it is known to have ended.
    pub(super) async fn predecessor(self: &Arc<Self>, id: &str) -> Result<Option<Predecessor>, RequestError> {
        match self.find(id).await {
            Ok(row) => Ok(row.map(|row| Predecessor {
                key: row.key,
                generation: row.state.generation,
                status: Some(row.state.status),
            })),
            Err(RequestError::Damaged(row)) if row.status.is_some_and(RuntimeStatus::is_terminal) => {
                Ok(Some(Predecessor {
                    key: row.key,
                    generation: 0,
                    status: row.status,
                }))
            }
            Err(error) => Err(error),
        }
    }

    /// Looks up the past of the ids that user code chose for children. Ids made from the execution id are new, unless a rewind has forgotten
    /// children that had them.
    pub(super) async fn reserve_children(self: &Arc<Self>, instance: &Instance, decision: &Decision) -> Pasts {
        let children = decision.children.iter().filter_map(ChildStart::started);
        let is_rewind = |event: &Event| matches!(event.kind, EventKind::ExecutionRewound { .. });
        let was_rewound = instance.history.was_rewound() || decision.appended.iter().any(is_rewind);
        let may_exist =
            |started: &&ExecutionStarted| was_rewound || !started.instance_id.starts_with(&instance.execution_id);
        self.reserve_ids(children.filter(may_exist)).await
    }

    /// Looks up the past of the ids of instances to start.
    pub(super) async fn reserve_ids<'s>(self: &Arc<Self>, starts: impl Iterator<Item = &'s ExecutionStarted>) -> Pasts {
        let chosen: BTreeSet<String> = starts.map(|started| started.instance_id.clone()).collect();
        let mut pasts = Pasts {
            by_id: BTreeMap::new(),
            reserved: Reserved::new(self),
        };
        for id in chosen {
            {
                let mut state = self.state();
                if state.find(&id).is_some() || !pasts.reserved.add(&mut state, &id) {
                    continue;
                }
            }
            let past = self.predecessor(&id).await;
            pasts.by_id.insert(id, past.map_err(|error| error.to_string()));
        }
        pasts
    }

    pub(super) fn start_child(
        &self,
        state: &mut State,
        mut child: ChildStart,
        pasts: &Pasts,
        now: DateTime<Utc>,
        commit: &mut Commit,
        outgoing: &mut Vec<Outgoing>,
    ) {
        let Some(started) = child.started() else { return };
        let id = started.instance_id.clone();
        let running = state.find(&id).is_some() || (state.starting.contains(&id) && !pasts.by_id.contains_key(&id));
        if running {
            let reason = format!("An orchestration instance with the id '{id}' is already running.");
            outgoing.extend(child.refused(now, reason));
            return;
        }
        let replaced = match pasts.by_id.get(&id) {
            None | Some(Ok(None)) => None,
            Some(Ok(Some(replaced))) => Some(*replaced),
            // Whether an instance has this id cannot be read: it is not overwritten.
            Some(Err(problem)) => {
                let reason = format!("The id '{id}' cannot be looked up. {problem}");
                outgoing.extend(child.refused(now, reason));
                return;
            }
        };
        if let Some(Predecessor { generation, .. }) = replaced
            && let EventKind::ExecutionStarted(started) = &mut child.message.event.kind
        {
            started.generation = generation.saturating_add(1);
        }
        self.create(state, child.message, replaced.map(|replaced| replaced.key), commit);
    }

    /// Makes an instance from its start message, in memory and in the commit.
    pub(super) fn create(
        &self,
        state: &mut State,
        start: Message,
        replaced: Option<InstanceKey>,
        commit: &mut Commit,
    ) -> Option<InstanceKey> {
        let instance = Instance::pending(&start)?;
        let scheduled_start = start.as_start().and_then(|started| started.scheduled_start);
        // An instance that ended a moment ago may still be in memory.
        let in_memory = state.ids.get(instance.instance_id.as_str()).copied();
        for old in replaced.into_iter().chain(in_memory).collect::<BTreeSet<_>>() {
            state.drop_messages(old, commit);
            state.forget(old);
            commit.removed.push(old);
        }
        let key = InstanceKey(self.new_row());
        let row = row_of(&instance, instance.created);
        commit.created.push(InstanceRow {
            key,
            id: instance.instance_id.clone(),
            name: instance.name.clone(),
            input: instance.input.clone(),
            tags: tags_json(&instance.tags),
            parent: instance.parent.as_ref().map(|parent| parent.instance_id.clone()),
            scheduled_start: scheduled_start.map(|start| start.timestamp_micros()),
            state: row.clone(),
        });
        state.insert(key, Live::new(&instance.instance_id, &instance.name, row, key.0));
        let id = instance.instance_id.clone();
        state.keep_loaded(
            key,
            Box::new(Loaded {
                instance,
                played: Played::default(),
                session: None,
            }),
            self.options.history_cache,
        );
        match scheduled_start.filter(|due| *due > self.now()) {
            None => self.post(state, &id, start, commit),
            Some(due) => {
                let (due, row) = (due_micros(due), self.new_row());
                commit.timers_added.push(TimerRow {
                    row,
                    instance: key,
                    due,
                    message: start.to_json(),
                });
                if state.arm(due, row, key, START, start) {
                    self.timers_changed.notify_one();
                }
            }
        }
        Some(key)
    }
}

impl State {
    /// Removes everything that waits for an instance that is replaced.
    fn drop_messages(&mut self, key: InstanceKey, commit: &mut Commit) {
        commit.timers_removed.extend(self.disarm(key));
        if let Some(live) = self.instances.get_mut(&key) {
            for Inbound { source, .. } in live.inbox.drain(..) {
                source.remove(commit);
            }
        }
    }
}

/// The row of an instance.
pub(super) fn row_of(instance: &Instance, updated: DateTime<Utc>) -> InstanceState {
    InstanceState {
        execution_id: instance.execution_id.clone(),
        version: instance.version.clone(),
        generation: instance.generation,
        status: match instance.status {
            RuntimeStatus::ContinuedAsNew => RuntimeStatus::Running,
            status => status,
        },
        created: instance.created.timestamp_micros(),
        updated: updated.timestamp_micros(),
        custom_status: instance.custom_status.clone(),
        output: instance.output.clone(),
        ending: instance.ending.as_ref().map(Ending::to_json),
        wire: instance.wire,
    }
}

/// JSON text.
pub(super) fn tags_json(tags: &Tags) -> Option<String> {
    // Texts are always JSON.
    (!tags.is_empty()).then(|| serde_json::to_string(tags).unwrap_or_default())
}
