//! The threads that poll async functions.
//!
//! The number of a runtime's own threads is fixed: as many functions as there are threads, which block instead of awaiting, stop all
//! others. Here a watch looks at the threads while they poll. When one has been in the same poll for long and work waits, it
//! starts another, and a function that goes on blocking is named in a warning. So is one that computes for long, or loops over what
//! is always ready and never yields: each of them stays in one poll. Functions still belong to the runtime, whose timers and sockets
//! they wait for.
//!
//! The thread that [reads](super::reader) the stream runs what is expected to be [short](crate::pace). The watch looks at it, too: if it
//! does not come back soon, it reads no more and is one of these threads, and another one reads.

mod here;
mod polling;
mod reading;
mod stations;
#[cfg(test)]
mod tests;
mod watch;

use self::{
    here::{Here, StartReader},
    polling::Shared,
};
use super::blocking::Blocking;
use crate::context::Context;
use std::{
    fmt, io,
    sync::{Arc, Condvar, Mutex},
    thread,
    time::Duration,
};
use tokio::runtime::{EnterGuard, Handle};

/// How long a thread that is needed no more waits before it ends.
const KEPT: Duration = Duration::from_secs(10);

/// Polls async functions. Cheap to clone.
#[derive(Clone)]
pub(super) struct Pool {
    shared: Arc<Shared>,
}

impl Pool {
    /// Starts the watch and the first thread. `width` threads poll, and more while some of them are blocked.
    pub(super) fn start(runtime: Handle, blocking: Blocking, width: usize) -> io::Result<Self> {
        Self::keeping(runtime, blocking, width, KEPT)
    }

    fn keeping(runtime: Handle, blocking: Blocking, width: usize, kept: Duration) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            runtime,
            blocking,
            width,
            kept,
            state: Mutex::default(),
            work: Condvar::new(),
            polling: Condvar::new(),
        });
        let number = shared.state().begin_thread();
        shared.spawn(number)?;
        let watch = Arc::clone(&shared);
        thread::Builder::new()
            .name("functions-watch".to_owned())
            .spawn(move || watch.watch())?;
        Ok(Self { shared })
    }

    /// Runs a function of this invocation to its end.
    pub(super) fn spawn(&self, context: Context, function: impl Future<Output = ()> + Send + 'static) {
        let shared = Arc::clone(&self.shared);
        let schedule = move |runnable| shared.push(runnable);
        let (runnable, task) = async_task::Builder::new()
            .metadata(context)
            .spawn(|_| function, schedule);
        task.detach();
        if let Some(Here::Async(runnable)) = self.shared.leave_here(Here::Async(runnable)) {
            runnable.schedule();
        }
    }

    /// Runs a plain function of this invocation.
    pub(super) fn block(&self, context: Context, work: impl FnOnce() + Send + 'static) {
        if !context.0.pace.is_short() {
            return self.shared.blocking.run(work);
        }
        if let Some(Here::Plain(_, work)) = self.shared.leave_here(Here::Plain(context, Box::new(work))) {
            self.shared.blocking.run(work);
        }
    }

    /// From now on a thread that `start` starts reads the stream, and runs what is short.
    pub(super) fn read_with(&self, start: impl Fn(usize) -> io::Result<()> + Send + Sync + 'static) -> io::Result<()> {
        let start: StartReader = Arc::new(start);
        self.shared.read_with(&start)
    }

    /// No thread that reads runs functions from now on.
    pub(super) fn read_no_more(&self) {
        self.shared.read_no_more();
    }

    /// Whether there is something to run on the thread that reads.
    pub(super) fn has_work_here(&self) -> bool {
        !self.shared.state().here.is_empty()
    }

    /// Runs it, on the thread of this number. Whether that still is the thread that reads.
    pub(super) fn run_here(&self, number: usize) -> bool {
        self.shared.run_here(number)
    }

    /// Goes on as one of the threads that poll.
    pub(super) fn join(&self, number: usize) {
        self.shared.work(number);
    }

    /// Functions that run on this thread belong to the runtime, as long as this lives.
    pub(super) fn enter(&self) -> EnterGuard<'_> {
        self.shared.runtime.enter()
    }

    /// Polls nothing more. Does not wait for polls that have begun.
    pub(super) fn stop(&self) {
        let dropped = {
            let mut state = self.shared.state();
            state.stopped = true;
            (
                std::mem::take(&mut state.ready),
                std::mem::take(&mut state.here),
                state.start_reader.take(),
            )
        };
        self.shared.work.notify_all();
        self.shared.polling.notify_all();
        // What a function drops may wake others: not while the state is locked.
        drop(dropped);
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").finish_non_exhaustive()
    }
}
