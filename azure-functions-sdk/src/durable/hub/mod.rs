//! The task hub: brings messages, workers and time together.
//!
//! What an instance waits for lives in memory (`state`) and on disk; an episode takes all messages of its instance,
//! asks the engine and the worker, and puts everything that follows into one commit. An episode may begin before the
//! commit that fed it is on disk, since its own commit comes later in the same queue. What leaves the hub, answers to
//! clients and calls of activities, waits for the disk.

mod activity;
mod attempts;
mod committed;
mod confirmation;
mod create;
mod dispatch;
mod entity;
mod episode;
mod functions;
mod halted;
mod held;
mod inner;
mod live_entity;
mod name;
mod news;
mod options;
pub(crate) mod purge;
mod quarantine;
mod record;
#[cfg(any(feature = "host", feature = "testing"))]
mod recorded;
mod recovery;
pub(crate) mod request_error;
pub(crate) mod requests;
mod reserved;
mod rewind;
mod runnable;
mod running;
mod runtime;
mod salvage;
mod sessions;
mod set_aside;
mod state;
mod terminate;
#[cfg(test)]
pub(super) mod tests;
mod timers;
mod turns;
pub(crate) mod wait;
mod waiting;
pub(crate) mod waits;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock, Weak, atomic::AtomicI64},
    time::Duration,
};

use tokio::sync::Notify;

use self::committed::Committed;
#[cfg(feature = "host")]
pub(crate) use self::options::SESSION_IDLE;
pub(crate) use self::{inner::Inner, runtime::HubRuntime};
pub use self::{
    name::{HubName, HubNameError},
    options::TaskHubOptions,
};
use super::{
    binding::{self, BindingUrls},
    store::{RowId, Store, StoreError, writer::Outcome},
    streams::Streams,
    work::{DurableFunctions, Wire, Worker},
};

/// A hub that gives out a million numbers of rows a second gets here after 146,000 years.
const LAST_FIRST_ROW: RowId = RowId::MAX / 2;

/// An open task hub.
///
/// Work begins as soon as it is told the functions of a worker. Dropping it stops at once, as a crash would, except
/// that what is queued for the disk is written; [`TaskHub::drain`] lets running work end first.
#[derive(Debug)]
pub struct TaskHub {
    pub(super) inner: Arc<Inner>,
}

/// A task hub could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TaskHubError {
    /// Its store could not be opened or read; the text says whether another host has it, and what to do.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The operating system gave no thread for the writer.
    #[error("cannot start the task hub's writer thread: {0}")]
    Thread(#[source] std::io::Error),
    /// What is stored cannot be understood.
    #[error("the task hub's database {} holds {what} that cannot be read: {reason}; move the file away to start afresh", path.display())]
    Corrupt {
        /// The database file.
        path: PathBuf,
        /// What was read.
        what: &'static str,
        /// Why it makes no sense.
        reason: String,
    },
    /// Opened outside of an async runtime.
    #[error("a task hub can only be opened inside a tokio runtime")]
    NoRuntime,
}

