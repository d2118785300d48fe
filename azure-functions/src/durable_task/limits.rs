//! How much runs at a time.

use std::thread;

/// Items of a kind at a time for each core, as workers of .NET ask for.
const ITEMS_PER_CORE: usize = 100;

/// How many items of each kind a worker runs at a time, which is also what a server gives it. With 0 it takes none of the kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Turns of orchestrations.
    pub orchestrations: usize,
    /// Activities.
    pub activities: usize,
    /// Batches of operations of entities.
    pub entities: usize,
}

impl Default for Limits {
    /// 100 of each for each core.
    fn default() -> Self {
        let limit = ITEMS_PER_CORE * thread::available_parallelism().map_or(1, usize::from);
        Self {
            orchestrations: limit,
            activities: limit,
            entities: limit,
        }
    }
}

impl Limits {
    /// Sets how many turns of orchestrations run at a time.
    #[must_use]
    pub fn orchestrations(mut self, limit: usize) -> Self {
        self.orchestrations = limit;
        self
    }

    /// Sets how many activities run at a time.
    #[must_use]
    pub fn activities(mut self, limit: usize) -> Self {
        self.activities = limit;
        self
    }

    /// Sets how many batches of operations of entities run at a time.
    #[must_use]
    pub fn entities(mut self, limit: usize) -> Self {
        self.entities = limit;
        self
    }
}
