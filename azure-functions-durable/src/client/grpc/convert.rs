//! Between the messages of the protocol and what callers know.

use super::super::error::OrchestrationClientError;
use crate::protobuf::OrchestrationState;
use crate::{FailureDetails, OrchestrationRuntimeStatus, OrchestrationStatusQueryResult};
use chrono::{DateTime, Datelike, TimeZone, Utc};
use prost_types::Timestamp;
use serde::de::IgnoredAny;
use serde_json::Value;

/// A time for the host, which knows the years 1 to 9999.
pub(super) fn timestamp(time: DateTime<Utc>) -> Timestamp {
    // The first and the last second of them.
    const FIRST: i64 = -62_135_596_800;
    const LAST: i64 = 253_402_300_799;
    match time.year() {
        ..1 => Timestamp {
            seconds: FIRST,
            nanos: 0,
        },
        1..=9999 => Timestamp {
            seconds: time.timestamp(),
            // A leap second is one with more than 999,999,999 of them.
            nanos: i32::try_from(time.timestamp_subsec_nanos()).map_or(999_999_999, |nanos| nanos.min(999_999_999)),
        },
        _ => Timestamp {
            seconds: LAST,
            nanos: 0,
        },
    }
}

/// A time from the host; `None` for one that there is not.
pub(super) fn time(timestamp: Option<Timestamp>) -> Option<DateTime<Utc>> {
    let timestamp = timestamp?;
    Utc.timestamp_opt(timestamp.seconds, u32::try_from(timestamp.nanos).ok()?)
        .single()
}

/// The text of a JSON value for the host; none for `null`, as the .NET client sends it.
pub(super) fn payload(json: &[u8]) -> Option<String> {
    match json {
        b"null" => None,
        json => Some(String::from_utf8_lossy(json).into_owned()),
    }
}

/// What a host keeps as text: JSON, or any text of an SDK that does not write JSON. JSON that cannot be read (too deep, or a number beyond
/// `f64`) is an error, and not a text.
pub(super) fn value(operation: &str, what: &str, text: Option<String>) -> Result<Value, OrchestrationClientError> {
    let Some(text) = text else { return Ok(Value::Null) };
    match serde_json::from_str(&text) {
        Ok(value) => Ok(value),
        Err(error) if serde_json::from_str::<IgnoredAny>(&text).is_ok() => {
            Err(OrchestrationClientError::InvalidResponse {
                operation: operation.to_owned(),
                source: format!("the {what} is JSON that cannot be read: {error}").into(),
            })
        }
        Err(_) => Ok(Value::String(text)),
    }
}

pub(super) fn runtime_status(code: i32) -> OrchestrationRuntimeStatus {
    OrchestrationRuntimeStatus::from_code(code.into())
}

/// The states for the host.
pub(super) fn codes(statuses: &[OrchestrationRuntimeStatus]) -> Vec<i32> {
    statuses.iter().map(|status| status.code()).collect()
}

/// An instance as the HTTP API would show it, and with what only gRPC tells.
pub(super) fn status(
    operation: &str,
    state: OrchestrationState,
    show_input: bool,
) -> Result<OrchestrationStatusQueryResult, OrchestrationClientError> {
    let id = &state.instance_id;
    let read = |what: &str, text| value(operation, &format!("{what} of instance `{id}`"), text);
    let failure = state.failure_details.map(FailureDetails::from);
    let mut status = OrchestrationStatusQueryResult {
        input: if show_input {
            read("input", state.input)?
        } else {
            Value::Null
        },
        custom_status: read("custom status", state.custom_status)?,
        output: match (state.output, &failure) {
            (None, Some(failure)) => Value::String(format!("{}: {}", failure.error_type, failure.error_message)),
            (output, _) => read("output", output)?,
        },
        created_time: time(state.created_timestamp),
        last_updated_time: time(state.last_updated_timestamp),
        version: state.version.filter(|version| !version.is_empty()),
        tags: state.tags.into_iter().collect(),
        parent_instance_id: state.parent_instance_id.filter(|id| !id.is_empty()),
        scheduled_start_time: time(state.scheduled_start_timestamp),
        failure: failure.map(Box::new),
        ..OrchestrationStatusQueryResult::default()
    };
    status.name = state.name;
    status.instance_id = state.instance_id;
    status.runtime_status = runtime_status(state.orchestration_status);
    Ok(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_within_the_years_of_the_host_and_come_back() {
        let then: DateTime<Utc> = "2026-11-29T18:34:31.801577100Z".parse().unwrap();
        assert_eq!(time(Some(timestamp(then))), Some(then));
        let (first, last) = (timestamp(DateTime::<Utc>::MIN_UTC), timestamp(DateTime::<Utc>::MAX_UTC));
        assert_eq!(time(Some(first)).unwrap().to_rfc3339(), "0001-01-01T00:00:00+00:00");
        assert_eq!(time(Some(last)).unwrap().to_rfc3339(), "9999-12-31T23:59:59+00:00");
        for (seconds, nanos) in [(i64::MAX, 0), (0, -1), (0, i32::MAX)] {
            assert_eq!(time(Some(Timestamp { seconds, nanos })), None);
        }
    }

    #[test]
    fn payloads_are_json_or_any_text_but_never_unreadable_json() {
        let read = |text: &str| value("look", "output", Some(text.to_owned()));
        assert_eq!(read("{\"a\":1}").unwrap(), serde_json::json!({"a": 1}));
        assert_eq!(read("System.Exception: no").unwrap(), "System.Exception: no");
        assert_eq!(read("").unwrap(), "");
        assert_eq!(value("look", "output", None).unwrap(), Value::Null);
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        for text in [deep.as_str(), "1e999"] {
            let error = read(text).unwrap_err();
            assert!(
                matches!(error, OrchestrationClientError::InvalidResponse { .. }),
                "{error}"
            );
        }
    }
}
