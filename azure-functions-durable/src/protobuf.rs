//! The messages of the Durable Task protocol, generated from `proto/` (see `tests/wire.rs` of azure-functions). Not a stable interface.

#![allow(
    missing_docs,
    unreachable_pub,
    unnameable_types,
    unused_qualifications,
    clippy::all,
    clippy::use_self
)]

include!("protobuf/generated/_.rs");

use prost_types::{ListValue, Struct, value::Kind};
use serde_json::Value;

/// A value of the protocol as JSON.
pub fn json_value(value: prost_types::Value) -> Value {
    match value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::NumberValue(number)) => Value::from(number),
        Some(Kind::StringValue(text)) => Value::String(text),
        Some(Kind::BoolValue(flag)) => Value::Bool(flag),
        Some(Kind::StructValue(members)) => {
            let members = members.fields.into_iter();
            Value::Object(members.map(|(name, value)| (name, json_value(value))).collect())
        }
        Some(Kind::ListValue(list)) => Value::Array(list.values.into_iter().map(json_value).collect()),
    }
}

/// JSON as a value of the protocol, which knows no numbers but those of `f64`.
pub fn protobuf_value(value: &Value) -> prost_types::Value {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(flag) => Kind::BoolValue(*flag),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        Value::String(text) => Kind::StringValue(text.clone()),
        Value::Array(values) => Kind::ListValue(ListValue {
            values: values.iter().map(protobuf_value).collect(),
        }),
        Value::Object(members) => Kind::StructValue(Struct {
            fields: members
                .iter()
                .map(|(name, value)| (name.clone(), protobuf_value(value)))
                .collect(),
        }),
    };
    prost_types::Value { kind: Some(kind) }
}
