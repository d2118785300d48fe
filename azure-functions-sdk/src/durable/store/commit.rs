//! What one step of the hub changes, as rows: written completely or not at all.

use std::sync::Arc;

use crate::durable::{engine::runtime_status::RuntimeStatus, work::Wire};

/// Surrogate key of an instance: an id that is used again gets a new key, so that late messages cannot reach it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct InstanceKey(pub(crate) i64);

/// Number of a row; given out by the hub, rising, and never used again within a run.
pub(crate) type RowId = i64;

/// Microseconds since 1970 UTC.
pub(crate) type Micros = i64;

/// Changes that belong together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Commit {
    /// Instances to forget, with all that belongs to them; done before everything else.
    pub(crate) removed: Vec<InstanceKey>,
    pub(crate) created: Vec<InstanceRow>,
    pub(crate) updated: Vec<(InstanceKey, InstanceState)>,
    /// New input of instances that continue as new.
    pub(crate) inputs: Vec<(InstanceKey, Option<String>)>,
    /// Instances whose history so far is dropped, before `history` is added.
    pub(crate) cleared: Vec<InstanceKey>,
    /// One row per episode: number, instance, encoded events.
    pub(crate) history: Vec<(RowId, InstanceKey, String)>,
    pub(crate) inbox_added: Vec<InboxRow>,
    pub(crate) inbox_removed: Vec<RowId>,
    pub(crate) timers_added: Vec<TimerRow>,
    pub(crate) timers_removed: Vec<RowId>,
    pub(crate) activities_added: Vec<ActivityRow>,
    pub(crate) activities_removed: Vec<RowId>,
    /// Entities as they are from now on.
    pub(crate) entities: Vec<EntityRow>,
    /// Entities of which nothing is kept.
    pub(crate) entities_removed: Vec<String>,
    pub(crate) entity_inbox_added: Vec<EntityInboxRow>,
    pub(crate) entity_inbox_removed: Vec<RowId>,
    pub(crate) entity_timers_added: Vec<EntityTimerRow>,
    pub(crate) entity_timers_removed: Vec<RowId>,
}

/// Whose state a commit changes: what follows from it on disk must not be written if the commit was not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Owner {
    /// An instance that the commit creates.
    New(InstanceKey),
    Instance(InstanceKey),
    /// `@name@key`.
    Entity(Arc<str>),
}

impl Commit {
    /// All whose state it changes. Messages and activities alone are not state: they are delivered more than once.
    pub(crate) fn owners(&self) -> Vec<Owner> {
        let created = self.created.iter().map(|row| Owner::New(row.key));
        let updated = self.updated.iter().map(|(key, _)| *key);
        let inputs = self.inputs.iter().map(|(key, _)| *key);
        let history = self.history.iter().map(|(_, key, _)| *key);
        let changed = updated
            .chain(inputs)
            .chain(history)
            .chain(self.cleared.iter().copied())
            .map(Owner::Instance);
        let entities = self.entities.iter().map(|row| row.id.as_str());
        let entities = entities
            .chain(self.entities_removed.iter().map(String::as_str))
            .map(|id| Owner::Entity(id.into()));
        created.chain(changed).chain(entities).collect()
    }
}

/// An instance, as it is created and as a status query shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InstanceRow {
    pub(crate) key: InstanceKey,
    pub(crate) id: String,
    pub(crate) name: String,
    /// JSON text.
    pub(crate) input: Option<String>,
    /// What it was started with: a JSON object of strings, if there are any.
    pub(crate) tags: Option<String>,
    /// Instance id of the parent.
    pub(crate) parent: Option<String>,
    /// It was started for a time to come.
    pub(crate) scheduled_start: Option<Micros>,
    pub(crate) state: InstanceState,
}

/// The part of an instance that episodes change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InstanceState {
    pub(crate) execution_id: String,
    /// An execution that continues another may have another one.
    pub(crate) version: Option<String>,
    /// Executions that had this id before.
    pub(crate) generation: i32,
    pub(crate) status: RuntimeStatus,
    pub(crate) created: Micros,
    pub(crate) updated: Micros,
    /// JSON text.
    pub(crate) custom_status: Option<String>,
    /// JSON text, or plain text where that is what there is.
    pub(crate) output: Option<String>,
    /// What it still waits for, though its code has ended: JSON text.
    pub(crate) ending: Option<String>,
    /// How the current execution travels, once that is decided.
    pub(crate) wire: Option<Wire>,
}

/// A message that waits for the next episode of its instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InboxRow {
    pub(crate) row: RowId,
    pub(crate) instance: InstanceKey,
    pub(crate) message: String,
}

/// A durable timer that has not fired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TimerRow {
    pub(crate) row: RowId,
    pub(crate) instance: InstanceKey,
    pub(crate) due: Micros,
    /// The message to deliver when it is due.
    pub(crate) message: String,
}

/// An activity whose result is not recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ActivityRow {
    pub(crate) row: RowId,
    pub(crate) instance: InstanceKey,
    pub(crate) execution_id: String,
    /// Id of its `TaskScheduled` event.
    pub(crate) event_id: i32,
    pub(crate) name: String,
    /// JSON text.
    pub(crate) input: Option<String>,
    pub(crate) version: Option<String>,
    /// JSON text.
    pub(crate) tags: Option<String>,
    /// JSON text.
    pub(crate) trace: Option<String>,
}

/// An entity that exists, or that is locked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EntityRow {
    /// `@name@key`.
    pub(crate) id: String,
    pub(crate) exists: bool,
    /// JSON text.
    pub(crate) state: Option<String>,
    /// The request that has locked it, as JSON.
    pub(crate) lock: Option<String>,
    /// When it last ran an operation.
    pub(crate) updated: Micros,
}

/// A message that waits for its entity, which need not have a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EntityInboxRow {
    pub(crate) row: RowId,
    /// `@name@key`.
    pub(crate) entity: String,
    pub(crate) message: String,
}

/// A message that an entity is to get later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EntityTimerRow {
    pub(crate) row: RowId,
    /// `@name@key`.
    pub(crate) entity: String,
    pub(crate) due: Micros,
    pub(crate) message: String,
}
