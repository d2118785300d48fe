//! What the thread that reads runs between two steps, and who reads in its place when it does not come back.

use super::{
    here::{Here, StartReader},
    polling::Shared,
};
use crate::once::first_time;
use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

/// How long the thread that reads runs functions between two steps: what is left then goes to other threads.
const READER_SHARE: Duration = Duration::from_millis(1);

/// So many threads that read before may be beside those that are to be free. As long as there are more, the thread that reads runs
/// nothing: each function that never ends would cost another thread.
pub(super) const MOST_REPLACED: usize = 16;

impl Shared {
    /// From now on a thread that `start` starts reads the stream, and runs what is short.
    pub(super) fn read_with(&self, start: &StartReader) -> io::Result<()> {
        let number = {
            let mut state = self.state();
            let number = state.take_station();
            state.start_reader = Some(Arc::clone(start));
            state.reader = Some(number);
            number
        };
        let started = start(number);
        if started.is_err() {
            self.read_no_more();
        }
        started
    }

    /// No thread that reads runs functions from now on.
    pub(super) fn read_no_more(&self) {
        let left = {
            let mut state = self.state();
            state.start_reader = None;
            state.reader = None;
            std::mem::take(&mut state.here)
        };
        self.run_elsewhere(left);
    }

    /// Leaves it to the thread that reads, if there is one and it is expected to be short; else gives it back.
    ///
    /// Only steps of that thread may come here: nothing wakes it.
    pub(super) fn leave_here(&self, work: Here) -> Option<Here> {
        if !work.is_short() {
            return Some(work);
        }
        let mut state = self.state();
        let is_crowded = state.threads >= self.width + MOST_REPLACED;
        if state.stopped || state.reader.is_none() || is_crowded {
            return Some(work);
        }
        state.here.push_back(work);
        None
    }

    /// Runs it, on the thread of this number. Whether that still is the thread that reads.
    pub(super) fn run_here(&self, number: usize) -> bool {
        let begun = Instant::now();
        let mut state = self.state();
        loop {
            if state.stopped || state.reader != Some(number) {
                return state.reader == Some(number);
            }
            let is_late = || begun.elapsed() > READER_SHARE;
            if state.here.front().is_some_and(|next| !next.is_short() || is_late()) {
                let left = std::mem::take(&mut state.here);
                drop(state);
                self.run_elsewhere(left);
                return true;
            }
            state = match state.here.pop_front() {
                Some(Here::Async(runnable)) => self.poll(state, number, runnable),
                Some(Here::Plain(context, work)) => self.run_plain(state, number, context, work),
                None => return true,
            };
        }
    }

    /// Lets another thread read if the one that does has been in the same function since the last look.
    pub(super) fn replace_reader(&self) {
        let mut state = self.state();
        let Some((reader, start)) = state.reader.zip(state.start_reader.clone()) else {
            return;
        };
        let station = &state.stations[reader];
        if !station.is_busy() || station.seen != station.poll {
            return;
        }
        if let Some(context) = &station.polled {
            context.0.pace.goes_on();
        }
        let left = std::mem::take(&mut state.here);
        let number = state.take_station();
        // The lock is kept: the next one asks whether it is the one that reads.
        if let Err(error) = start(number) {
            state.stations[number].taken = false;
            drop(state);
            if first_time("the stream", "no other thread") {
                log::error!(
                    "cannot start another thread that reads what the host sends, so all wait for a function that blocks its thread: {error}"
                );
            }
        } else {
            state.reader = Some(number);
            // The other comes back to where those are that poll.
            state.threads += 1;
            drop(state);
        }
        self.run_elsewhere(left);
    }
}
