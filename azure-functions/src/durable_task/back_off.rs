//! How long to wait before the next attempt to connect: a random time below a limit that doubles, so that the workers of a server that
//! comes back do not all come at once.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

/// No pause is shorter.
const SHORTEST: Duration = Duration::from_millis(100);
/// The limit of the first pause. A stream that ended is opened again below it.
const FIRST_LIMIT: Duration = Duration::from_secs(2);
/// The highest limit.
const HIGHEST_LIMIT: Duration = Duration::from_secs(30);
/// After so many failures in a row the connection is made anew.
const FAILURES_OF_A_CHANNEL: u32 = 5;

/// The pauses between attempts.
#[derive(Debug)]
pub(super) struct BackOff {
    limit: Duration,
    failures: u32,
}

impl BackOff {
    pub(super) fn new() -> Self {
        Self {
            limit: FIRST_LIMIT,
            failures: 0,
        }
    }

    /// An attempt succeeded: the next pause is a short one.
    pub(super) fn reset(&mut self) {
        *self = Self::new();
    }

    /// How long to wait, and whether the connection is to be made anew.
    pub(super) fn next(&mut self) -> (Duration, bool) {
        let pause = between(SHORTEST, self.limit);
        self.limit = (self.limit * 2).min(HIGHEST_LIMIT);
        self.failures = (self.failures + 1) % FAILURES_OF_A_CHANNEL;
        (pause, self.failures == 0)
    }
}

/// A random time between two.
pub(super) fn between(least: Duration, most: Duration) -> Duration {
    // The keys of the hasher are random in each process, and others each time.
    let random = RandomState::new().hash_one(0_u8);
    let share = (random >> 11) as f64 / (1_u64 << 53) as f64;
    least + most.saturating_sub(least).mul_f64(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_random_below_a_limit_that_doubles_up_to_half_a_minute() {
        let mut highest = [Duration::ZERO; 8];
        for _ in 0..200 {
            let mut back_off = BackOff::new();
            for highest in &mut highest {
                let (pause, _) = back_off.next();
                assert!(pause >= SHORTEST, "{pause:?}");
                *highest = pause.max(*highest);
            }
        }
        for (highest, limit) in highest.into_iter().zip([2, 4, 8, 16, 30, 30, 30, 30]) {
            let limit = Duration::from_secs(limit);
            assert!(highest <= limit && highest > limit / 2, "{highest:?} of {limit:?}");
        }
    }

    #[test]
    fn the_connection_is_made_anew_after_five_failures_in_a_row() {
        let mut back_off = BackOff::new();
        let anew: Vec<_> = (0..10).map(|_| back_off.next().1).collect();
        assert_eq!(anew.iter().filter(|anew| **anew).count(), 2);
        assert!(anew[4] && anew[9]);
        back_off.next();
        back_off.reset();
        assert!((0..4).all(|_| !back_off.next().1));
    }
}
