//! R3: instances by filter, page by page.

use http::{HeaderValue, StatusCode};

use super::{
    Answer, Call,
    query::Query,
    response::{bad_argument, json},
    status::{Shown, StatusBody, damaged_body, status_body},
};
use crate::durable::store::{InstanceKey, InstanceQuery};

/// Header in which the position of the next page travels, both ways.
pub(super) const CONTINUATION: &str = "x-ms-continuation-token";
const DEFAULT_TOP: i64 = 100;
/// Larger pages are cut; the token leads on.
const MAX_TOP: i64 = 1_000;

/// How many rows a page has.
pub(super) fn page_size(query: &Query) -> usize {
    let top = query.integer("top").filter(|top| *top > 0).unwrap_or(DEFAULT_TOP);
    usize::try_from(top.min(MAX_TOP)).unwrap_or(usize::MAX)
}

impl Call<'_> {
    pub(super) async fn list(&self) -> Answer {
        let token = self
            .request
            .headers()
            .get(CONTINUATION)
            .map(HeaderValue::as_bytes)
            .unwrap_or_default();
        let Some(after) = position(token) else {
            return Ok(bad_argument(
                "The continuation token is not one that this host gave out.",
            ));
        };
        let show_input = self.query.flag("showinput").unwrap_or(true);
        let query = InstanceQuery {
            created_from: self.query.time("createdtimefrom").map(|time| time.timestamp_micros()),
            created_to: self.query.time("createdtimeto").map(|time| time.timestamp_micros()),
            statuses: self.query.statuses("runtimestatus"),
            id_prefix: self
                .query
                .text("instanceidprefix")
                .filter(|prefix| !prefix.is_empty())
                .map(str::to_owned),
            with_input: show_input,
            limit: page_size(&self.query),
            after,
        };
        let page = self.hub.list(query).await?;
        let readable = page.instances.iter().map(|row| {
            let shown = Shown {
                input: show_input,
                history: None,
            };
            (row.key, status_body(row, shown))
        });
        let damaged = page.damaged.iter().map(|row| (row.key, damaged_body(row)));
        let mut entries: Vec<(InstanceKey, StatusBody<'_>)> = readable.chain(damaged).collect();
        entries.sort_by_key(|(key, _)| *key);
        let body: Vec<StatusBody<'_>> = entries.into_iter().map(|(_, body)| body).collect();
        let mut response = json(StatusCode::OK, &body);
        if let Some(next) = page.next {
            // Hexadecimal digits are valid in a header.
            if let Ok(token) = HeaderValue::from_str(&format!("{:x}", next.0)) {
                response.headers_mut().insert(CONTINUATION, token);
            }
        }
        Ok(response)
    }
}

/// The position that a token stands for; `Some(None)` is the beginning, `None` a token that makes no sense.
fn position(token: &[u8]) -> Option<Option<InstanceKey>> {
    let token = std::str::from_utf8(token).ok()?.trim();
    // Some clients send the null of their language in the first request.
    if token.is_empty() || token == "null" || token == "undefined" {
        return Some(None);
    }
    i64::from_str_radix(token, 16).ok().map(|key| Some(InstanceKey(key)))
}
