//! The store of the test host: everything in memory, for as long as somebody holds it.
//!
//! Closing it lets another hub open it, as a file on disk could be opened again by the next process.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{
    ActivityRow, Commit, EntityInboxRow, EntityPage, EntityQuery, EntityRow, EntityTimerRow, InboxRow, InstanceKey,
    InstanceQuery, InstanceRow, Page, Recovery, RowId, Store, StoreError, TimerRow,
};

/// A task hub's rows, in memory.
#[derive(Debug, Default)]
pub(crate) struct MemoryStore {
    rows: Mutex<Rows>,
}

#[derive(Debug, Default)]
struct Rows {
    instances: BTreeMap<InstanceKey, InstanceRow>,
    ids: BTreeMap<String, InstanceKey>,
    history: BTreeMap<InstanceKey, Vec<String>>,
    inbox: BTreeMap<RowId, InboxRow>,
    timers: BTreeMap<RowId, TimerRow>,
    activities: BTreeMap<RowId, ActivityRow>,
    entities: BTreeMap<String, EntityRow>,
    entity_inbox: BTreeMap<RowId, EntityInboxRow>,
    entity_timers: BTreeMap<RowId, EntityTimerRow>,
    last_row: RowId,
}

impl MemoryStore {
    fn rows(&self) -> MutexGuard<'_, Rows> {
        // Nothing in here panics while it holds the lock.
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn recover(&self) -> Result<Recovery, StoreError> {
        let mut rows = self.rows();
        let rows = &mut *rows;
        let ended = |key: &InstanceKey| {
            let row = rows.instances.get(key);
            row.is_none_or(|row| row.state.status.is_terminal())
        };
        // What an instance left behind when it ended.
        rows.inbox.retain(|_, row| !ended(&row.instance));
        rows.timers.retain(|_, row| !ended(&row.instance));
        rows.activities.retain(|_, row| !ended(&row.instance));
        let unfinished = rows.instances.values().filter(|row| !row.state.status.is_terminal());
        Ok(Recovery {
            instances: unfinished
                .cloned()
                .map(|row| InstanceRow { input: None, ..row })
                .collect(),
            inbox: rows.inbox.values().cloned().collect(),
            timers: rows.timers.values().cloned().collect(),
            activities: rows.activities.values().cloned().collect(),
            locked: rows
                .entities
                .values()
                .filter(|row| row.lock.is_some())
                .cloned()
                .collect(),
            entity_inbox: rows.entity_inbox.values().cloned().collect(),
            entity_timers: rows.entity_timers.values().cloned().collect(),
            unreadable: Vec::new(),
            next_row: rows.last_row.saturating_add(1),
        })
    }

    fn write(&self, batch: &[Commit]) -> Result<(), StoreError> {
        let mut rows = self.rows();
        for commit in batch {
            rows.apply(commit);
        }
        Ok(())
    }

    fn find(&self, id: &str) -> Result<Option<InstanceRow>, StoreError> {
        let rows = self.rows();
        let key = rows.ids.get(id);
        Ok(key.and_then(|key| rows.instances.get(key)).cloned())
    }

    fn history(&self, key: InstanceKey) -> Result<Vec<String>, StoreError> {
        Ok(self.rows().history.get(&key).cloned().unwrap_or_default())
    }

    fn last_turn(&self, key: InstanceKey) -> Result<Option<String>, StoreError> {
        let rows = self.rows();
        Ok(rows.history.get(&key).and_then(|texts| texts.last()).cloned())
    }

    fn list(&self, query: &InstanceQuery) -> Result<Page, StoreError> {
        let rows = self.rows();
        let after = query.after.map_or(i64::MIN, |key| key.0.saturating_add(1));
        let mut found = rows
            .instances
            .range(InstanceKey(after)..)
            .map(|(_, row)| row)
            .filter(|row| query.created_from.is_none_or(|from| row.state.created >= from))
            .filter(|row| query.created_to.is_none_or(|to| row.state.created <= to))
            .filter(|row| query.updated_from.is_none_or(|from| row.state.updated >= from))
            .filter(|row| query.updated_to.is_none_or(|to| row.state.updated <= to))
            .filter(|row| {
                query
                    .statuses
                    .as_ref()
                    .is_none_or(|statuses| statuses.contains(&row.state.status))
            })
            .filter(|row| query.id_prefix.as_ref().is_none_or(|prefix| row.id.starts_with(prefix)))
            .filter(|row| query.parent.is_none() || row.parent == query.parent)
            .cloned()
            .map(|row| InstanceRow {
                input: row.input.filter(|_| query.with_input),
                ..row
            });
        let instances: Vec<InstanceRow> = found.by_ref().take(query.limit).collect();
        let more = query.limit > 0 && found.next().is_some();
        let next = instances.last().map(|row| row.key).filter(|_| more);
        Ok(Page {
            instances,
            damaged: Vec::new(),
            next,
        })
    }

