//! Messages of Service Bus, events of Event Hubs, records of Kafka: one, or a batch. Source: the binding data that each extension makes.

use super::{
    made_up::{UNNAMED, time},
    payload::{self, One},
};
use crate::services::{
    binding::Binding,
    data::{Data, Payload, TriggerValue},
};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

/// What an extension says about each message.
pub(super) type Members = [(&'static str, Value)];

pub(super) fn service_bus_members(now: DateTime<Utc>) -> [(&'static str, Value); 4] {
    [
        ("MessageId", json!(UNNAMED)),
        ("SequenceNumber", json!(1)),
        ("DeliveryCount", json!(1)),
        ("EnqueuedTimeUtc", json!(time(now))),
    ]
}

pub(super) fn event_hub_members(now: DateTime<Utc>) -> [(&'static str, Value); 3] {
    [
        ("SequenceNumber", json!(1)),
        ("Offset", json!("0")),
        ("EnqueuedTimeUtc", json!(time(now))),
    ]
}

pub(super) fn kafka_members(trigger: &Binding, now: DateTime<Utc>) -> [(&'static str, Value); 5] {
    [
        ("Topic", json!(trigger.text("topic").unwrap_or(UNNAMED))),
        ("Partition", json!(0)),
        ("Offset", json!(0)),
        ("Timestamp", json!(time(now))),
        ("Headers", json!([])),
    ]
}

/// A message, or a batch: a JSON array is one message an element.
pub(super) fn messages(trigger: &Binding, payload: Option<Payload>, members: &Members) -> Result<TriggerValue, String> {
    let members = members.iter().cloned();
    if !trigger.says("cardinality", "many") {
        let payload = payload::one(payload)?.unwrap_or_else(|| One::Text(String::new()));
        return Ok(TriggerValue {
            data: Some(match trigger.says("dataType", "binary") {
                true => Data::Bytes(payload.into_bytes()),
                false => payload.into(),
            }),
            metadata: members
                .map(|(name, value)| (name.to_owned(), Data::metadata(value)))
                .collect(),
        });
    }
    let items = batch(payload)?;
    let metadata = members
        .map(|(name, value)| {
            let all = Value::Array(vec![value; items.len()]);
            (format!("{name}Array"), Data::json(all.to_string()))
        })
        .collect();
    let data = match trigger.says("dataType", "binary") {
        true => Data::ByteStrings(items),
        false => Data::Texts(texts(items, trigger)?),
    };
    Ok(TriggerValue {
        data: Some(data),
        metadata,
    })
}

/// The messages of a batch.
fn batch(payload: Option<Payload>) -> Result<Vec<Bytes>, String> {
    let expected = "a JSON array, one element for each message";
    if let Some(Payload::Batch(items)) = payload {
        return Ok(items);
    }
    let payload = payload::one(payload)?.unwrap_or_else(|| One::Text(String::new()));
    let Value::Array(items) = payload::json(Some(&payload), expected)? else {
        return Err(format!("the function takes a batch: send {expected}"));
    };
    let items = items.into_iter().map(|item| match item {
        Value::String(text) => text.into(),
        other => other.to_string().into(),
    });
    Ok(items.collect())
}

fn texts(items: Vec<Bytes>, trigger: &Binding) -> Result<Vec<String>, String> {
    let text = |item: Bytes| {
        String::from_utf8(item.into()).map_err(|_| {
            format!(
                "a message is not UTF-8: the Functions host gives such messages only to a function whose binding '{}' has the dataType \
                 'binary'",
                trigger.name
            )
        })
    };
    items.into_iter().map(text).collect()
}
