//! The attempts of a call under a retry policy.

use crate::durable::RetryOptions;
use chrono::{DateTime, TimeDelta, Utc};

/// Attempts under a policy.
#[derive(Debug)]
pub(crate) struct Attempts {
    pub(crate) options: RetryOptions,
    /// Clock at the first attempt.
    first_at: DateTime<Utc>,
    /// Attempts that have failed.
    pub(crate) failures: u32,
}

impl Attempts {
    pub(crate) fn new(options: RetryOptions, now: DateTime<Utc>) -> Self {
        Self {
            options,
            first_at: now,
            failures: 0,
        }
    }

    /// Counts anew.
    pub(crate) fn begin(&mut self, now: DateTime<Utc>) {
        (self.first_at, self.failures) = (now, 0);
    }

    /// An attempt has failed: how long it is to the next, if there is to be one.
    pub(crate) fn next_delay(&mut self, now: DateTime<Utc>) -> Option<TimeDelta> {
        self.failures += 1;
        self.options.delay_after(self.failures, now - self.first_at)
    }
}

/// Where a retried call is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RetryStage {
    /// An attempt is out.
    Attempt,
    /// Waiting before the next attempt.
    Delay { task: u32, due: DateTime<Utc> },
}

impl RetryStage {
    pub(super) fn open_timer(self) -> Option<u32> {
        match self {
            Self::Delay { task, .. } => Some(task),
            Self::Attempt => None,
        }
    }
}
