//! A durable HTTP call: one request after the other, until there is an answer that is not "come again later".
//!
//! The host would poll and retry by itself, and take ids for that at moments which only it knows. So it is asked for
//! plain requests, and the polls and further attempts are actions of their own.

use super::{
    attempts::{Attempts, RetryStage},
    clock::add,
    history::{History, Span},
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};
use std::{fmt, rc::Rc, time::Duration};
use url::Url;

/// The activity of the host that makes requests, as history names it.
pub(crate) const HTTP_ACTIVITY: &str = "BuiltIn::HttpActivity";

/// One request.
#[derive(Clone, PartialEq)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) url: Url,
    /// In the order they were given; names may repeat.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) content: Option<String>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) identity: Option<Identity>,
}

/// Whose token the host adds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Identity {
    pub(crate) resource: String,
    pub(crate) authority_host: Option<String>,
    pub(crate) tenant_id: Option<String>,
}

/// A call, under way.
#[derive(Debug)]
pub(crate) struct HttpCall {
    /// The request that is out, or next.
    pub(crate) request: Rc<Request>,
    /// Whether answers of 202 with a place are followed there.
    pub(crate) polling: bool,
    pub(crate) attempts: Option<Attempts>,
    /// Statuses that count as failures of an attempt; if there are none, all but the successful do.
    pub(crate) retry_statuses: Vec<u16>,
    pub(crate) stage: RetryStage,
}

/// What becomes of a call after an answer.
pub(super) enum After {
    Done,
    /// The next request is due at this time.
    Again(DateTime<Utc>),
}

impl HttpCall {
    /// An answer came, at `now`.
    pub(super) fn answered(&mut self, history: &History, result: Span, now: DateTime<Utc>) -> After {
        // One that cannot be read is told to the caller when it asks for it.
        let answer = history.nested_json(result).unwrap_or_default();
        let status = answer.get("statusCode").and_then(Value::as_u64).unwrap_or_default();
        let headers = answer.get("headers").and_then(Value::as_object);
        let header = |name| headers.and_then(|headers| header(headers, name));
        if status == 202
            && self.polling
            // An empty one names no place: the address that was asked would be asked for ever.
            && let Some(place) = header("Location").filter(|place| !place.trim().is_empty())
            && let Ok(place) = self.request.url.join(place)
        {
            let delay = header("Retry-After").and_then(|text| retry_after(text, now));
            self.request = Rc::new(self.request.poll(place));
            if let Some(attempts) = &mut self.attempts {
                attempts.begin(now);
            }
            return After::Again(add(now, delay.unwrap_or(history.http_poll_delay)));
        }
        let fails = if self.retry_statuses.is_empty() {
            !(200..300).contains(&status)
        } else {
            self.retry_statuses.iter().any(|retried| u64::from(*retried) == status)
        };
        let attempts = self.attempts.as_mut().filter(|_| fails);
        match attempts.and_then(|attempts| attempts.next_delay(now)) {
            Some(delay) => After::Again(add(now, delay)),
            None => After::Done,
        }
    }
}

impl Request {
    /// A request that stands for one in the history, which is not made again.
    pub(crate) fn recorded() -> Option<Self> {
        Some(Self {
            method: "GET".to_owned(),
            url: Url::parse("http://localhost/").ok()?,
            headers: Vec::new(),
            content: None,
            timeout: None,
            identity: None,
        })
    }

    /// The request that asks whether it is done now. Function keys are for the first address only, and what else proves
    /// who asks, the token of a managed identity with it, does not go to another origin.
    fn poll(&self, place: Url) -> Self {
        let at_home = self.url.origin() == place.origin();
        let keep = |name: &str| match name.to_ascii_lowercase().as_str() {
            "x-functions-key" | "content-type" | "content-length" => false,
            "authorization" | "proxy-authorization" | "cookie" => at_home,
            _ => true,
        };
        Self {
            method: "GET".to_owned(),
            url: place,
            headers: self.headers.iter().filter(|(name, _)| keep(name)).cloned().collect(),
            content: None,
            timeout: self.timeout,
            identity: self.identity.clone().filter(|_| at_home),
        }
    }

    /// Method and address, without what may be secret in it.
    pub(crate) fn in_words(&self) -> String {
        let mut url = self.url.clone();
        url.set_query(None);
        url.set_fragment(None);
        // Only addresses that cannot have credentials refuse this.
        let _ = url.set_username("").and_then(|()| url.set_password(None));
        format!("{} {url}", self.method)
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.in_words())
    }
}

/// The first value of a header.
fn header<'a>(headers: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    let (_, value) = headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    value.as_str().or_else(|| value.get(0)?.as_str())
}

/// Seconds, or a date.
fn retry_after(text: &str, now: DateTime<Utc>) -> Option<TimeDelta> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(TimeDelta::seconds(seconds.into()));
    }
    let date = DateTime::parse_from_rfc2822(text).ok()?;
    Some((date.with_timezone(&Utc) - now).max(TimeDelta::zero()))
}
