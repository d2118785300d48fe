//! What the real extension answered, request by request, in the order in which it was asked.
//!
//! Recorded with the durable extension 3.19.0 on Azurite; the app was the example `durable-functions`, for the entities
//! `patterns`. What differs from run to run is replaced: `~` is the base of the API, `Q` the query of management URLs,
//! `ID32` an id that the host made, `TIME` a time in whole seconds, `TIME.F` one with a fraction, `TOKEN` a continuation
//! token, `STACK` a stack trace.

use std::collections::BTreeMap;

use bytes::Bytes;
use chrono::DateTime;
use http::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::world::{Answer, BASE};

const JSON: &str = "application/json; charset=utf-8";
/// Query of the management URLs that `World` hands out.
const QUERY: &str = "taskHub=TestHub&connection=Storage&code=k";

/// One request, and what the extension answered.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exchange {
    /// What it was sent for; unique in its file.
    pub(crate) step: String,
    pub(crate) method: String,
    /// Below the base of the API, with the query.
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
    status: u16,
    #[serde(default)]
    answer_headers: BTreeMap<String, String>,
    #[serde(default)]
    answer: Option<Value>,
    /// Instead of `answer`: the management URLs of this instance, to be looked at again in ten seconds.
    #[serde(default)]
    urls: Option<String>,
    /// That id as it stands in the URLs, where it differs.
    #[serde(default)]
    in_path: Option<String>,
}

/// An answer of the extension or of this host, without what differs from run to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Masked {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    /// `None`: there is no body.
    pub(crate) body: Option<Value>,
}

pub(crate) fn read(lines: &str) -> Vec<Exchange> {
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

impl Exchange {
    /// The body as it was sent: bytes that are no UTF-8 were recorded as replacement characters.
    pub(crate) fn body(&self) -> Bytes {
        let mut bytes = Vec::new();
        for (n, part) in self.body.split('\u{fffd}').enumerate() {
            if n > 0 {
                bytes.push(0xff);
            }
            bytes.extend_from_slice(part.as_bytes());
        }
        bytes.into()
    }

    pub(crate) fn recorded(&self) -> Masked {
        let mut headers = self.answer_headers.clone();
        let body = self.urls.as_ref().map(|id| {
            let in_path = self.in_path.as_ref().unwrap_or(id);
            headers.insert("location".to_owned(), format!("~/instances/{in_path}?Q"));
            headers.insert("retry-after".to_owned(), "10".to_owned());
            management_urls(id, in_path)
        });
        let body = body.or_else(|| self.answer.clone());
        if body.is_some() {
            headers.insert("content-type".to_owned(), JSON.to_owned());
        }
        Masked {
            status: self.status,
            headers,
            body,
        }
    }
}

fn management_urls(id: &str, in_path: &str) -> Value {
    let url = |operation: &str| format!("~/instances/{in_path}{operation}Q");
    json!({
        "id": id,
        "statusQueryGetUri": url("?"),
        "sendEventPostUri": url("/raiseEvent/{eventName}?"),
        "terminatePostUri": url("/terminate?reason={text}&"),
        "purgeHistoryDeleteUri": url("?"),
        "restartPostUri": url("/restart?"),
        "suspendPostUri": url("/suspend?reason={text}&"),
        "resumePostUri": url("/resume?reason={text}&"),
    })
}

/// Replaces what differs from run to run in an answer of this host.
pub(crate) fn masked(answer: &Answer) -> Masked {
    let body = (!answer.text.is_empty()).then(|| mask_values(answer.json()));
    Masked {
        status: answer.status.as_u16(),
        headers: mask_headers(&answer.headers),
        body,
    }
}

fn mask_headers(headers: &HeaderMap) -> BTreeMap<String, String> {
    let text = |value: &http::HeaderValue| value.to_str().unwrap().to_owned();
    headers
        .iter()
        .map(|(name, value)| {
            let value = match (name.as_str(), text(value)) {
                ("x-ms-continuation-token", token) if !token.is_empty() => "TOKEN".to_owned(),
                (_, value) => mask(&value),
            };
            (name.as_str().to_owned(), value)
        })
        .collect()
}

fn mask_values(value: Value) -> Value {
    match value {
        Value::String(text) => mask(&text).into(),
        Value::Array(values) => values.into_iter().map(mask_values).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name, mask_values(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other,
    }
}

fn mask(text: &str) -> String {
    if text.ends_with('Z') && DateTime::parse_from_rfc3339(text).is_ok() {
        return if text.contains('.') { "TIME.F" } else { "TIME" }.to_owned();
    }
    mask_ids(&text.replace(BASE, "~").replace(QUERY, "Q"))
}

/// Replaces runs of exactly 32 lower-case hexadecimal digits.
fn mask_ids(text: &str) -> String {
    let mut masked = String::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let run = rest
            .find(|c: char| !matches!(c, '0'..='9' | 'a'..='f'))
            .unwrap_or(rest.len());
        let taken = run.max(if run == 0 { character.len_utf8() } else { 0 });
        masked.push_str(if run == 32 { "ID32" } else { &rest[..taken] });
        rest = &rest[taken..];
    }
    masked
}
