//! Ids that a request keeps for itself while it looks up their past. It may end at any moment, as when its connection is cut: the ids
//! go back then.

use std::{collections::BTreeSet, sync::Arc};

use super::{Inner, state::State};

/// Gives the ids back when it is dropped. Drop it while the state is not locked.
#[derive(Debug)]
pub(super) struct Reserved {
    hub: Arc<Inner>,
    ids: BTreeSet<String>,
}

impl Reserved {
    /// No ids yet.
    pub(super) fn new(hub: &Arc<Inner>) -> Self {
        Self {
            hub: Arc::clone(hub),
            ids: BTreeSet::new(),
        }
    }

    /// Keeps one more; false if another request has it.
    pub(super) fn add(&mut self, state: &mut State, id: &str) -> bool {
        let is_free = state.starting.insert(id.to_owned());
        if is_free {
            self.ids.insert(id.to_owned());
        }
        is_free
    }

    /// Whether this id is kept.
    pub(super) fn has(&self, id: &str) -> bool {
        self.ids.contains(id)
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if self.ids.is_empty() {
            return;
        }
        let mut state = self.hub.state();
        for id in &self.ids {
            state.starting.remove(id);
        }
    }
}
