//! The threads that run functions. They start with the first invocation. Nothing that a function does can keep the worker from reading,
//! answering a status request or stopping for long: see [`pool`](super::pool).

use super::{episode_timeout::timeout_setting, episodes::Episodes, parking::Parking, pool::Pool};
use std::{io, sync::Arc, time::Duration};
use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::{OwnedSemaphorePermit, Semaphore},
};

/// Plain functions that run at a time; more wait in line. Each holds a thread, which it may block as long as it likes.
const MOST_BLOCKING_FUNCTIONS: usize = 1_000;

/// Threads that may block, a bound that is never meant to be reached: plain functions have their own limit above, episodes
/// give their place back when they get stuck, and what is left is for blocking calls that async functions make.
const MOST_BLOCKING_THREADS: usize = 16_384;

/// Runs functions.
#[derive(Debug)]
pub(crate) struct Threads {
    runtime: Runtime,
    pool: Pool,
    blocking: Blocking,
    episodes: Arc<Episodes>,
    parking: Arc<Parking>,
}

/// Runs plain functions. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Blocking {
    handle: Handle,
    places: Arc<Semaphore>,
}

impl Threads {
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .thread_name("functions")
            .max_blocking_threads(MOST_BLOCKING_THREADS)
            .enable_all()
            .build()?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        // They only compute, so more than the cores can run at once only costs memory.
        let episodes = Arc::new(Episodes::new(runtime.handle().clone(), 2 * cores, timeout_setting()));
        let parking = Parking::new(runtime.handle().clone(), Arc::clone(&episodes), cores);
        let blocking = Blocking::new(runtime.handle().clone());
        Ok(Self {
            pool: Pool::start(runtime.handle().clone(), blocking.clone(), cores)?,
            runtime,
            blocking,
            episodes,
            parking: Arc::new(parking),
        })
    }

    pub(crate) fn handle(&self) -> &Handle {
        self.runtime.handle()
    }

    /// Where functions run, unless they are plain and may take long.
    pub(super) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Where plain functions run.
    pub(super) fn blocking(&self) -> &Blocking {
        &self.blocking
    }

    /// Where episodes run.
    pub(super) fn episodes(&self) -> &Arc<Episodes> {
        &self.episodes
    }

    /// Where turns of instances in sessions run.
    pub(super) fn parking(&self) -> &Arc<Parking> {
        &self.parking
    }

    /// Does not wait for functions that still run.
    pub(crate) fn stop(self) {
        self.parking.stop();
        self.pool.stop();
        self.runtime.shutdown_timeout(Duration::ZERO);
    }
}

impl Blocking {
    pub(super) fn new(handle: Handle) -> Self {
        Self {
            handle,
            places: Arc::new(Semaphore::new(MOST_BLOCKING_FUNCTIONS)),
        }
    }

    /// Runs a plain function once it is its turn.
    pub(super) fn run(&self, work: impl FnOnce() + Send + 'static) {
        match Arc::clone(&self.places).try_acquire_owned() {
            Ok(place) => spawn_blocking(&self.handle, place, work),
            Err(_) => {
                let (turn, handle) = (Arc::clone(&self.places), self.handle.clone());
                self.handle.spawn(async move {
                    // The semaphore is never closed.
                    if let Ok(place) = turn.acquire_owned().await {
                        spawn_blocking(&handle, place, work);
                    }
                });
            }
        }
    }
}

fn spawn_blocking(handle: &Handle, place: OwnedSemaphorePermit, work: impl FnOnce() + Send + 'static) {
    handle.spawn_blocking(move || {
        work();
        drop(place);
    });
}
