//! When a failed call is tried again.

use crate::durable::CallError;
use chrono::TimeDelta;
use std::{fmt, time::Duration};

/// When and how often a failed activity or sub-orchestration is tried again.
///
/// The delay before attempt *n* + 1 is `first_interval × backoff_coefficient ^ (n − 1)`, at most `max_interval`. The
/// delays are durable timers: they survive restarts and may be days long.
///
/// Options can be constants, to be shared by calls, or to be an activity's own default for
/// [typed calls](crate::bindings::DurableOrchestrationContext::call):
///
/// ```
/// use azure_functions::prelude::*;
/// use std::time::Duration;
///
/// const POLICY: RetryOptions = RetryOptions::new(Duration::from_secs(5), 4)
///     .backoff_coefficient(2.0)
///     .max_interval(Duration::from_secs(60))
///     .retry_if(|error| !error.message().contains("no such account"));
///
/// #[func(activity, retry = POLICY)]
/// fn charge(amount: u32) -> Result<(), std::fmt::Error> {
///     println!("{amount} were paid");
///     Ok(())
/// }
///
/// #[func]
/// async fn pay(context: DurableOrchestrationContext<u32>) -> Result<(), CallError> {
///     context.call::<charge>(context.input()).await?; // up to four attempts
///     context.call::<charge>(1).retry(&RetryOptions::NONE).await // one
/// }
/// ```
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct RetryOptions {
    first_interval: Duration,
    max_attempts: u32,
    backoff_coefficient: f64,
    max_interval: Duration,
    timeout: Option<Duration>,
    retry_if: Option<fn(&CallError) -> bool>,
}

impl RetryOptions {
    /// One attempt and no more. For a call of an activity that has options of its own by default.
    pub const NONE: Self = Self::new(Duration::ZERO, 1);

    /// Up to `max_attempts` attempts in all (at least one is made), the second `first_interval` after the first failed.
    #[must_use]
    pub const fn new(first_interval: Duration, max_attempts: u32) -> Self {
        Self {
            first_interval,
            max_attempts,
            backoff_coefficient: 1.0,
            // What the host's own retries default to.
            max_interval: Duration::from_secs(6 * 24 * 60 * 60),
            timeout: None,
            retry_if: None,
        }
    }

    /// By how much each delay is longer than the one before; 1 by default.
    #[must_use]
    pub const fn backoff_coefficient(mut self, coefficient: f64) -> Self {
        self.backoff_coefficient = coefficient;
        self
    }

    /// The longest delay; six days by default.
    #[must_use]
    pub const fn max_interval(mut self, interval: Duration) -> Self {
        self.max_interval = interval;
        self
    }

    /// No further attempt once so much time has passed since the first; unlimited by default.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Which failures are tried again; all by default. The predicate runs inside the orchestration, at every replay: it
    /// must depend on the error only, so it is a function, or a closure that captures nothing.
    /// [`CallError::returned`] has an activity's own error.
    #[must_use]
    pub const fn retry_if(mut self, predicate: fn(&CallError) -> bool) -> Self {
        self.retry_if = Some(predicate);
        self
    }

    /// The delay after so many failures, `elapsed` after the first attempt; `None` if there is no further attempt.
    pub(crate) fn delay_after(&self, failures: u32, elapsed: TimeDelta) -> Option<TimeDelta> {
        let max = TimeDelta::from_std(self.max_interval).unwrap_or(TimeDelta::MAX);
        let timeout = self.timeout.map(|t| TimeDelta::from_std(t).unwrap_or(TimeDelta::MAX));
        if failures >= self.max_attempts || timeout.is_some_and(|timeout| elapsed >= timeout) {
            return None;
        }
        let exponent = i32::try_from(failures - 1).unwrap_or(i32::MAX);
        let millis = self.first_interval.as_secs_f64() * 1000.0 * self.backoff_coefficient.powi(exponent);
        if !millis.is_finite() || millis >= max.num_milliseconds() as f64 {
            return Some(max);
        }
        // Within the range checked above; a negative coefficient means no delay.
        Some(TimeDelta::microseconds((millis.max(0.0) * 1000.0) as i64))
    }

    /// Whether the predicate wants another attempt after this error.
    pub(crate) fn accepts(&self, error: &CallError) -> bool {
        self.retry_if.is_none_or(|predicate| predicate(error))
    }
}

impl fmt::Debug for RetryOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryOptions")
            .field("first_interval", &self.first_interval)
            .field("max_attempts", &self.max_attempts)
            .field("backoff_coefficient", &self.backoff_coefficient)
            .field("max_interval", &self.max_interval)
            .field("timeout", &self.timeout)
            .field("retry_if", &self.retry_if.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_by_the_coefficient_up_to_the_maximum() {
        let options = RetryOptions::new(Duration::from_secs(1), 5)
            .backoff_coefficient(3.0)
            .max_interval(Duration::from_secs(10));
        let delays: Vec<_> = (1..6)
            .map(|n| options.delay_after(n, TimeDelta::zero()).map(|d| d.num_seconds()))
            .collect();
        assert_eq!(delays, [Some(1), Some(3), Some(9), Some(10), None]);
    }

    #[test]
    fn no_attempt_starts_once_the_timeout_has_passed() {
        let options = RetryOptions::new(Duration::from_secs(1), 5).timeout(Duration::from_secs(60));
        assert!(options.delay_after(1, TimeDelta::seconds(59)).is_some());
        assert_eq!(options.delay_after(1, TimeDelta::seconds(60)), None);
    }

    #[test]
    fn absurd_coefficients_saturate() {
        let options = RetryOptions::new(Duration::from_secs(1), u32::MAX).backoff_coefficient(1e300);
        assert_eq!(options.delay_after(40, TimeDelta::zero()), TimeDelta::try_days(6));
    }
}
