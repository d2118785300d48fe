//! Messages of storage queues. Source: recordings of the real host, `queue.*` and `retry.recovers.3`.

use super::{made_up::time, manual::members, payload::One};
use crate::services::{
    binding::Binding,
    data::{Data, TriggerValue},
};
use chrono::{DateTime, Utc};
use std::collections::HashMap;

/// .NET's latest time.
const NEVER: &str = "9999-12-31T23:59:59.9999999+00:00";

pub(super) fn message(trigger: &Binding, payload: Option<One>, now: DateTime<Utc>) -> Result<TriggerValue, String> {
    let payload = payload.unwrap_or_else(|| One::Text(String::new()));
    let mut metadata = HashMap::from([
        ("DequeueCount".to_owned(), Data::json("0")),
        ("ExpirationTime".to_owned(), Data::json(format!("\"{NEVER}\""))),
        ("InsertionTime".to_owned(), Data::json(format!("\"{}\"", time(now)))),
        ("NextVisibleTime".to_owned(), Data::json(format!("\"{NEVER}\""))),
    ]);
    let text = payload.text().map(str::to_owned);
    if let Some(text) = &text {
        metadata.insert("QueueTrigger".to_owned(), Data::Text(text.clone()));
    }
    if trigger.says("dataType", "binary") {
        return Ok(TriggerValue {
            data: Some(Data::Bytes(payload.into_bytes())),
            metadata,
        });
    }
    let Some(text) = text else {
        return Err(format!(
            "the message is not UTF-8: the Functions host gives such a message only to a function whose binding '{}' has the dataType \
             'binary'",
            trigger.name
        ));
    };
    metadata.extend(members(&text));
    metadata.insert(trigger.name.clone(), Data::Text(text.clone()));
    Ok(TriggerValue {
        data: Some(Data::Text(text)),
        metadata,
    })
}
