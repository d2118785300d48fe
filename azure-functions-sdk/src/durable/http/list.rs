//! R3: instances by filter, page by page.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use serde::Serialize;

use super::{
    Answer, Call,
    query::Query,
    response::json,
    status::{Shown, StatusBody, damaged_body, status_body},
};
use crate::durable::{
    hub::request_error::RequestError,
    store::{InstanceKey, InstanceQuery},
};

/// Header in which the position of the next page travels, both ways.
pub(super) const CONTINUATION: &str = "x-ms-continuation-token";
const DEFAULT_TOP: u64 = 100;
/// Larger pages are cut; the token leads on.
const MAX_TOP: u64 = 1_000;

/// How many rows a page has; 0 is possible.
pub(super) fn page_size(query: &Query) -> Result<usize, RequestError> {
    let top = query.count("top")?.unwrap_or(DEFAULT_TOP);
    Ok(usize::try_from(top.min(MAX_TOP)).unwrap_or(usize::MAX))
}

/// What came with the request as the end of the page before.
pub(super) enum Position<T> {
    First,
    After(T),
    /// A token that this host has not given out: nothing comes after that.
    Nowhere,
}

impl<T> Position<T> {
    pub(super) fn read(headers: &HeaderMap, read: impl FnOnce(&str) -> Option<T>) -> Self {
        let token = headers.get(CONTINUATION).map(HeaderValue::as_bytes).unwrap_or_default();
        match std::str::from_utf8(token).map(str::trim) {
            // Some clients send the null of their language in the first request.
            Ok("" | "null" | "undefined") => Self::First,
            Ok(token) => read(token).map_or(Self::Nowhere, Self::After),
            Err(_) => Self::Nowhere,
        }
    }
}

/// One page; the header is there on the last one, too, and empty.
pub(super) fn page(body: &impl Serialize, next: Option<String>) -> Response<Bytes> {
    let mut response = json(StatusCode::OK, body);
    // A token has only digits.
    let token = next.and_then(|token| HeaderValue::from_str(&token).ok());
    let token = token.unwrap_or(HeaderValue::from_static(""));
    response.headers_mut().insert(CONTINUATION, token);
    response
}

impl Call<'_> {
    pub(super) async fn list(&self) -> Answer {
        let show_input = self.query.flag("showinput").unwrap_or(true);
        let micros = |time: Option<DateTime<Utc>>| time.map(|time| time.timestamp_micros());
        let top = page_size(&self.query)?;
        let mut query = InstanceQuery {
            created_from: micros(self.query.time("createdtimefrom")?),
            created_to: micros(self.query.time("createdtimeto")?),
            statuses: self.query.statuses("runtimestatus")?,
            id_prefix: self
                .query
                .text("instanceidprefix")
                .filter(|prefix| !prefix.is_empty())
                .map(str::to_owned),
            with_input: show_input,
            limit: top.max(1),
            ..InstanceQuery::default()
        };
        match Position::read(self.request.headers(), key) {
            Position::First => {}
            Position::After(key) => query.after = Some(key),
            Position::Nowhere => return Ok(page(&[(); 0], None)),
        }
        let after = query.after;
        let found = self.hub.list(query).await?;
        let next = match (top, found.instances.is_empty() && found.damaged.is_empty()) {
            // A page of nothing ends where it began.
            (0, false) => after.or(Some(InstanceKey(0))),
            _ => found.next,
        };
        let readable = found.instances.iter().map(|row| {
            let shown = Shown {
                input: show_input,
                history: None,
            };
            (row.key, status_body(row, shown))
        });
        let damaged = found.damaged.iter().map(|row| (row.key, damaged_body(row)));
        let mut entries: Vec<(InstanceKey, StatusBody<'_>)> = readable.chain(damaged).collect();
        entries.sort_by_key(|(key, _)| *key);
        let body: Vec<StatusBody<'_>> = entries.into_iter().take(top).map(|(_, body)| body).collect();
        Ok(page(&body, next.map(|next| format!("{:x}", next.0))))
    }
}

fn key(token: &str) -> Option<InstanceKey> {
    i64::from_str_radix(token, 16).ok().map(InstanceKey)
}
