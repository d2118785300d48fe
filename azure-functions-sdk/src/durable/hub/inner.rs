//! What everything that runs in a hub shares.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicI64, Ordering},
};

use chrono::{DateTime, Utc};
use tokio::sync::Notify;

use super::{committed::Committed, news::News, options::TaskHubOptions, runtime::HubRuntime, state::State};
use crate::durable::{
    engine::settings::Settings,
    store::{RowId, Store, writer::Writer},
    streams::Streams,
    work::Worker,
};

/// The hub itself, shared by everything that runs in it.
pub(crate) struct Inner {
    pub(crate) options: TaskHubOptions,
    pub(super) settings: Settings,
    pub(super) store: Arc<dyn Store>,
    pub(super) writer: Writer<Committed>,
    /// Brings what the writer has written to the hub.
    pub(super) news: Option<Arc<News>>,
    pub(super) worker: Arc<dyn Worker>,
    /// The workers that take work from a stream.
    pub(crate) streams: Arc<Streams>,
    pub(super) runtime: HubRuntime,
    pub(super) state: Mutex<State>,
    pub(super) next_row: AtomicI64,
    /// The timer that is due before all others may be another one.
    pub(super) timers_changed: Notify,
    /// Nothing runs any more.
    pub(super) quiet: Notify,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Inner {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // Every change to the state is made whole by the code that holds the lock; a panic in it is a bug that the
        // other instances should survive.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.options.clock.now()
    }

    pub(super) fn new_id(&self) -> String {
        self.options.clock.new_id()
    }

    pub(super) fn new_row(&self) -> RowId {
        self.next_row.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn close(&self) {
        self.streams.close();
        self.writer.close();
        if let Some(news) = &self.news {
            news.close();
        }
        self.state().waits.close();
        self.store.close();
    }
}
