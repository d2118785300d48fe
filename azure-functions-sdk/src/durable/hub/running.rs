//! What runs of one kind. What a worker of a stream runs takes no room of the app: it has a seat there.

use std::{collections::HashSet, hash::Hash};

/// See the module.
#[derive(Debug)]
pub(super) struct Running<Id> {
    in_app: usize,
    on_streams: HashSet<Id>,
}

impl<Id> Default for Running<Id> {
    fn default() -> Self {
        Self {
            in_app: 0,
            on_streams: HashSet::new(),
        }
    }
}

impl<Id: Eq + Hash> Running<Id> {
    pub(super) fn begins(&mut self, id: Id, has_seat: bool) {
        match has_seat {
            true => drop(self.on_streams.insert(id)),
            false => self.in_app += 1,
        }
    }

    pub(super) fn ended(&mut self, id: &Id) {
        if !self.on_streams.remove(id) {
            self.in_app -= 1;
        }
    }

    /// What the app runs, or the hub itself.
    pub(super) fn in_app(&self) -> usize {
        self.in_app
    }

    pub(super) fn all(&self) -> usize {
        self.in_app + self.on_streams.len()
    }
}
