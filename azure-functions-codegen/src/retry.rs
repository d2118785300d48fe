//! `#[func(retry(...))]`: how a host runs a function again that failed.

use crate::{
    arguments::{Argument, Literal, literal},
    errors::Errors,
    names, schedule,
};
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use std::time::Duration;

const KEYS: [&str; 4] = ["max", "delay", "min_delay", "max_delay"];

/// A policy.
pub(crate) struct Retry {
    max: i32,
    delay: Delay,
}

enum Delay {
    Fixed(Duration),
    Exponential(Duration, Duration),
}

impl Retry {
    /// Reads `max = 3, delay = "00:00:05"`, or `max = 5, min_delay = "00:00:01", max_delay = "00:05:00"`.
    pub(crate) fn read(place: Span, arguments: Vec<Argument>, errors: &mut Errors) -> Option<Self> {
        let mut max = None;
        let (mut delay, mut min_delay, mut max_delay) = (None, None, None);
        let mut is_good = true;
        for argument in arguments {
            let key = argument.key.to_string();
            let value = argument.value.as_ref();
            let target = match key.as_str() {
                "max" => {
                    match value.map(literal) {
                        Some(Ok(Literal::Integer(count))) if (-1..=i64::from(i32::MAX)).contains(&count) => {
                            max = i32::try_from(count).ok();
                        }
                        _ => {
                            is_good = false;
                            errors.at(value.map_or_else(|| argument.key.to_token_stream(), ToTokens::to_token_stream),
                                "`max` is how often the function runs again: write `max = 3`, or `max = -1` for no limit");
                        }
                    }
                    continue;
                }
                "delay" => &mut delay,
                "min_delay" => &mut min_delay,
                "max_delay" => &mut max_delay,
                other => {
                    is_good = false;
                    let hint = names::hint(other, KEYS);
                    errors.at(
                        &argument.key,
                        format!("`retry(...)` takes `max` with `delay`, or with `min_delay` and `max_delay`, not `{other}`{hint}"),
                    );
                    continue;
                }
            };
            let read = match value.map(literal) {
                Some(Ok(Literal::Text(text))) => schedule::time_span(&text).filter(|delay| delay.as_secs() < 86_400),
                _ => None,
            };
            if read.is_none() {
                is_good = false;
                errors.at(
                    value.map_or_else(|| argument.key.to_token_stream(), ToTokens::to_token_stream),
                    format!("`{key}` is a time below one day: write `{key} = \"00:00:05\"` for five seconds"),
                );
            }
            *target = read;
        }
        if !is_good {
            return None;
        }
        let delay = match (delay, min_delay, max_delay) {
            (Some(delay), None, None) => Delay::Fixed(delay),
            (None, Some(min), Some(max)) if min <= max => Delay::Exponential(min, max),
            (None, Some(_), Some(_)) => {
                errors.span(place, "`min_delay` is longer than `max_delay`");
                return None;
            }
            _ => {
                errors.span(
                    place,
                    "a policy has one `delay`, or `min_delay` and `max_delay`: write `retry(max = 3, delay = \"00:00:05\")`",
                );
                return None;
            }
        };
        let Some(max) = max else {
            errors.span(
                place,
                "`max` is missing: write `retry(max = 3, ...)`, or `max = -1` for no limit",
            );
            return None;
        };
        Some(Self { max, delay })
    }

    /// The policy in the generated code.
    pub(crate) fn tokens(&self) -> TokenStream {
        let max = self.max;
        let duration = |delay: Duration| {
            let (seconds, nanos) = (delay.as_secs(), delay.subsec_nanos());
            quote!(::core::time::Duration::new(#seconds, #nanos))
        };
        let delay = match self.delay {
            Delay::Fixed(delay) => {
                let delay = duration(delay);
                quote!(__az::RetryDelay::Fixed(#delay))
            }
            Delay::Exponential(min, max) => {
                let (min, max) = (duration(min), duration(max));
                quote!(__az::RetryDelay::Exponential(#min, #max))
            }
        };
        quote!(__az::RetryPolicy { max_retry_count: #max, delay: #delay })
    }
}
