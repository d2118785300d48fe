//! How a host runs a function again that failed.

use crate::rpc::{RpcRetryOptions, rpc_retry_options::RetryStrategy};
use prost_types::Duration as RpcDuration;
use serde_json::{Map, Value};
use std::time::Duration;

/// What `#[func(retry(...))]` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How often it runs again; -1 without limit.
    pub max_retry_count: i32,
    /// How long it waits before.
    pub delay: RetryDelay,
}

/// How long a host waits before it runs a function again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryDelay {
    /// Always so long.
    Fixed(Duration),
    /// At first the one, each time about twice as long, at most the other.
    Exponential(Duration, Duration),
}

impl RetryPolicy {
    /// As worker indexing sends it.
    pub(crate) fn options(&self) -> RpcRetryOptions {
        let options = RpcRetryOptions {
            max_retry_count: self.max_retry_count,
            ..RpcRetryOptions::default()
        };
        match self.delay {
            RetryDelay::Fixed(delay) => RpcRetryOptions {
                retry_strategy: RetryStrategy::FixedDelay.into(),
                delay_interval: Some(rpc(delay)),
                ..options
            },
            RetryDelay::Exponential(minimum, maximum) => RpcRetryOptions {
                retry_strategy: RetryStrategy::ExponentialBackoff.into(),
                minimum_interval: Some(rpc(minimum)),
                maximum_interval: Some(rpc(maximum)),
                ..options
            },
        }
    }

    /// As it stands in `function.json`, under `retry`.
    pub(crate) fn json(&self) -> Value {
        let mut members = Map::new();
        let mut put = |name: &str, value: Value| members.insert(name.to_owned(), value);
        match self.delay {
            RetryDelay::Fixed(delay) => {
                put("strategy", "fixedDelay".into());
                put("maxRetryCount", self.max_retry_count.into());
                put("delayInterval", span(delay).into());
            }
            RetryDelay::Exponential(minimum, maximum) => {
                put("strategy", "exponentialBackoff".into());
                put("maxRetryCount", self.max_retry_count.into());
                put("minimumInterval", span(minimum).into());
                put("maximumInterval", span(maximum).into());
            }
        }
        Value::Object(members)
    }
}

fn rpc(delay: Duration) -> RpcDuration {
    RpcDuration {
        // Checked by the attribute: at most some days.
        seconds: i64::try_from(delay.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(delay.subsec_nanos()).unwrap_or_default(),
    }
}

/// .NET's text of a time span.
fn span(delay: Duration) -> String {
    let seconds = delay.as_secs();
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let days = match days {
        0 => String::new(),
        days => format!("{days}."),
    };
    let fraction = match delay.subsec_nanos() / 100 {
        0 => String::new(),
        ticks => format!(".{ticks:07}"),
    };
    format!(
        "{days}{hours:02}:{:02}:{:02}{fraction}",
        seconds / 60 % 60,
        seconds % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_fixed_delay_is_written_for_both_ways_of_indexing() {
        let policy = RetryPolicy {
            max_retry_count: 3,
            delay: RetryDelay::Fixed(Duration::from_millis(93_784_500)),
        };
        assert_eq!(
            policy.json(),
            json!({"strategy": "fixedDelay", "maxRetryCount": 3, "delayInterval": "1.02:03:04.5000000"})
        );
        let options = policy.options();
        assert_eq!((options.max_retry_count, options.retry_strategy), (3, 1));
        let delay = options.delay_interval.unwrap();
        assert_eq!((delay.seconds, delay.nanos), (93_784, 500_000_000));
        assert_eq!(options.minimum_interval, None);
    }

    #[test]
    fn an_exponential_backoff_has_both_of_its_intervals() {
        let policy = RetryPolicy {
            max_retry_count: -1,
            delay: RetryDelay::Exponential(Duration::from_secs(1), Duration::from_secs(300)),
        };
        assert_eq!(
            policy.json(),
            json!({
                "strategy": "exponentialBackoff", "maxRetryCount": -1,
                "minimumInterval": "00:00:01", "maximumInterval": "00:05:00"
            })
        );
        let options = policy.options();
        assert_eq!((options.max_retry_count, options.retry_strategy), (-1, 0));
        assert_eq!(options.minimum_interval.unwrap().seconds, 1);
        assert_eq!(options.maximum_interval.unwrap().seconds, 300);
    }
}
