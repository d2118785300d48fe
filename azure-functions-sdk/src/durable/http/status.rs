//! R2: one instance, and the shape in which all routes show an instance.

use chrono::{DateTime, SecondsFormat};
use http::StatusCode;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    Answer, Call,
    history_events::{Show, history_events},
    response::{json, poll_at},
};
use crate::durable::{
    engine::{event::json_string, runtime_status::RuntimeStatus},
    hub::request_error::RequestError,
    json::check,
    store::{DamagedRow, InstanceRow, Micros},
};

/// Seconds until a client should look again.
const RETRY_AFTER: u32 = 5;

/// What of an instance is shown.
pub(super) struct Shown {
    pub(super) input: bool,
    pub(super) history: Option<Vec<serde_json::Value>>,
}

/// Members in the order of the extension; null ones are written.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StatusBody<'a> {
    name: &'a str,
    instance_id: &'a str,
    runtime_status: &'static str,
    input: Box<RawValue>,
    custom_status: Box<RawValue>,
    output: Box<RawValue>,
    created_time: String,
    last_updated_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    history_events: Option<Vec<serde_json::Value>>,
    /// Of instances that have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    /// A member of ours: the end that is decided, and what is still waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    ending: Option<Box<RawValue>>,
}

impl Call<'_> {
    pub(super) async fn status(&self, id: &str) -> Answer {
        let row = self.hub.find(id).await?.ok_or(RequestError::NotFound)?;
        let input = self.query.flag("showinput").unwrap_or(true);
        let show_history = self.query.flag("showhistory").unwrap_or(false);
        let history = if show_history && row.state.status != RuntimeStatus::Pending {
            let show = Show {
                input,
                output: self.query.flag("showhistoryoutput").unwrap_or(false),
            };
            let texts = self.hub.history(row.key).await?;
            Some(history_events(&texts, show).map_err(|error| RequestError::Broken(error.to_string()))?)
        } else {
            None
        };
        let as_error = self.query.flag("returninternalservererroronfailure").unwrap_or(false);
        let status = match row.state.status {
            RuntimeStatus::Pending
            | RuntimeStatus::Running
            | RuntimeStatus::ContinuedAsNew
            | RuntimeStatus::Suspended => StatusCode::ACCEPTED,
            RuntimeStatus::Failed if as_error => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::OK,
        };
        let response = json(status, &status_body(&row, Shown { input, history }));
        Ok(if status == StatusCode::ACCEPTED {
            poll_at(response, &self.own_url(), RETRY_AFTER)
        } else {
            response
        })
    }
}

/// An instance as JSON.
pub(super) fn status_body(row: &InstanceRow, shown: Shown) -> StatusBody<'_> {
    StatusBody {
        name: &row.name,
        instance_id: &row.id,
        runtime_status: row.state.status.name(),
        input: value(row.input.as_deref().filter(|_| shown.input)),
        custom_status: value(row.state.custom_status.as_deref()),
        output: value(row.state.output.as_deref()),
        created_time: whole_seconds(row.state.created),
        last_updated_time: whole_seconds(row.state.updated),
        history_events: shown.history,
        version: row.state.version.as_deref().filter(|version| !version.is_empty()),
        ending: row.state.ending.as_deref().map(|ending| value(Some(ending))),
    }
}

/// An entry for a row that cannot be read: the list goes on, and says what is wrong where the output would be.
pub(super) fn damaged_body(row: &DamagedRow) -> StatusBody<'_> {
    StatusBody {
        name: &row.name,
        instance_id: &row.id,
        runtime_status: "Unknown",
        input: value(None),
        custom_status: value(None),
        output: raw(json_string(&row.problem())),
        created_time: whole_seconds(0),
        last_updated_time: whole_seconds(0),
        history_events: None,
        version: None,
        ending: None,
    }
}

/// Stored text as a JSON value: what no reader would take as one is a string, what is blank an empty string.
pub(super) fn value(text: Option<&str>) -> Box<RawValue> {
    let Some(text) = text else {
        return RawValue::NULL.to_owned();
    };
    if text.trim().is_empty() {
        return raw(json_string(""));
    }
    match check(text) {
        Ok(()) => raw(text.trim().to_owned()),
        Err(_) => raw(json_string(text)),
    }
}

fn raw(json: String) -> Box<RawValue> {
    // It has been checked, or is a JSON string; null would be the answer if it ever were not.
    RawValue::from_string(json).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

fn whole_seconds(micros: Micros) -> String {
    DateTime::from_timestamp_micros(micros)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::durable::store::{InstanceKey, InstanceState};

    fn row() -> InstanceRow {
        InstanceRow {
            key: InstanceKey(1),
            id: "i".into(),
            name: "f".into(),
            input: Some(r#"{"b": 1.10, "a": "2031-05-06T07:08:09Z"}"#.into()),
            state: InstanceState {
                execution_id: "x".into(),
                version: None,
                generation: 0,
                status: RuntimeStatus::Running,
                created: 1_935_817_689_999_999,
                updated: 1_935_817_690_000_000,
                custom_status: Some("plain text".into()),
                output: None,
                ending: None,
                wire: None,
            },
            tags: None,
            parent: None,
            scheduled_start: None,
        }
    }

    #[test]
    fn status_has_all_members_in_order_and_writes_nulls() {
        let body = serde_json::to_string(&status_body(
            &row(),
            Shown {
                input: true,
                history: None,
            },
        ))
        .unwrap();
        assert_eq!(
            body,
            r#"{"name":"f","instanceId":"i","runtimeStatus":"Running","input":{"b": 1.10, "a": "2031-05-06T07:08:09Z"},"customStatus":"plain text","output":null,"createdTime":"2031-05-06T07:08:09Z","lastUpdatedTime":"2031-05-06T07:08:10Z"}"#
        );
        let hidden = serde_json::to_string(&status_body(
            &row(),
            Shown {
                input: false,
                history: None,
            },
        ))
        .unwrap();
        assert!(hidden.contains(r#""input":null"#), "{hidden}");
    }

    #[test]
    fn a_row_that_cannot_be_read_is_an_entry_that_says_so() {
        let row = DamagedRow {
            key: InstanceKey(2),
            id: "b".into(),
            name: "f".into(),
            reason: "no such status: 99".into(),
            status: None,
            wire: None,
            has_readable_input: true,
        };
        let body = serde_json::to_value(damaged_body(&row)).unwrap();
        assert_eq!(
            (&body["instanceId"], &body["runtimeStatus"]),
            (&"b".into(), &"Unknown".into())
        );
        assert!(
            body["output"]
                .as_str()
                .unwrap()
                .contains("cannot be read: no such status: 99."),
            "{body}"
        );
    }

    #[test]
    fn stored_text_becomes_a_json_value() {
        for (text, json) in [
            (None, "null"),
            (Some("  "), r#""""#),
            (Some("12"), "12"),
            (Some("not \"json\""), r#""not \"json\"""#),
            (Some("null"), "null"),
            (Some(" [1, 2]\n"), "[1, 2]"),
            (Some(r#""\ud83d""#), r#""\"\\ud83d\"""#),
            (Some("1e400"), r#""1e400""#),
        ] {
            assert_eq!(value(text).get(), json);
        }
    }
}
