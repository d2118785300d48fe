//! Virtual time: it stands still until the world has nothing to do at this moment and something waits for a later one.

use std::{
    collections::BTreeMap,
    future::Future,
    ops::Bound,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use chrono::{DateTime, Utc};

use crate::durable::Clock;

/// A clock that shows what it was last set to; its copies show the same.
#[derive(Clone, Debug)]
pub(super) struct VirtualClock(Arc<Mutex<Time>>);

#[derive(Debug)]
struct Time {
    now: DateTime<Utc>,
    sleepers: BTreeMap<Place, Sleeper>,
    next_number: u64,
    /// The last id, counted from a seed.
    ids: u128,
}

/// When, and a number that tells sleepers of one moment apart.
type Place = (DateTime<Utc>, u64);

#[derive(Debug)]
struct Sleeper {
    waker: Option<Waker>,
    /// A caller outside of the task hub waits: reason enough for time to pass.
    insists: bool,
}

impl VirtualClock {
    /// Ids count from the seed.
    pub(super) fn new(start: DateTime<Utc>, seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Time {
            now: start,
            sleepers: BTreeMap::new(),
            next_number: 0,
            ids: u128::from(seed) << 64,
        })))
    }

    fn time(&self) -> MutexGuard<'_, Time> {
        // Nothing in here panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A sleep for a caller outside of the task hub: time passes for it when nothing else can go on.
    pub(super) fn insist_until(&self, due: DateTime<Utc>) -> Sleep {
        self.sleep(due, true)
    }

    /// One until the end of all times is never due.
    fn sleep(&self, due: DateTime<Utc>, insists: bool) -> Sleep {
        let mut time = self.time();
        let place = (due, time.next_number);
        time.next_number += 1;
        if due < DateTime::<Utc>::MAX_UTC {
            let sleeper = Sleeper { waker: None, insists };
            time.sleepers.insert(place, sleeper);
        }
        drop(time);
        Sleep {
            clock: self.clone(),
            place,
        }
    }

    /// When the next sleeper wants to wake up. One whose time has come may be on another thread and not have noticed yet.
    pub(super) fn next_due(&self) -> Option<DateTime<Utc>> {
        let time = self.time();
        let later = (Bound::Excluded((time.now, u64::MAX)), Bound::Unbounded);
        time.sleepers.range(later).next().map(|((due, _), _)| *due)
    }

    /// Whether a caller outside of the task hub sleeps.
    pub(super) fn a_caller_insists(&self) -> bool {
        self.time().sleepers.values().any(|sleeper| sleeper.insists)
    }

    /// Whether a caller outside of the task hub has not noticed yet that its time has come.
    pub(super) fn a_caller_is_late(&self) -> bool {
        let time = self.time();
        let mut come = time.sleepers.range(..=(time.now, u64::MAX));
        come.any(|(_, sleeper)| sleeper.insists)
    }

    /// Sets the clock, never back, and wakes those whose time has come.
    pub(super) fn set(&self, now: DateTime<Utc>) {
        let mut time = self.time();
        time.now = time.now.max(now);
        let now = time.now;
        let due = time.sleepers.range_mut(..=(now, u64::MAX));
        let wakers: Vec<Waker> = due.filter_map(|(_, sleeper)| sleeper.waker.take()).collect();
        drop(time);
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> DateTime<Utc> {
        self.time().now
    }

    fn sleep_until(&self, due: DateTime<Utc>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(self.sleep(due, false))
    }

    /// Counted: the same in every run.
    fn new_id(&self) -> String {
        let mut time = self.time();
        time.ids = time.ids.wrapping_add(1);
        uuid::Builder::from_random_bytes(time.ids.to_be_bytes())
            .into_uuid()
            .simple()
            .to_string()
    }
}

/// Ends when the clock shows its time.
#[derive(Debug)]
#[must_use = "a future does nothing unless it is awaited"]
pub(super) struct Sleep {
    clock: VirtualClock,
    place: Place,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut time = self.clock.time();
        if time.now >= self.place.0 {
            return Poll::Ready(());
        }
        if let Some(sleeper) = time.sleepers.get_mut(&self.place) {
            sleeper.waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.clock.time().sleepers.remove(&self.place);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn sleepers_wake_when_the_clock_shows_their_time_and_leave_no_trace_when_dropped() {
        let start = DateTime::from_timestamp_secs(0).unwrap();
        let at = |seconds| DateTime::from_timestamp_secs(seconds).unwrap();
        let clock = VirtualClock::new(start, 7);
        let mut first = clock.sleep_until(at(10));
        let mut second = clock.insist_until(at(20));
        assert_eq!(clock.next_due(), Some(at(10)));
        assert!(clock.a_caller_insists());
        assert!((&mut first).now_or_never().is_none());
        clock.set(at(10));
        assert!((&mut first).now_or_never().is_some());
        assert!((&mut second).now_or_never().is_none());
        assert!(!clock.a_caller_is_late());
        drop(first);
        assert_eq!(clock.next_due(), Some(at(20)));
        clock.set(at(20));
        assert!(clock.a_caller_is_late());
        drop(second);
        assert!(!clock.a_caller_is_late());
        assert_eq!(clock.next_due(), None);
        clock.set(start);
        assert_eq!(clock.now(), at(20), "never back");
    }

    #[test]
    fn ids_are_distinct_and_the_same_in_every_run() {
        let start = DateTime::from_timestamp_secs(0).unwrap();
        let clock = VirtualClock::new(start, 7);
        let ids = [clock.new_id(), clock.new_id()];
        assert_ne!(ids[0], ids[1]);
        assert_eq!(ids[0], VirtualClock::new(start, 7).new_id());
        assert_ne!(ids[0], VirtualClock::new(start, 8).new_id());
        assert!(ids[0].len() == 32 && ids[0].bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
}
