//! The threads that poll, and what each of them does all its life.

use super::{here::Here, stations::State};
use crate::{context::Context, worker::blocking::Blocking};
use async_task::Runnable;
use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};
use tokio::runtime::Handle;

pub(super) struct Shared {
    pub(super) runtime: Handle,
    /// Runs plain functions.
    pub(super) blocking: Blocking,
    /// How many threads are to be free of blocked functions.
    pub(super) width: usize,
    pub(super) kept: Duration,
    pub(super) state: Mutex<State>,
    /// Tells an idle thread of work.
    pub(super) work: Condvar,
    /// Tells the watch that a thread polls.
    pub(super) polling: Condvar,
}

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics while it holds the lock, and the state would be whole if it did.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(self: &Arc<Self>, runnable: Runnable<Context>) {
        let mut state = self.state();
        if state.stopped {
            drop(state);
            // Ends the function.
            drop(runnable);
            return;
        }
        state.ready.push_back(runnable);
        if state.idle > 0 {
            self.work.notify_one();
        }
        if state.idle < state.ready.len() && state.threads < self.width {
            let number = state.begin_thread();
            drop(state);
            self.add(number);
        }
    }
    /// What the thread that reads does not come to.
    pub(super) fn run_elsewhere(&self, work: impl IntoIterator<Item = Here>) {
        for work in work {
            match work {
                Here::Async(runnable) => runnable.schedule(),
                Here::Plain(_, work) => self.blocking.run(work),
            }
        }
    }

    /// Starts a thread in addition to others.
    pub(super) fn add(self: &Arc<Self>, number: usize) {
        if let Err(error) = self.spawn(number) {
            self.state().end_thread(number);
            log::error!("cannot start another thread for functions: {error}");
        }
    }

    pub(super) fn spawn(self: &Arc<Self>, number: usize) -> io::Result<()> {
        let shared = Arc::clone(self);
        let thread = thread::Builder::new().name("functions".to_owned());
        thread.spawn(move || shared.work(number)).map(drop)
    }

    /// What a thread does all its life.
    pub(super) fn work(&self, number: usize) {
        let _runtime = self.runtime.enter();
        let mut state = self.state();
        while !state.stopped {
            if let Some(runnable) = state.ready.pop_front() {
                state = self.poll(state, number, runnable);
                continue;
            }
            state.idle += 1;
            if state.is_surplus(self.width) {
                let (locked, waited) = self
                    .work
                    .wait_timeout(state, self.kept)
                    .unwrap_or_else(PoisonError::into_inner);
                state = locked;
                state.idle -= 1;
                if waited.timed_out() && state.ready.is_empty() && state.is_surplus(self.width) {
                    break;
                }
            } else {
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
            }
        }
        state.end_thread(number);
    }

    pub(super) fn poll<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        number: usize,
        runnable: Runnable<Context>,
    ) -> MutexGuard<'a, State> {
        self.begin_poll(&mut state, number, runnable.metadata().clone());
        drop(state);
        // A function that kept no waker is leaked by `run`. When this waker is the last, the function is scheduled once more, and dropped.
        let waker = runnable.waker();
        // What a function panics with is caught where it runs. This is for mistakes of ours: they cost no thread.
        let _ = catch_unwind(AssertUnwindSafe(|| runnable.run()));
        drop(waker);
        self.end_poll(number)
    }

    pub(super) fn run_plain<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        number: usize,
        context: Context,
        work: Box<dyn FnOnce() + Send>,
    ) -> MutexGuard<'a, State> {
        self.begin_poll(&mut state, number, context);
        state.stations[number].is_plain = true;
        drop(state);
        let _ = catch_unwind(AssertUnwindSafe(work));
        self.end_poll(number)
    }

    fn begin_poll(&self, state: &mut State, number: usize, context: Context) {
        state.begin_poll(number, context);
        if !state.watched {
            self.polling.notify_one();
        }
    }

    pub(super) fn end_poll(&self, number: usize) -> MutexGuard<'_, State> {
        let mut state = self.state();
        // The last to know an invocation drops what belongs to it: not while the state is locked.
        let last = state.stations[number].polled.take();
        if let Some(scope) = last.and_then(|context| Arc::into_inner(context.0)) {
            state.stations[number].drops = true;
            drop(state);
            let _ = catch_unwind(AssertUnwindSafe(|| drop(scope)));
            state = self.state();
        }
        state.end_poll(number);
        state
    }
}
