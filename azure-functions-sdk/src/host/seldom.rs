//! A message that may come up thousands of times a second, and is logged once a second, or a few times.

use std::{fmt, time::Duration};

use log::Level;
use tokio::time::Instant;

const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(in crate::host) struct Seldom {
    last: Option<Instant>,
    /// Logged since then.
    logged: u32,
    /// How many more than one are logged at once.
    more: u32,
    left_out: u64,
}

impl Seldom {
    /// So many are logged in a second, at least one.
    pub(in crate::host) fn times(times: u32) -> Self {
        Self {
            more: times.saturating_sub(1),
            ..Self::default()
        }
    }

    /// Logs it, unless it came up a moment ago; true if it was logged.
    pub(in crate::host) fn log(&mut self, level: Level, message: impl fmt::Display) -> bool {
        let times = self.take(Instant::now());
        match times {
            Some(0) => log::log!(level, "{message}"),
            Some(times) => log::log!(level, "{message} (and {times} times more since the last such line)"),
            None => {}
        }
        times.is_some()
    }

    /// How many were left out, if the message is to be logged now.
    fn take(&mut self, now: Instant) -> Option<u64> {
        if self.last.is_some_and(|last| now.duration_since(last) < PAUSE) {
            if self.logged <= self.more {
                self.logged += 1;
                return Some(0);
            }
            self.left_out += 1;
            return None;
        }
        self.last = Some(now);
        self.logged = 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_messages_within_a_second_are_one_line() {
        let mut seldom = Seldom::default();
        let began = Instant::now();
        let at = |millis| began + Duration::from_millis(millis);
        assert_eq!(seldom.take(at(0)), Some(0));
        assert!((1..1000).all(|millis| seldom.take(at(millis)).is_none()));
        assert_eq!(seldom.take(at(1000)), Some(999));
        assert_eq!(seldom.take(at(2000)), Some(0));
    }

    #[test]
    fn a_few_messages_within_a_second_are_as_many_lines() {
        let mut seldom = Seldom::times(3);
        let began = Instant::now();
        let at = |millis| began + Duration::from_millis(millis);
        let logged: Vec<_> = (0..5).map(|millis| seldom.take(at(millis))).collect();
        assert_eq!(logged, [Some(0), Some(0), Some(0), None, None]);
        assert_eq!(seldom.take(at(1000)), Some(2));
        assert_eq!(seldom.take(at(1001)), Some(0));
    }
}
