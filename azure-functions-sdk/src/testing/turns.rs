//! When real activities run, and when their results come: so that a test does the same every time, whatever time they take.
//!
//! They begin in the order of their calls, and their results come in that order too, together, once none of them runs or
//! waits: as if they had run beside each other and taken the same time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{collections::VecDeque, future::Future};

use tokio::sync::oneshot;

/// The turns of one world.
#[derive(Clone, Debug, Default)]
pub(super) struct Turns(Arc<Mutex<Queues>>);

#[derive(Debug, Default)]
struct Queues {
    next: u64,
    /// Not begun.
    waiting: VecDeque<oneshot::Sender<()>>,
    /// Over, with their number in the order of the calls.
    over: Vec<(u64, oneshot::Sender<()>)>,
}

impl Turns {
    fn queues(&self) -> MutexGuard<'_, Queues> {
        // Nothing in here panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs an activity when it is its turn, and returns when its result may come.
    pub(super) async fn take<T>(&self, run: impl Future<Output = T>) -> T {
        let (begin, my_turn) = oneshot::channel();
        let number = {
            let mut queues = self.queues();
            queues.next += 1;
            queues.waiting.push_back(begin);
            queues.next
        };
        // Only the end of the world drops the other side, and this with it.
        let _ = my_turn.await;
        let result = run.await;
        let (release, released) = oneshot::channel();
        self.queues().over.push((number, release));
        let _ = released.await;
        result
    }

    /// Lets the next activity begin; false if none wants to. Those of a hub that has ended do not want it any more.
    pub(super) fn begin_next(&self) -> bool {
        let mut queues = self.queues();
        while let Some(turn) = queues.waiting.pop_front() {
            if turn.send(()).is_ok() {
                return true;
            }
        }
        false
    }

    /// Lets the results come; false if there are none.
    pub(super) fn release(&self) -> bool {
        let mut over = std::mem::take(&mut self.queues().over);
        over.sort_by_key(|(number, _)| *number);
        over.into_iter()
            .fold(false, |any, (_, release)| release.send(()).is_ok() || any)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, future::BoxFuture};

    use super::*;

    fn runs<'a>(
        turns: &'a Turns,
        name: &'static str,
        log: &'a Mutex<Vec<&'static str>>,
    ) -> BoxFuture<'a, &'static str> {
        turns
            .take(async move { log.lock().unwrap().push(name) })
            .map(move |()| name)
            .boxed()
    }

    #[test]
    fn activities_begin_and_end_in_the_order_of_their_calls() {
        let (turns, log) = (Turns::default(), Mutex::default());
        let (mut one, mut two) = (runs(&turns, "one", &log), runs(&turns, "two", &log));
        assert!((&mut one).now_or_never().is_none() && (&mut two).now_or_never().is_none());
        assert!(turns.begin_next() && turns.begin_next() && !turns.begin_next());
        assert!(
            (&mut two).now_or_never().is_none(),
            "it is over, and waits for the other"
        );
        assert!((&mut one).now_or_never().is_none());
        assert_eq!(*log.lock().unwrap(), ["two", "one"]);
        assert!(turns.release() && !turns.release());
        assert_eq!((one.now_or_never(), two.now_or_never()), (Some("one"), Some("two")));
    }

    #[test]
    fn those_of_a_hub_that_has_ended_get_no_turn() {
        let (turns, log) = (Turns::default(), Mutex::default());
        let (mut gone, mut here) = (runs(&turns, "gone", &log), runs(&turns, "here", &log));
        assert!((&mut gone).now_or_never().is_none() && (&mut here).now_or_never().is_none());
        drop(gone);
        assert!(turns.begin_next() && !turns.begin_next());
        assert!((&mut here).now_or_never().is_none());
        assert_eq!(*log.lock().unwrap(), ["here"]);
        drop(here);
        assert!(!turns.release());
    }
}
