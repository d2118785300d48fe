//! A message that may come up thousands of times a second, and is logged once a second.

use std::{fmt, time::Duration};

use log::Level;
use tokio::time::Instant;

const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(in crate::host) struct Seldom {
    last: Option<Instant>,
    left_out: u64,
}

impl Seldom {
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
            self.left_out += 1;
            return None;
        }
        self.last = Some(now);
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
}
