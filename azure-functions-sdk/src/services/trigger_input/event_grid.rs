//! Events of Event Grid. Source: recordings of the real host, `eventgrid.*`.

use super::payload::{self, One};
use crate::services::{
    binding::Binding,
    data::{Data, TriggerValue},
};
use serde_json::Value;
use std::collections::HashMap;

pub(super) fn event(trigger: &Binding, payload: Option<&One>) -> Result<TriggerValue, String> {
    let expected = "an event, or a list of events";
    let event = payload::json(payload, expected)?;
    // The members arrive as they were sent.
    let text = payload.and_then(One::text).unwrap_or_default();
    let data = |event: &Value| event.get("data").cloned().unwrap_or_default();
    let (input, data) = match (trigger.says("cardinality", "many"), &event) {
        (true, Value::Array(events)) => (text.to_owned(), events.iter().map(data).collect()),
        (true, event) => (format!("[{text}]"), Value::Array(vec![data(event)])),
        (false, Value::Array(_)) => {
            return Err(
                "the function takes one event: send an object, or give the binding the cardinality 'many'".to_owned(),
            );
        }
        (false, event) => (text.to_owned(), data(event)),
    };
    Ok(TriggerValue {
        data: Some(Data::Json(input)),
        metadata: HashMap::from([("data".to_owned(), Data::json(data.to_string()))]),
    })
}
