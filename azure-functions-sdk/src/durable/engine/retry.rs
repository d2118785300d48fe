//! Retries that the engine does for a worker, delay by delay as the extension does them.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::value::RawValue;

use super::{members::Members, time::later};

/// `retryOptions` of an action.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RetryPolicy {
    /// Milliseconds before the second attempt.
    pub(super) first_interval: f64,
    /// All attempts, the first included.
    pub(super) max_attempts: i64,
    /// Factor from one delay to the next.
    pub(super) backoff: f64,
    /// Cap of a delay, in milliseconds.
    pub(super) max_interval: f64,
    /// No further attempt after this time since the first.
    pub(super) timeout: Option<TimeDelta>,
}

const SIX_DAYS: f64 = 6.0 * 86_400_000.0;

impl RetryPolicy {
    /// Reads `retryOptions`.
    pub(super) fn parse(json: &RawValue) -> Result<Self, String> {
        let members = Members::parse(json).ok_or("retryOptions is not an object")?;
        let number = |name: &str| {
            members
                .number(name)
                .map_err(|()| format!("retryOptions.{name} is not a number"))
        };
        Ok(Self {
            first_interval: number("firstRetryIntervalInMilliseconds")?.unwrap_or(0.0),
            max_attempts: number("maxNumberOfAttempts")?.unwrap_or(0.0) as i64,
            backoff: number("backoffCoefficient")?.unwrap_or(1.0),
            max_interval: number("maxRetryIntervalInMilliseconds")?.unwrap_or(SIX_DAYS),
            timeout: number("retryTimeoutInMilliseconds")?.map(milliseconds),
        })
    }

    /// Reads `retryOptions` of an HTTP request, which has another shape.
    pub(super) fn parse_http(json: &RawValue) -> Option<Self> {
        let members = Members::parse(json)?;
        let span = |name: &str| members.span(name);
        Some(Self {
            first_interval: span("FirstRetryInterval")?.num_milliseconds() as f64,
            max_attempts: members.number("MaxNumberOfAttempts").ok()?? as i64,
            backoff: members.number("BackoffCoefficient").ok()?.unwrap_or(1.0),
            max_interval: span("MaxRetryInterval").map_or(SIX_DAYS, |span| span.num_milliseconds() as f64),
            timeout: span("RetryTimeout"),
        })
    }

    /// What makes the policy unusable.
    pub(super) fn problem(&self) -> Option<&'static str> {
        (self.first_interval.is_nan() || self.first_interval <= 0.0)
            .then_some("without a firstRetryIntervalInMilliseconds greater than 0")
    }
}

/// A call that is tried again when it fails.
#[derive(Clone, Debug)]
pub(super) struct Retry {
    /// Orchestration clock at the first attempt.
    pub(super) first: DateTime<Utc>,
    /// Attempts made before the one that runs.
    pub(super) attempt: i64,
    /// The timer that runs is the one after the last attempt.
    pub(super) exhausted: bool,
}

/// What follows a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AfterFailure {
    /// The failure stands.
    GiveUp,
    /// A timer; what follows it is in `Retry::exhausted`.
    Timer(DateTime<Utc>),
}

impl Retry {
    pub(super) fn new(clock: DateTime<Utc>) -> Self {
        Self {
            first: clock,
            attempt: 0,
            exhausted: false,
        }
    }

    pub(super) fn after_failure(&mut self, policy: &RetryPolicy, clock: DateTime<Utc>) -> AfterFailure {
        if self.attempt + 1 >= policy.max_attempts {
            // The framework waits once more after the last attempt, for a timer that is due at once.
            self.exhausted = true;
            return AfterFailure::Timer(clock);
        }
        if policy
            .timeout
            .is_some_and(|timeout| clock >= later(self.first, timeout))
        {
            return AfterFailure::GiveUp;
        }
        let exponent = i32::try_from(self.attempt).unwrap_or(i32::MAX);
        let delay = policy.first_interval * policy.backoff.powi(exponent);
        let delay = if delay < policy.max_interval {
            delay
        } else {
            policy.max_interval
        };
        AfterFailure::Timer(later(clock, milliseconds(delay)))
    }
}

fn milliseconds(value: f64) -> TimeDelta {
    // The conversion saturates; .NET counts in 100 ns.
    TimeDelta::microseconds((value * 1000.0).round().clamp(-9e18, 9e18) as i64)
}
