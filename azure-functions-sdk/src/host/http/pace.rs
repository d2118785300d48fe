//! The slowest that a client may send a body or read an answer, as Kestrel has it (`MinRequestBodyDataRate`,
//! `MinResponseDataRate`). Time counts only while the host waits for the client.

use std::time::Duration;
use tokio::time::Instant;

/// The slowest that a client may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MinRate {
    /// Bytes per second: 240.
    pub bytes_per_second: u32,
    /// How far a client may fall behind: 5 seconds.
    pub grace: Duration,
    /// How far ahead a client can be of the rate: 25 seconds. Kestrel has no such bound, so one who sent 10 MB could then
    /// be silent for eleven hours.
    pub credit: Duration,
}

impl Default for MinRate {
    fn default() -> Self {
        Self {
            bytes_per_second: 240,
            grace: Duration::from_secs(5),
            credit: Duration::from_secs(25),
        }
    }
}

/// How a client keeps up with the rate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Up to here, what the client has moved was enough.
    enough_until: Instant,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self { enough_until: now }
    }

    /// The host begins to wait again; time before does not count.
    pub(super) fn resume(&mut self, now: Instant) {
        self.enough_until = self.enough_until.max(now);
    }

    pub(super) fn moved(&mut self, bytes: usize, now: Instant, rate: MinRate) {
        // A year is as good as for ever, and cannot overflow.
        let seconds = (bytes as f64 / f64::from(rate.bytes_per_second.max(1))).min(31e6);
        self.enough_until = (self.enough_until + Duration::from_secs_f64(seconds)).min(now + rate.credit);
    }

    pub(super) fn behind(self, now: Instant) -> Duration {
        now.saturating_duration_since(self.enough_until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_client_at_the_rate_is_in_time_and_a_slower_one_falls_behind() {
        let rate = MinRate::default();
        let began = Instant::now();
        let (mut steady, mut slow) = (Pace::new(began), Pace::new(began));
        for second in 1..=100 {
            let now = began + SECOND * second;
            steady.moved(240, now, rate);
            slow.moved(120, now, rate);
            assert!(steady.behind(now) < SECOND / 1000);
            let behind = slow.behind(now);
            assert!(behind.abs_diff(SECOND * second / 2) < SECOND / 1000, "{behind:?}");
        }
    }

    #[test]
    fn what_came_before_pays_for_a_pause_of_bounded_length() {
        let rate = MinRate::default();
        let began = Instant::now();
        let mut pace = Pace::new(began);
        pace.moved(10 << 20, began, rate);
        assert_eq!(pace.behind(began + SECOND * 25), Duration::ZERO);
        assert_eq!(pace.behind(began + SECOND * 30), rate.grace);
        pace.resume(began + SECOND * 60);
        assert_eq!(pace.behind(began + SECOND * 61), SECOND);
        pace.moved(
            usize::MAX,
            began,
            MinRate {
                bytes_per_second: 0,
                ..rate
            },
        );
    }
}
