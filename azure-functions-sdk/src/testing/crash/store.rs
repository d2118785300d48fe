//! A store that is gone at a certain point, and the journal of what was written.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{
    audit::Audit,
    point::{Moment, Names, Point, describe},
};
use crate::durable::store::{
    Commit, EntityPage, EntityQuery, EntityRow, InstanceKey, InstanceQuery, InstanceRow, Page, Recovery, Store,
    StoreError,
};

/// Puts another store between the hub and the one that ends.
pub(super) type Wrap = fn(Arc<dyn Store>) -> Arc<dyn Store>;

/// What was written in one run, through all of its hubs.
#[derive(Debug)]
pub(super) struct Journal(Mutex<Entries>);

#[derive(Debug)]
struct Entries {
    end: Option<Point>,
    /// The process has ended, and no other has taken over.
    down: bool,
    /// It has ended at its point.
    ended: bool,
    commits: Vec<String>,
    names: Names,
    audit: Audit,
}

impl Journal {
    /// The process ends at this point.
    pub(super) fn new(end: Option<Point>) -> Self {
        Self(Mutex::new(Entries {
            end,
            down: false,
            ended: false,
            commits: Vec::new(),
            names: Names::new(),
            audit: Audit::default(),
        }))
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        // Nothing in here panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits that were written.
    pub(super) fn written(&self) -> usize {
        self.entries().commits.len()
    }

    /// Whether the process has ended at its point.
    pub(super) fn has_ended(&self) -> bool {
        self.entries().ended
    }

    pub(super) fn is_down(&self) -> bool {
        self.entries().down
    }

    /// Another process takes over.
    pub(super) fn up(&self) {
        self.entries().down = false;
    }

    pub(super) fn violation(&self) -> Option<String> {
        self.entries().audit.violation().map(str::to_owned)
    }

    /// A point of this run, for people.
    pub(super) fn describe(&self, point: Point, commits: usize) -> String {
        let moment = match point.moment {
            Moment::Before => "before",
            Moment::After => "after",
        };
        let entries = self.entries();
        let what = entries.commits.get(point.commit).map_or("", String::as_str);
        format!("just {moment} commit {} of {commits} ({what})", point.commit + 1)
    }
}

impl Entries {
    fn at(&self, moment: Moment) -> bool {
        let here = Point {
            commit: self.commits.len(),
            moment,
        };
        !self.ended && self.end == Some(here)
    }

    fn go_down(&mut self) {
        self.down = true;
        self.ended = true;
    }
}

/// The store of one process.
pub(super) struct CrashStore {
    pub(super) store: Arc<dyn Store>,
    pub(super) journal: Arc<Journal>,
}

impl Store for CrashStore {
    fn recover(&self) -> Result<Recovery, StoreError> {
        self.store.recover()
    }

    fn write(&self, batch: &[Commit]) -> Result<(), StoreError> {
        let mut entries = self.journal.entries();
        for commit in batch {
            if entries.down {
                return Err(StoreError::Closed);
            }
            if entries.at(Moment::Before) {
                entries.go_down();
                return Err(StoreError::Closed);
            }
            self.store.write(std::slice::from_ref(commit))?;
            entries.audit.note(commit);
            if entries.at(Moment::After) {
                entries.go_down();
            }
            let Entries { commits, names, .. } = &mut *entries;
            commits.push(describe(commit, names));
        }
        Ok(())
    }

    fn find(&self, id: &str) -> Result<Option<InstanceRow>, StoreError> {
        self.store.find(id)
    }

    fn history(&self, key: InstanceKey) -> Result<Vec<String>, StoreError> {
        self.store.history(key)
    }

    fn last_turn(&self, key: InstanceKey) -> Result<Option<String>, StoreError> {
        self.store.last_turn(key)
    }

    fn list(&self, query: &InstanceQuery) -> Result<Page, StoreError> {
        self.store.list(query)
    }

    fn entity(&self, id: &str) -> Result<Option<EntityRow>, StoreError> {
        self.store.entity(id)
    }

    fn entities(&self, query: &EntityQuery) -> Result<EntityPage, StoreError> {
        self.store.entities(query)
    }

    fn close(&self) {
        self.store.close();
    }
}
