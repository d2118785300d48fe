//! The worker process that a test host plays: it ends where a test says so, and everything that runs in it is lost.

use std::{
    collections::{BTreeMap, HashMap},
    future::Future,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::future::{Either, select};
use tokio::sync::oneshot;

use super::clock::VirtualClock;
use crate::durable::{
    Clock,
    work::{Begun, WorkerDeath},
};

/// The process, which is there again as soon as it has ended.
#[derive(Clone, Debug)]
pub(super) struct Process {
    clock: VirtualClock,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// How many more runs of a function end the process, by its registered name.
    ends: HashMap<String, u32>,
    /// What runs, in the order in which it began; dropped when the process ends.
    running: BTreeMap<u64, oneshot::Sender<()>>,
    next: u64,
    /// How many processes have ended.
    ended: u64,
    /// What has ended them, and whether it was alone.
    #[cfg(test)]
    culprits: Vec<(String, bool)>,
}

/// A place among what runs, until this is dropped.
struct Place<'a> {
    process: &'a Process,
    number: u64,
}

impl Process {
    pub(super) fn new(clock: VirtualClock) -> Self {
        Self {
            clock,
            state: Arc::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The process ends at the end of the next run of this function, or of one more if such an end is to come already.
    pub(super) fn end_in(&self, function: &str) {
        *self.state().ends.entry(function.to_owned()).or_default() += 1;
    }

    /// Runs a function. It is lost if the process ends meanwhile, or at its own end.
    pub(super) async fn run<T>(
        &self,
        function: &str,
        begun: &Begun,
        work: impl Future<Output = T>,
    ) -> Result<T, WorkerDeath> {
        let began = self.clock.now();
        let (place, lost) = self.enter();
        let process = self.state().ended;
        begun.reached(process);
        let result = match select(pin!(work), lost).await {
            Either::Left((result, _)) => Some(result),
            Either::Right(_) => None,
        };
        let mut death = WorkerDeath::new("the test ended it", "the worker process exited with code 134 (0x86)");
        match result {
            Some(result) if !self.ends_in(function) => return Ok(result),
            Some(_) => {
                drop(place);
                let mut state = self.state();
                let others = std::mem::take(&mut state.running);
                state.ended += 1;
                death.alone = others.is_empty();
                #[cfg(test)]
                state.culprits.push((function.to_owned(), death.alone));
            }
            None => {}
        }
        death.ran = (self.clock.now() - began).to_std().unwrap_or_default();
        Err(death)
    }

    fn enter(&self) -> (Place<'_>, oneshot::Receiver<()>) {
        let (keep, lost) = oneshot::channel();
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        state.running.insert(number, keep);
        let place = Place { process: self, number };
        (place, lost)
    }

    fn ends_in(&self, function: &str) -> bool {
        let mut state = self.state();
        let Some(left) = state.ends.get_mut(function).filter(|left| **left > 0) else {
            return false;
        };
        *left -= 1;
        true
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.process.state().running.remove(&self.number);
    }
}

#[cfg(test)]
mod tests;
