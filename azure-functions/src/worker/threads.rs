//! The threads that run functions. They start with the first invocation. Nothing that a function does can keep the worker from reading,
//! answering a status request or stopping for long: see [`pool`](super::pool).

use super::{blocking::Blocking, episode_timeout::timeout_setting, episodes::Episodes, parking::Parking, pool::Pool};
use std::{io, sync::Arc, time::Duration};
use tokio::runtime::{Builder, Handle, Runtime};

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
