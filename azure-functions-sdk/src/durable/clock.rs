//! Time and chance, as the task hub sees them: replaceable, so that tests need not wait.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};

/// Where a task hub gets its time from.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> DateTime<Utc>;

    /// Ends when `due` has come, or earlier: the caller looks at the clock again.
    fn sleep_until(&self, due: DateTime<Utc>) -> Pin<Box<dyn Future<Output = ()> + Send>>;

    /// A fresh id for an instance or an execution: 32 lower-case hexadecimal digits, random unless a test wants its ids
    /// to be the same in every run.
    fn new_id(&self) -> String {
        uuid::Uuid::new_v4().simple().to_string()
    }
}

/// The clock of this machine, which never goes back while the process runs.
///
/// When the machine's clock is set back, this one goes on a little slower until the other has caught up, so that pauses,
/// retries, and timers that were begun before end when they should. When it is set forward, or the machine has slept, this
/// one follows at once.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// The clock may be set, and a laptop may sleep: both are noticed within this time.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        static LAST: Mutex<Option<Reading>> = Mutex::new(None);
        let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
        // Read below the lock, so that readings are in order.
        let reading = Reading::after(*last, Utc::now(), Instant::now());
        *last = Some(reading);
        reading.time
    }

    fn sleep_until(&self, due: DateTime<Utc>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let span = (due - self.now()).to_std().unwrap_or_default();
        Box::pin(tokio::time::sleep(span.min(LONGEST_SLEEP)))
    }
}

/// What the clock said, and when, by the clock that cannot be set.
#[derive(Clone, Copy, Debug)]
struct Reading {
    time: DateTime<Utc>,
    at: Instant,
}

impl Reading {
    /// The next reading: `wall`, or what has passed since the last one if that is later. An hour that the wall clock was
    /// set back is made up for within ten.
    fn after(last: Option<Self>, wall: DateTime<Utc>, at: Instant) -> Self {
        let least = last.and_then(|last| {
            let passed = TimeDelta::from_std(at.saturating_duration_since(last.at)).ok()?;
            last.time.checked_add_signed(passed - passed / 10)
        });
        Self {
            time: least.map_or(wall, |least| least.max(wall)),
            at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_back_an_hour_holds_up_a_pause_of_five_seconds_for_half_a_second() {
        let began = Instant::now();
        let noon: DateTime<Utc> = "2030-01-01T12:00:00Z".parse().unwrap();
        let mut reading = Reading::after(None, noon, began);
        let mut read = |wall, after: u64| {
            reading = Reading::after(Some(reading), wall, began + Duration::from_millis(after));
            reading.time
        };
        let hour = TimeDelta::hours(1);
        assert_eq!(read(noon - hour, 0), noon);
        let due = noon + TimeDelta::seconds(5);
        assert!(read(noon - hour + TimeDelta::seconds(5), 5_000) < due);
        assert!(read(noon - hour + TimeDelta::milliseconds(5_600), 5_600) > due);
        // Ten hours later both are one again.
        let later = noon + TimeDelta::hours(9);
        assert_eq!(read(later, 10 * 3_600_000), later);
    }

    #[test]
    fn a_clock_that_is_set_forward_is_followed_at_once() {
        let began = Instant::now();
        let noon: DateTime<Utc> = "2030-01-01T12:00:00Z".parse().unwrap();
        let reading = Reading::after(None, noon, began);
        let midnight = noon + TimeDelta::hours(12);
        assert_eq!(Reading::after(Some(reading), midnight, began).time, midnight);
        // Until the wall clock is set, it is right.
        let second = noon + TimeDelta::seconds(1);
        assert_eq!(
            Reading::after(Some(reading), second, began + Duration::from_secs(1)).time,
            second
        );
        let last = Reading {
            time: DateTime::<Utc>::MAX_UTC,
            at: began,
        };
        Reading::after(Some(last), noon, began + Duration::from_secs(1));
    }
}
