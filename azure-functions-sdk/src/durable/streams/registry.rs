//! Which workers are connected, how much each runs, and what is open.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use azure_functions_durable::protobuf::{
    ActivityResponse, EntityBatchResult, GetWorkItemsRequest, OrchestratorResponse, WorkerCapability,
};
use bytes::Bytes;
use tokio::sync::{Notify, mpsc};

use super::{
    answer::{Answer, Lost},
    chunks::ChunkError,
    filters::{ByKind, Filters},
    item::Work,
    open_items::{Begun, Ended, OpenItems},
};
use crate::durable::{clock::Clock, work::WorkKind};

/// Workers of a hub: whatever is looked for is looked for among all of them.
pub(super) const MOST_WORKERS: usize = 1_024;

/// Items of a kind that the workers of a hub run at a time, however many they ask for: each takes memory.
pub(super) const MOST_ITEMS: usize = 100_000;

/// A worker is not connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unconnected {
    /// The hub is closed.
    Closed,
    /// There are [`MOST_WORKERS`] already.
    TooMany,
}

/// There is no seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unseated {
    /// The workers that take such items have no room.
    Full,
    /// No worker takes such items.
    NoWorker,
}

/// The workers of a hub.
pub(crate) struct Streams {
    registry: Mutex<Registry>,
    /// A seat may be free that was not.
    freed: Notify,
    pub(super) clock: Arc<dyn Clock>,
}

#[derive(Default)]
struct Registry {
    workers: BTreeMap<u64, Connected>,
    /// Number of the worker that connected last.
    newest: u64,
    open: OpenItems,
    /// Seats that are taken, also of workers that are gone.
    used: ByKind<usize>,
    closed: bool,
    /// Times that a seat was asked for.
    #[cfg(test)]
    asked: usize,
}

/// A worker whose stream is open.
struct Connected {
    filters: Filters,
    /// It fetches long histories.
    streams_history: bool,
    used: ByKind<usize>,
    items: mpsc::UnboundedSender<Bytes>,
}

/// A place on a worker.
pub(super) struct Place {
    pub(super) worker: u64,
    pub(super) streams_history: bool,
}

impl Connected {
    fn room(&self, kind: WorkKind) -> usize {
        self.filters.limit(kind).saturating_sub(*self.used.of(kind))
    }
}

