//! What of a batch need not be written: what is gone, or overwritten, when the batch ends. A batch is one transaction, so
//! no reader sees what lies between.
//!
//! On a busy hub an instance has several turns in one batch, and a message is taken by the turn that follows it there: half of
//! what a batch says need not touch the disk.

use std::{
    collections::{HashMap, HashSet},
    ptr,
};

use crate::durable::store::{Commit, InstanceKey, InstanceState, RowId};

/// What a batch overwrites or removes itself. Empty for a single commit, which is written as it is.
#[derive(Debug, Default)]
pub(super) struct Superseded<'b> {
    /// The newest state of each instance, and the place of its commit.
    states: HashMap<InstanceKey, (usize, &'b InstanceState)>,
    /// Instances that begin in the batch.
    created: HashSet<InstanceKey>,
    /// Places of the last commits that remove an instance, or drop its history.
    removed: HashMap<InstanceKey, usize>,
    cleared: HashMap<InstanceKey, usize>,
    /// The id of each entity as the last word on it has it.
    entities: HashMap<&'b str, &'b str>,
    /// Rows that a later commit of the batch removes again.
    pub(super) inbox: HashSet<RowId>,
    pub(super) timers: HashSet<RowId>,
    pub(super) activities: HashSet<RowId>,
    pub(super) entity_inbox: HashSet<RowId>,
    pub(super) entity_timers: HashSet<RowId>,
}

impl<'b> Superseded<'b> {
    pub(super) fn of(batch: &'b [Commit]) -> Self {
        let mut this = Self::default();
        if batch.len() < 2 {
            return this;
        }
        for (place, commit) in batch.iter().enumerate() {
            let states = commit.updated.iter().map(|(key, state)| (*key, (place, state)));
            this.states.extend(states);
            this.created.extend(commit.created.iter().map(|row| row.key));
            this.removed.extend(commit.removed.iter().map(|key| (*key, place)));
            this.cleared.extend(commit.cleared.iter().map(|key| (*key, place)));
            let written = commit.entities.iter().map(|row| row.id.as_str());
            let entities = written.chain(commit.entities_removed.iter().map(String::as_str));
            this.entities.extend(entities.map(|id| (id, id)));
        }
        this.inbox = transient(
            batch,
            |commit| commit.inbox_added.iter().map(|row| row.row),
            |commit| &commit.inbox_removed,
        );
        this.timers = transient(
            batch,
            |commit| commit.timers_added.iter().map(|row| row.row),
            |commit| &commit.timers_removed,
        );
        this.activities = transient(
            batch,
            |commit| commit.activities_added.iter().map(|row| row.row),
            |commit| &commit.activities_removed,
        );
        this.entity_inbox = transient(
            batch,
            |commit| commit.entity_inbox_added.iter().map(|row| row.row),
            |commit| &commit.entity_inbox_removed,
        );
        this.entity_timers = transient(
            batch,
            |commit| commit.entity_timers_added.iter().map(|row| row.row),
            |commit| &commit.entity_timers_removed,
        );
        this
    }

    /// Whether what the commit at this place says of an instance is removed with the instance by a later one.
    pub(super) fn is_removed(&self, key: InstanceKey, place: usize) -> bool {
        self.removed.get(&key).is_some_and(|removed| *removed > place)
    }

    /// Whether the history that the commit at this place adds is dropped by a later one.
    pub(super) fn is_cleared(&self, key: InstanceKey, place: usize) -> bool {
        self.cleared.get(&key).is_some_and(|cleared| *cleared > place)
    }

    /// The state with which an instance is written that the commit at this place creates.
    pub(super) fn first_state(&self, key: InstanceKey, place: usize, given: &'b InstanceState) -> &'b InstanceState {
        match self.states.get(&key) {
            Some((newest, state)) if *newest >= place => state,
            _ => given,
        }
    }

    /// Whether a new state of an instance is written by itself: it is the newest, and the instance is older than the batch.
    pub(super) fn is_update(&self, key: InstanceKey, state: &InstanceState) -> bool {
        match self.states.get(&key) {
            Some((_, newest)) => ptr::eq(*newest, state) && !self.created.contains(&key),
            None => true,
        }
    }

    /// Whether this is the last word on an entity.
    pub(super) fn is_newest_of_entity(&self, id: &str) -> bool {
        self.entities.get(id).is_none_or(|newest| ptr::eq(*newest, id))
    }
}

/// The rows that come in one commit and go in a later one.
fn transient<'b, R: Iterator<Item = RowId>>(
    batch: &'b [Commit],
    added: impl Fn(&'b Commit) -> R,
    removed: impl Fn(&'b Commit) -> &'b Vec<RowId>,
) -> HashSet<RowId> {
    let (mut came, mut gone) = (HashSet::new(), HashSet::new());
    for commit in batch {
        gone.extend(removed(commit).iter().filter(|row| came.contains(*row)));
        came.extend(added(commit));
    }
    gone
}