    fn entity(&self, id: &str) -> Result<Option<EntityRow>, StoreError> {
        Ok(self.rows().entities.get(id).cloned())
    }

    fn entities(&self, query: &EntityQuery) -> Result<EntityPage, StoreError> {
        let rows = self.rows();
        let prefix = query
            .name
            .as_ref()
            .map_or_else(|| "@".to_owned(), |name| format!("@{name}@"));
        let mut found = rows
            .entities
            .range(prefix.clone()..)
            .map(|(_, row)| row)
            .take_while(|row| row.id.starts_with(&prefix))
            .filter(|row| row.exists && query.after.as_ref().is_none_or(|after| row.id > *after))
            .filter(|row| query.updated_from.is_none_or(|from| row.updated >= from))
            .filter(|row| query.updated_to.is_none_or(|to| row.updated <= to))
            .map(|row| EntityRow {
                state: row.state.clone().filter(|_| query.with_state),
                ..row.clone()
            });
        let entities: Vec<EntityRow> = found.by_ref().take(query.limit).collect();
        let more = query.limit > 0 && found.next().is_some();
        let next = entities.last().map(|row| row.id.clone()).filter(|_| more);
        Ok(EntityPage { entities, next })
    }

    fn close(&self) {}
}

impl Rows {
    fn apply(&mut self, commit: &Commit) {
        for key in &commit.removed {
            if let Some(row) = self.instances.remove(key)
                && self.ids.get(&row.id) == Some(key)
            {
                self.ids.remove(&row.id);
            }
            self.history.remove(key);
        }
        for new in &commit.created {
            self.note(new.key.0);
            self.ids.insert(new.id.clone(), new.key);
            self.instances.insert(new.key, new.clone());
        }
        for (key, state) in &commit.updated {
            if let Some(row) = self.instances.get_mut(key) {
                row.state = state.clone();
            }
        }
        for (key, input) in &commit.inputs {
            if let Some(row) = self.instances.get_mut(key) {
                row.input.clone_from(input);
            }
        }
        for key in &commit.cleared {
            self.history.remove(key);
        }
        for (row, key, events) in &commit.history {
            self.note(*row);
            self.history.entry(*key).or_default().push(events.clone());
        }
        for row in &commit.inbox_removed {
            self.inbox.remove(row);
        }
        for added in &commit.inbox_added {
            self.note(added.row);
            self.inbox.insert(added.row, added.clone());
        }
        for row in &commit.timers_removed {
            self.timers.remove(row);
        }
        for added in &commit.timers_added {
            self.note(added.row);
            self.timers.insert(added.row, added.clone());
        }
        for row in &commit.activities_removed {
            self.activities.remove(row);
        }
        for added in &commit.activities_added {
            self.note(added.row);
            self.activities.insert(added.row, added.clone());
        }
        self.apply_to_entities(commit);
    }

    fn apply_to_entities(&mut self, commit: &Commit) {
        for row in &commit.entities {
            self.entities.insert(row.id.clone(), row.clone());
        }
        for id in &commit.entities_removed {
            self.entities.remove(id);
        }
        for row in &commit.entity_inbox_removed {
            self.entity_inbox.remove(row);
        }
        for added in &commit.entity_inbox_added {
            self.note(added.row);
            self.entity_inbox.insert(added.row, added.clone());
        }
        for row in &commit.entity_timers_removed {
            self.entity_timers.remove(row);
        }
        for added in &commit.entity_timers_added {
            self.note(added.row);
            self.entity_timers.insert(added.row, added.clone());
        }
    }

    fn note(&mut self, row: RowId) {
        self.last_row = self.last_row.max(row);
    }
}
