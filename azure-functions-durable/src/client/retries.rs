//! How often, and with which delays, a call over gRPC is tried.

use std::time::Duration;

/// How a client repeats calls over gRPC that the host could not take, because it is not there (`UNAVAILABLE`) or has too much to do
/// (`RESOURCE_EXHAUSTED`). The default is what the .NET client does: 5 attempts, with 1 s, 1.5 s, 2.25 s and 3.375 s between them.
///
/// Calls that only read are repeated, after a broken connection, too. Calls that change something (start, raise, signal, terminate, suspend,
/// resume, restart, rewind, purge) are repeated only if they cannot have had their effect: when no connection could be made, or when the
/// host itself has said `RESOURCE_EXHAUSTED`. Otherwise the caller gets the error, whose
/// [`may_have_had_its_effect`](crate::OrchestrationClientError::may_have_had_its_effect) says so.
///
/// All attempts together take no longer than [the limit of a request](crate::OrchestrationClient::with_request_timeout).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "retries do nothing until they are given to `OrchestrationClient::with_retries`"]
pub struct Retries {
    pub(crate) attempts: u32,
    pub(crate) first_delay: Duration,
    pub(crate) max_delay: Duration,
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            attempts: 5,
            first_delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(5),
        }
    }
}

impl Retries {
    /// 5 attempts, 1 s after the first, 1.5 times as long after each further one, at most 5 s.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every call is tried once.
    pub fn none() -> Self {
        Self::new().attempts(1)
    }

    /// How often a call is tried, at least once.
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts.max(1);
        self
    }

    /// The delay after the first attempt; each further one is 1.5 times as long.
    pub fn first_delay(mut self, delay: Duration) -> Self {
        self.first_delay = delay;
        self
    }

    /// No delay is longer.
    pub fn max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }

    /// The delay after this many failed attempts.
    #[cfg(any(test, feature = "grpc"))]
    pub(crate) fn delay(&self, failed: u32) -> Duration {
        let mut delay = self.first_delay;
        for _ in 1..failed {
            if delay >= self.max_delay {
                break;
            }
            delay = delay.saturating_mul(3) / 2;
        }
        delay.min(self.max_delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_are_those_of_the_dotnet_client() {
        let retries = Retries::new();
        let delays: Vec<_> = (1..=6).map(|failed| retries.delay(failed).as_millis()).collect();
        assert_eq!(delays, [1000, 1500, 2250, 3375, 5000, 5000]);
        assert_eq!(
            Retries::new().first_delay(Duration::MAX).delay(u32::MAX),
            Duration::from_secs(5)
        );
        assert_eq!(Retries::new().attempts(0).attempts, 1);
    }
}
