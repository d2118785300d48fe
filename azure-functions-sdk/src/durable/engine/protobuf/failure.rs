//! `TaskFailureDetails`.

use azure_functions_durable::protobuf::TaskFailureDetails;
use prost_types::{ListValue, Struct, Value, value::Kind};
use serde_json::{Map, Number, Value as Json};

use crate::durable::engine::{event::Failure, failure_details::FailureDetails};

impl From<&FailureDetails> for TaskFailureDetails {
    fn from(details: &FailureDetails) -> Self {
        Self {
            error_type: details.error_type.clone(),
            error_message: details.error_message.clone(),
            stack_trace: details.stack_trace.clone(),
            inner_failure: details.inner_failure.as_deref().map(|inner| Box::new(inner.into())),
            is_non_retriable: details.is_non_retriable,
            properties: details
                .properties
                .iter()
                .map(|(name, value)| (name.clone(), to_value(value)))
                .collect(),
        }
    }
}

impl From<TaskFailureDetails> for FailureDetails {
    fn from(details: TaskFailureDetails) -> Self {
        Self {
            error_type: details.error_type,
            error_message: details.error_message,
            stack_trace: details.stack_trace,
            inner_failure: details.inner_failure.map(|inner| Box::new(Self::from(*inner))),
            is_non_retriable: details.is_non_retriable,
            properties: details
                .properties
                .into_iter()
                .map(|(name, value)| (name, to_json(value)))
                .collect(),
        }
    }
}

/// The details of a failure. Where the extension has none, the text that there is; it may have no text either.
pub(super) fn details(failure: &Failure) -> Option<TaskFailureDetails> {
    match &failure.cause {
        Some(cause) => Some((&**cause).into()),
        None if failure.reason.is_empty() => None,
        None => Some((&FailureDetails::of_text(&failure.reason)).into()),
    }
}

fn to_value(json: &Json) -> Value {
    let kind = match json {
        Json::Null => Kind::NullValue(0),
        Json::Bool(flag) => Kind::BoolValue(*flag),
        Json::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        Json::String(text) => Kind::StringValue(text.clone()),
        Json::Array(list) => Kind::ListValue(ListValue {
            values: list.iter().map(to_value).collect(),
        }),
        Json::Object(members) => Kind::StructValue(Struct {
            fields: members
                .iter()
                .map(|(name, value)| (name.clone(), to_value(value)))
                .collect(),
        }),
    };
    Value { kind: Some(kind) }
}

fn to_json(value: Value) -> Json {
    match value.kind {
        None | Some(Kind::NullValue(_)) => Json::Null,
        Some(Kind::BoolValue(flag)) => Json::Bool(flag),
        // JSON has no infinities.
        Some(Kind::NumberValue(number)) => Number::from_f64(number).map_or(Json::Null, Json::Number),
        Some(Kind::StringValue(text)) => Json::String(text),
        Some(Kind::ListValue(list)) => Json::Array(list.values.into_iter().map(to_json).collect()),
        Some(Kind::StructValue(members)) => {
            let members: Map<String, Json> = members
                .fields
                .into_iter()
                .map(|(name, value)| (name, to_json(value)))
                .collect();
            Json::Object(members)
        }
    }
}