impl TaskHub {
    /// Opens the hub, or creates it. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When the data folder cannot be used, another host has the hub, or its file is from a newer version.
    #[cfg(feature = "sqlite")]
    pub fn open(options: TaskHubOptions, worker: Arc<dyn Worker>) -> Result<Self, TaskHubError> {
        let store = super::store::sqlite::SqliteStore::open(&options.database(), options.durability)?;
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| TaskHubError::NoRuntime)?;
        Self::open_with(options, worker, Arc::new(store), HubRuntime::Tokio(runtime))
    }

    /// Deletes the hub: all instances and entities, and everything that waits. `false` if there was none.
    ///
    /// # Errors
    /// When a host has the hub, or its files cannot be removed.
    #[cfg(feature = "sqlite")]
    pub fn delete(options: &TaskHubOptions) -> Result<bool, TaskHubError> {
        Ok(super::store::sqlite::SqliteStore::delete(&options.database())?)
    }

    /// Opens the hub on any store and any runtime.
    pub(crate) fn open_with(
        options: TaskHubOptions,
        worker: Arc<dyn Worker>,
        store: Arc<dyn Store>,
        runtime: HubRuntime,
    ) -> Result<Self, TaskHubError> {
        let recovered = store.recover()?;
        let next_row = recovered.next_row;
        if next_row > LAST_FIRST_ROW {
            return Err(TaskHubError::Corrupt {
                path: options.database(),
                what: "a row",
                reason: format!(
                    "the last number given out is {}, which leaves too few",
                    next_row.saturating_sub(1)
                ),
            });
        }
        let (state, set_aside) = recovery::restore(recovered);
        // What was set aside may be the owner of a lock.
        let orphaned_locks = set_aside.is_empty() && !state.orphaned_locks().is_empty();
        for row in set_aside {
            log::error!("{row} (database: {})", options.database().display());
        }
        let target = Arc::new(OnceLock::<Weak<Inner>>::new());
        let tell = {
            let target = Arc::clone(&target);
            move |outcome: Outcome<Committed>| {
                if let Some(inner) = target.get().and_then(Weak::upgrade) {
                    inner.told(outcome);
                }
            }
        };
        let (writer, news) = runtime
            .start_writer(Arc::clone(&store), tell)
            .map_err(TaskHubError::Thread)?;
        let streams = Streams::new(Arc::clone(&options.clock));
        let inner = Arc::new(Inner {
            settings: options.settings(),
            options,
            store,
            writer,
            news,
            worker,
            streams: Arc::clone(&streams),
            runtime,
            state: Mutex::new(state),
            next_row: AtomicI64::new(next_row),
            timers_changed: Notify::new(),
            quiet: Notify::new(),
        });
        // The cell is set once, here.
        let _ = target.set(Arc::downgrade(&inner));
        inner.runtime.spawn(timers::run(Arc::downgrade(&inner)));
        inner
            .runtime
            .spawn(dispatch::seat_freed(streams, Arc::downgrade(&inner)));
        if orphaned_locks {
            let hub = Arc::clone(&inner);
            inner.runtime.spawn(async move {
                if let Err(error) = hub.release_orphaned_locks().await {
                    log::warn!("locks of orchestrations that are gone are still there: {error}");
                }
            });
        }
        Ok(Self { inner })
    }

    /// Name of the hub.
    #[must_use]
    pub fn name(&self) -> &HubName {
        &self.inner.options.name
    }

    /// Tells which durable functions the worker has; to be called whenever a worker has loaded. Work that waited for
    /// a worker goes on.
    pub fn set_functions(&self, functions: DurableFunctions) {
        self.inner.set_functions(functions);
    }

    /// The JSON text that a durable client binding delivers: for gRPC, where the worker asks for the protobuf wire.
    #[must_use]
    pub fn client_binding(&self, urls: &BindingUrls) -> String {
        let name = self.inner.options.name.as_str();
        match self.inner.state().wire() {
            Wire::Protobuf if urls.grpc.is_some() => binding::grpc_client_binding(urls, name),
            _ => binding::client_binding(urls, name, &self.inner.options.connection),
        }
    }

    #[cfg(all(test, feature = "host"))]
    pub(crate) fn durability(&self) -> super::Durability {
        self.inner.options.durability
    }

    /// Begins nothing new; what runs goes on, and its results are recorded.
    pub fn begin_drain(&self) {
        self.inner.begin_drain();
    }

    /// Returns when nothing runs any more and all results are on their way to the disk; for a hub that begins nothing
    /// new.
    pub async fn until_quiet(&self) {
        self.inner.until_quiet().await;
    }

    /// How many activities and how many episodes run now; turns of entities count as episodes.
    #[must_use]
    pub fn running(&self) -> (usize, usize) {
        self.inner.running()
    }

    /// Whether no worker takes work from it and nothing runs.
    #[cfg(feature = "host")]
    pub(crate) fn is_idle(&self) -> bool {
        self.inner.streams.has_no_workers() && self.inner.running() == (0, 0)
    }

    /// Begins nothing new, waits at most so long for what runs, writes everything and closes the hub. False if
    /// something still ran; it will run again when the hub is opened.
    pub async fn drain(&self, timeout: Duration) -> bool {
        self.inner.begin_drain();
        let done = tokio::time::timeout(timeout, self.inner.until_quiet()).await.is_ok();
        let inner = Arc::clone(&self.inner);
        // Writing what is queued may take a moment.
        let closed = tokio::task::spawn_blocking(move || inner.close()).await;
        done && closed.is_ok()
    }
}

impl Drop for TaskHub {
    fn drop(&mut self) {
        self.inner.begin_drain();
        self.inner.close();
    }
}