impl Streams {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            registry: Mutex::default(),
            freed: Notify::new(),
            clock,
        })
    }

    /// Connects a worker; its number, what it takes, and where its items come out.
    pub(super) fn add(
        &self,
        request: GetWorkItemsRequest,
    ) -> Result<(u64, String, mpsc::UnboundedReceiver<Bytes>), Unconnected> {
        let (items, received) = mpsc::unbounded_channel();
        let worker = Connected {
            streams_history: request
                .capabilities
                .contains(&WorkerCapability::HistoryStreaming.into()),
            filters: Filters::new(request),
            used: ByKind::default(),
            items,
        };
        let takes = worker.filters.to_string();
        let number = {
            let mut registry = self.registry();
            if registry.closed {
                return Err(Unconnected::Closed);
            }
            if registry.workers.len() >= MOST_WORKERS {
                return Err(Unconnected::TooMany);
            }
            registry.newest += 1;
            let number = registry.newest;
            registry.workers.insert(number, worker);
            number
        };
        self.freed.notify_one();
        Ok((number, takes, received))
    }

    /// How many workers have connected so far: if no worker takes items of a name, none does before another one connects.
    pub(crate) fn connects(&self) -> u64 {
        self.registry().newest
    }

    /// Whether workers take items of this kind, and none of them has room for another one, or as many run as may.
    pub(crate) fn is_full(&self, kind: WorkKind) -> bool {
        let registry = self.registry();
        if *registry.used.of(kind) >= MOST_ITEMS {
            return true;
        }
        let mut workers = registry.workers.values().filter(|worker| worker.filters.take_any(kind));
        match workers.next() {
            Some(first) => first.room(kind) == 0 && workers.all(|worker| worker.room(kind) == 0),
            None => false,
        }
    }

    /// Takes a place for one item, on the worker that has the most room, one of the others before one of `asked_last`.
    pub(super) fn take_place(
        &self,
        kind: WorkKind,
        name: &str,
        version: &str,
        asked_last: &[u64],
    ) -> Result<Place, Unseated> {
        let mut guard = self.registry();
        let registry = &mut *guard;
        #[cfg(test)]
        {
            registry.asked += 1;
        }
        let has_room = *registry.used.of(kind) < MOST_ITEMS;
        let mut best: Option<(&mut Connected, u64, (bool, usize))> = None;
        let mut taken = false;
        for (number, worker) in &mut registry.workers {
            if !worker.filters.take(kind, name, version) {
                continue;
            }
            taken = true;
            let room = worker.room(kind);
            let rank = (!asked_last.contains(number), room);
            if room > 0 && best.as_ref().is_none_or(|(_, _, most)| rank > *most) {
                best = Some((worker, *number, rank));
            }
        }
        match best {
            Some((worker, number, _)) if has_room => {
                *registry.used.of_mut(kind) += 1;
                *worker.used.of_mut(kind) += 1;
                Ok(Place {
                    worker: number,
                    streams_history: worker.streams_history,
                })
            }
            _ if taken => Err(Unseated::Full),
            _ => Err(Unseated::NoWorker),
        }
    }

    /// Returns when a seat may be free that was not, or no worker will come any more.
    pub(crate) async fn freed(&self) {
        self.freed.notified().await;
    }

    /// A worker has answered an episode, or a part of the answer is there, with so many entries of one kind: nothing is applied before
    /// the last part.
    ///
    /// # Errors
    /// A part does not follow those before it.
    pub(crate) fn complete_orchestrator(
        &self,
        response: OrchestratorResponse,
        entries: usize,
    ) -> Result<(), ChunkError> {
        let mut registry = self.registry();
        let token = response.completion_token.clone();
        if !registry.open.has(&token, WorkKind::Orchestration) {
            return Ok(());
        }
        if let Some(answer) = registry.open.add_chunk(&token, response, entries)? {
            registry.open.end(&token, answer.map(Answer::Orchestration));
        }
        Ok(())
    }

    /// A worker has run an activity.
    pub(crate) fn complete_activity(&self, response: ActivityResponse) {
        let token = response.completion_token.clone();
        self.end(&token, WorkKind::Activity, Ok(Answer::Activity(response)));
    }

    /// A worker has run operations of an entity.
    pub(crate) fn complete_entity(&self, result: EntityBatchResult) {
        let token = result.completion_token.clone();
        self.end(&token, WorkKind::Entity, Ok(Answer::Entity(result)));
    }

    /// The answer of a worker cannot be taken, for this reason.
    pub(crate) fn refuse(&self, token: &str, kind: WorkKind, reason: String) {
        self.end(token, kind, Err(Lost::Unusable(reason)));
    }

    /// A worker gives an item back.
    pub(crate) fn abandon(&self, token: &str) {
        let mut registry = self.registry();
        if let Some(worker) = registry.open.worker_of(token) {
            registry.open.end(token, Err(Lost::Abandoned(worker)));
        }
    }

    /// One that is not open is answered already, or has been given to another worker: nothing follows.
    fn end(&self, token: &str, kind: WorkKind, ended: Ended) {
        let mut registry = self.registry();
        if registry.open.has(token, kind) {
            registry.open.end(token, ended);
        }
    }

    /// Ends all streams, and takes no more workers.
    pub(crate) fn close(&self) {
        let gone = {
            let mut registry = self.registry();
            registry.closed = true;
            (std::mem::take(&mut registry.workers), registry.open.end_all())
        };
        drop(gone);
        self.freed.notify_one();
    }

    #[cfg(feature = "host")]
    pub(crate) fn has_no_workers(&self) -> bool {
        self.registry().workers.is_empty()
    }

    #[cfg(test)]
    pub(crate) fn asked(&self) -> usize {
        self.registry().asked
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.registry().closed
    }

    /// The stream of a worker has ended: what it has not answered is lost.
    pub(super) fn disconnect(&self, worker: u64) {
        {
            let mut registry = self.registry();
            registry.workers.remove(&worker);
            registry.open.end_all_of(worker);
        }
        // What waited for its seats may have no worker any more.
        self.freed.notify_one();
    }

    /// Items that a worker has not answered.
    pub(super) fn open_of(&self, worker: u64) -> usize {
        self.registry().open.count_of(worker)
    }

    /// An item begins on a worker; what comes of it. `None`: the worker is gone.
    pub(super) fn begin(&self, worker: u64, work: &Work) -> Option<Begun> {
        let mut registry = self.registry();
        let items = registry.workers.get(&worker)?.items.clone();
        let begun = registry.open.begin(worker, work);
        if items.send(work.encode(&begun.token)).is_err() {
            registry.open.forget(&begun.token);
            return None;
        }
        Some(begun)
    }

    /// The chunks of the history that belongs to the open item of this instance.
    pub(crate) fn past(&self, instance_id: &str) -> Option<Vec<Bytes>> {
        self.registry().open.past(instance_id)
    }

    pub(super) fn forget(&self, token: &str) {
        self.registry().open.forget(token);
    }

    pub(super) fn leave(&self, worker: u64, kind: WorkKind) {
        {
            let mut registry = self.registry();
            *registry.used.of_mut(kind) -= 1;
            if let Some(worker) = registry.workers.get_mut(&worker) {
                *worker.used.of_mut(kind) -= 1;
            }
        }
        self.freed.notify_one();
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        // Every change is made whole by the code that holds the lock.
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Streams {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Streams")
    }
}
