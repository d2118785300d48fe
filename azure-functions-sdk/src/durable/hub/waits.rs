//! The clients that wait for an instance to begin, or to end (`wait.rs`): a wait is an entry here until there is something to look at,
//! or until the end of the instance is on disk, which it is given.

use std::collections::HashMap;

use tokio::sync::oneshot;

use crate::durable::{engine::runtime_status::RuntimeStatus, store::InstanceState};

/// What a client waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// The instance is no longer `Pending`.
    Begun,
    /// The instance has ended.
    Ended,
}

impl Until {
    pub(super) fn is_reached(self, status: RuntimeStatus) -> bool {
        match self {
            Self::Begun => status != RuntimeStatus::Pending,
            Self::Ended => status.is_terminal(),
        }
    }
}

/// Wakes a wait: with the last state of the instance, which is on disk. Dropped, it makes the wait look.
type Wake = oneshot::Sender<InstanceState>;

/// The waits, by the ids of the instances.
#[derive(Debug, Default)]
pub(super) struct Waits {
    by_instance: HashMap<String, Vec<(Until, Wake)>>,
    closed: bool,
}

impl Waits {
    /// Nothing once the hub is closed: no news will come.
    pub(super) fn add(&mut self, id: &str, until: Until) -> Option<oneshot::Receiver<InstanceState>> {
        if self.closed {
            return None;
        }
        let (wake, woken) = oneshot::channel();
        match self.by_instance.get_mut(id) {
            Some(waits) => waits.push((until, wake)),
            None => drop(self.by_instance.insert(id.to_owned(), vec![(until, wake)])),
        }
        Some(woken)
    }

    /// Wakes all: the hub closes.
    pub(super) fn close(&mut self) {
        self.closed = true;
        self.by_instance.clear();
    }

    /// An episode of the instance is on disk, so that it has begun.
    pub(super) fn has_begun(&mut self, id: &str) {
        self.retain(id, |until| until == Until::Ended);
    }

    /// There is no end to come, or another instance has the id.
    pub(super) fn is_gone(&mut self, id: &str) {
        self.by_instance.remove(id);
    }

    /// The end of the instance is on disk.
    pub(super) fn has_ended(&mut self, id: &str, state: &InstanceState) {
        for (_, wake) in self.by_instance.remove(id).into_iter().flatten() {
            // One that has given up does not care.
            let _ = wake.send(state.clone());
        }
    }

    /// Wakes those that are not kept, and forgets those that have given up.
    pub(super) fn retain(&mut self, id: &str, keep: impl Fn(Until) -> bool) {
        if let Some(waits) = self.by_instance.get_mut(id) {
            waits.retain(|(until, wake)| keep(*until) && !wake.is_closed());
            if waits.is_empty() {
                self.by_instance.remove(id);
            }
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.by_instance.is_empty()
    }
}
