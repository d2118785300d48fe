//! How many items of each kind run at a time. Servers keep to these limits by stream: to one whose stream has ended, what it gave out is
//! free again, though it may still run here.

use super::{limits::Limits, server::Kind};
use tokio::sync::{Semaphore, SemaphorePermit};

/// A seat for each item that runs.
#[derive(Debug)]
pub(super) struct Seats {
    orchestrations: Semaphore,
    activities: Semaphore,
    entities: Semaphore,
}

impl Seats {
    pub(super) fn new(limits: Limits) -> Self {
        // A server that gives out what it was not asked for has it run in the end.
        let seats = |limit: usize| Semaphore::new(limit.clamp(1, Semaphore::MAX_PERMITS));
        Self {
            orchestrations: seats(limits.orchestrations),
            activities: seats(limits.activities),
            entities: seats(limits.entities),
        }
    }

    /// Waits for a seat, which is free again when what is returned is dropped.
    pub(super) async fn take(&self, kind: Kind) -> Option<SemaphorePermit<'_>> {
        let seats = match kind {
            Kind::Orchestration => &self.orchestrations,
            Kind::Activity => &self.activities,
            Kind::Entity => &self.entities,
        };
        // They are never closed.
        seats.acquire().await.ok()
    }
}
