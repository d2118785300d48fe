//! What still runs when the host is told to stop.

use std::{fmt, time::Duration};

/// What still runs; shown as `2 running activities and 1 other invocation`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunningWork {
    /// Activities of orchestrations.
    pub activities: usize,
    /// Episodes of orchestrations.
    pub episodes: usize,
    /// Functions of any other kind: HTTP, timers.
    pub others: usize,
    /// How long the host waits for it.
    pub limit: Duration,
}

impl RunningWork {
    /// Whether nothing runs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.activities + self.episodes + self.others == 0
    }
}

impl fmt::Display for RunningWork {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [
            (self.activities, "running activity", "running activities"),
            (self.episodes, "running orchestration", "running orchestrations"),
            (self.others, "running function", "running functions"),
        ];
        let parts: Vec<_> = kinds
            .into_iter()
            .filter(|(count, ..)| *count > 0)
            .map(|(count, one, many)| format!("{count} {}", if count == 1 { one } else { many }))
            .collect();
        match parts.split_last() {
            None => formatter.write_str("nothing"),
            Some((last, [])) => formatter.write_str(last),
            Some((last, first)) => write!(formatter, "{} and {last}", first.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_in_words() {
        let work = |activities, episodes, others| RunningWork {
            activities,
            episodes,
            others,
            limit: Duration::ZERO,
        };
        assert_eq!(work(1, 0, 0).to_string(), "1 running activity");
        assert_eq!(work(2, 0, 1).to_string(), "2 running activities and 1 running function");
        assert_eq!(
            work(2, 1, 3).to_string(),
            "2 running activities, 1 running orchestration and 3 running functions"
        );
        assert!(work(0, 0, 0).is_empty());
    }
}
