//! `CallHttp`: an activity, and its polling while the answer is 202.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::value::RawValue;

use super::{
    event::write_string,
    members::Members,
    retry::{AfterFailure, Retry, RetryPolicy},
    time::later,
};

/// An HTTP call that may poll.
#[derive(Debug)]
pub(super) struct HttpCall {
    /// The last request that was made or is due.
    pub(super) next_request: Option<String>,
    first_request: String,
    polls: bool,
    retry: Option<(RetryPolicy, Retry)>,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Polled {
    /// The call has its result.
    Done,
    /// A timer.
    Timer(DateTime<Utc>),
    /// The first request once more.
    Again,
    /// `HttpCall::next_request`.
    Next,
}

impl HttpCall {
    pub(super) fn new(request: &RawValue, clock: DateTime<Utc>) -> Self {
        let members = Members::parse(request);
        let flag = members
            .as_ref()
            .and_then(|members| members.get("asynchronousPatternEnabled"));
        let policy = members
            .as_ref()
            .and_then(|m| m.get("retryOptions"))
            .and_then(RetryPolicy::parse_http);
        Self {
            next_request: None,
            first_request: request.get().to_owned(),
            polls: flag.is_none_or(|flag| flag.get() != "false"),
            retry: policy.map(|policy| (policy, Retry::new(clock))),
        }
    }

    /// An answer came.
    pub(super) fn after_response(&mut self, result: Option<&str>, clock: DateTime<Utc>, sleep: TimeDelta) -> Polled {
        if !self.polls {
            return Polled::Done;
        }
        let Some((location, delay)) = result.and_then(|text| accepted(text, sleep)) else {
            return Polled::Done;
        };
        let last = self.next_request.as_deref().unwrap_or(&self.first_request);
        self.next_request = Some(poll_request(last, &location));
        // The extension does not retry polls.
        self.retry = None;
        Polled::Timer(later(clock, delay))
    }

    /// A request failed.
    pub(super) fn after_failure(&mut self, clock: DateTime<Utc>) -> Polled {
        let Some((policy, retry)) = &mut self.retry else {
            return Polled::Done;
        };
        match retry.after_failure(policy, clock) {
            AfterFailure::GiveUp => Polled::Done,
            AfterFailure::Timer(at) => Polled::Timer(at),
        }
    }

    /// A timer of this call fired.
    pub(super) fn after_timer(&mut self) -> Polled {
        match &mut self.retry {
            None => Polled::Next,
            Some((_, retry)) if retry.exhausted => Polled::Done,
            Some((_, retry)) => {
                retry.attempt += 1;
                Polled::Again
            }
        }
    }
}

/// Where and when to ask again, if the answer is a 202 that says where. A 202 without `Location`, or with an empty one, is a
/// result: workers take it as one, and the extension fails.
fn accepted(result: &str, sleep: TimeDelta) -> Option<(String, TimeDelta)> {
    let members = Members::parse_text(result)?;
    if members.number("statusCode").ok()?? != 202.0 {
        return None;
    }
    let headers = Members::parse(members.get("headers")?)?;
    let location = header(&headers, "Location").filter(|location| !location.trim().is_empty())?;
    let seconds = header(&headers, "Retry-After").and_then(|text| text.trim().parse::<u32>().ok());
    Some((
        location,
        seconds.map_or(sleep, |seconds| TimeDelta::seconds(i64::from(seconds))),
    ))
}

/// A header is a string or an array of strings.
fn header(headers: &Members<'_>, name: &str) -> Option<String> {
    let text = headers.get(name)?.get();
    let single = serde_json::from_str::<String>(text);
    single
        .ok()
        .or_else(|| serde_json::from_str::<Vec<String>>(text).ok()?.into_iter().next())
}

/// GET of the location with the same headers but the function key, same token source and time limit, no content.
fn poll_request(last: &str, location: &str) -> String {
    let members = Members::parse_text(last);
    let uri = members
        .as_ref()
        .and_then(|members| members.text("uri"))
        .and_then(|uri| url::Url::parse(&uri).ok());
    let target = uri
        .and_then(|uri| uri.join(location).ok())
        .map_or_else(|| location.to_owned(), String::from);
    let mut out = String::from("{\"method\":\"GET\",\"uri\":");
    write_string(&target, &mut out);
    for name in ["headers", "tokenSource", "timeout", "asynchronousPatternEnabled"] {
        let Some(value) = members.as_ref().and_then(|members| members.get(name)) else {
            continue;
        };
        out.push(',');
        write_string(name, &mut out);
        out.push(':');
        match Members::parse(value).filter(|_| name == "headers") {
            None => out.push_str(value.get()),
            Some(headers) => {
                out.push('{');
                let kept = headers
                    .iter()
                    .filter(|(name, _)| !name.eq_ignore_ascii_case("x-functions-key"));
                for (index, (name, value)) in kept.enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    write_string(name, &mut out);
                    out.push(':');
                    out.push_str(value.get());
                }
                out.push('}');
            }
        }
    }
    out.push('}');
    out
}
