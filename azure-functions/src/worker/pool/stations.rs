//! What the threads do, and how many there are to be.

use super::here::{Here, StartReader};
use crate::context::Context;
use async_task::Runnable;
use std::collections::VecDeque;

/// Threads at most, blocked ones included.
pub(super) const MOST_THREADS: usize = 1_000;

/// For how many ticks a thread has been in one poll when it counts as blocked.
const BLOCKED: u32 = 2;

/// And when its function is warned of.
pub(super) const WARNED: u32 = 10;

#[derive(Default)]
pub(super) struct State {
    pub(super) ready: VecDeque<Runnable<Context>>,
    /// The thread that reads, if it may run functions.
    pub(super) reader: Option<usize>,
    pub(super) start_reader: Option<StartReader>,
    /// What the reader has yet to run.
    pub(super) here: VecDeque<Here>,
    /// By the numbers of the threads; those of ended ones are used again.
    pub(super) stations: Vec<Station>,
    pub(super) threads: usize,
    pub(super) idle: usize,
    /// Threads that poll.
    pub(super) busy: usize,
    /// Of these, threads that are blocked.
    pub(super) blocked: usize,
    /// Whether the watch is awake.
    pub(super) watched: bool,
    pub(super) stopped: bool,
}

/// What one thread does.
#[derive(Default)]
pub(super) struct Station {
    pub(super) taken: bool,
    /// Of the function that is polled.
    pub(super) polled: Option<Context>,
    /// Counts the polls.
    pub(super) poll: u64,
    /// The poll that the watch saw last, and for how many ticks.
    pub(super) seen: u64,
    pub(super) ticks: u32,
    pub(super) is_blocked: bool,
    /// Whether a plain function runs, which may block its thread.
    pub(super) is_plain: bool,
    /// Whether what belongs to an invocation is dropped after its last poll: code of the app's may run then, too.
    pub(super) drops: bool,
}

impl Station {
    pub(super) fn is_busy(&self) -> bool {
        self.polled.is_some() || self.drops
    }
}

impl State {
    /// The number for a thread that is about to start.
    pub(super) fn begin_thread(&mut self) -> usize {
        self.threads += 1;
        self.take_station()
    }

    pub(super) fn take_station(&mut self) -> usize {
        let number = match self.stations.iter().position(|station| !station.taken) {
            Some(number) => number,
            None => {
                self.stations.push(Station::default());
                self.stations.len() - 1
            }
        };
        self.stations[number].taken = true;
        number
    }

    pub(super) fn end_thread(&mut self, number: usize) {
        self.threads -= 1;
        self.stations[number].taken = false;
    }

    pub(super) fn begin_poll(&mut self, number: usize, context: Context) {
        self.busy += 1;
        let station = &mut self.stations[number];
        station.polled = Some(context);
        station.poll += 1;
    }

    pub(super) fn end_poll(&mut self, number: usize) {
        self.busy -= 1;
        let station = &mut self.stations[number];
        if std::mem::take(&mut station.is_blocked) {
            self.blocked -= 1;
        }
        (station.is_plain, station.drops) = (false, false);
    }

    /// Whether there is a thread too many.
    pub(super) fn is_surplus(&self, width: usize) -> bool {
        self.threads - self.blocked > width
    }

    /// One look at the threads: tells which functions have blocked theirs for long.
    pub(super) fn look(&mut self) -> Vec<Context> {
        let mut blocking = Vec::new();
        for (number, station) in self.stations.iter_mut().enumerate() {
            if !station.is_busy() {
                continue;
            }
            if station.seen != station.poll {
                (station.seen, station.ticks) = (station.poll, 0);
                continue;
            }
            station.ticks = station.ticks.saturating_add(1);
            // The one that reads is not one of these, until it is replaced.
            if station.ticks >= BLOCKED && !station.is_blocked && self.reader != Some(number) {
                station.is_blocked = true;
                self.blocked += 1;
            }
            if station.ticks == WARNED && !station.is_plain {
                blocking.extend(station.polled.clone());
            }
        }
        blocking
    }

    /// How many threads to add for so many functions that wait: none if no thread is blocked. Where many block, many more are likely to.
    pub(super) fn wanted(&self, width: usize, waiting: usize) -> usize {
        if self.blocked == 0 || self.idle > 0 {
            return 0;
        }
        let free = self.threads - self.blocked;
        let wanted = width.max(self.blocked).saturating_sub(free);
        wanted.min(waiting).min(MOST_THREADS.saturating_sub(self.threads))
    }
}
