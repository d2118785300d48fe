//! What a host records of a failed task.

use super::typed::own_error;
use azure_functions_durable::protobuf::TaskFailureDetails;
use prost::Message as _;
use prost_types::{ListValue, Struct, value::Kind};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// What the host records of a failed task.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
#[non_exhaustive]
pub struct TaskFailure {
    /// Name of the function that failed.
    pub function: String,
    /// What happened, for people: `Activity function 'x' failed: …`.
    pub reason: String,
    /// More of it; often the text of an exception.
    pub details: String,
    /// The error as the failing side described it, where the host records that.
    #[source]
    pub cause: Option<FailureDetails>,
    /// The activity's own error as JSON, if it is one that serde can write; see [`CallError::returned`](super::CallError::returned).
    pub error_json: Option<String>,
}

impl TaskFailure {
    /// On the JSON wire: an own error stands in a message, wherever the host put that.
    pub(crate) fn on_json(
        function: &str,
        mut reason: String,
        mut details: String,
        mut cause: Option<FailureDetails>,
    ) -> Box<Self> {
        // What the worker wrote for a host that speaks protobuf, this one passes on as it is.
        if cause.is_none()
            && let Some((place, found)) = FailureDetails::in_reason(&reason)
        {
            reason.truncate(place);
            reason.push_str(&found.error_message);
            return Self::on_protobuf(function, reason, Some(found));
        }
        let mut error_json = own_error::take(&mut reason);
        error_json = own_error::take(&mut details).or(error_json);
        let mut failure = cause.as_mut();
        while let Some(this) = failure {
            error_json = error_json.or(own_error::take(&mut this.error_message));
            failure = this.inner_failure.as_deref_mut();
        }
        Box::new(Self {
            function: function.to_owned(),
            reason,
            details,
            cause,
            error_json,
        })
    }

    /// On the protobuf wire: an own error is a property.
    pub(crate) fn on_protobuf(function: &str, reason: String, mut cause: Option<FailureDetails>) -> Box<Self> {
        let mut error_json = None;
        let mut failure = cause.as_mut();
        while let Some(this) = failure {
            error_json = error_json.or(own_error::take_property(&mut this.properties));
            failure = this.inner_failure.as_deref_mut();
        }
        Box::new(Self {
            function: function.to_owned(),
            reason,
            details: String::new(),
            cause,
            error_json,
        })
    }

    /// The reason without the words that the host puts before it.
    #[must_use]
    pub fn message(&self) -> &str {
        for kind in ["Activity", "Orchestrator"] {
            let rest = self
                .reason
                .strip_prefix(kind)
                .and_then(|r| r.strip_prefix(" function '"));
            if let Some((_, message)) = rest.and_then(|r| r.split_once("' failed:")) {
                return message.trim_start();
            }
        }
        &self.reason
    }
}

/// An error in another process, as the host records it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, thiserror::Error)]
#[serde(rename_all = "PascalCase", default)]
#[error("{error_message}")]
#[non_exhaustive]
pub struct FailureDetails {
    /// Type of the error.
    #[serde(alias = "errorType", deserialize_with = "or_default")]
    pub error_type: String,
    /// Message of the error.
    #[serde(alias = "errorMessage", deserialize_with = "or_default")]
    pub error_message: String,
    /// Where it happened.
    #[serde(alias = "stackTrace")]
    pub stack_trace: Option<String>,
    /// What it was caused by.
    #[serde(alias = "innerFailure")]
    #[source]
    pub inner_failure: Option<Box<Self>>,
    /// Whether another attempt is pointless.
    #[serde(alias = "isNonRetriable", deserialize_with = "or_default")]
    pub is_non_retriable: bool,
    /// What the failing side says of it besides, by name.
    #[serde(alias = "properties", deserialize_with = "or_default")]
    pub properties: Map<String, Value>,
}

impl FailureDetails {
    /// Where in a reason it begins, and what it is: an object behind the words that the host puts first.
    fn in_reason(reason: &str) -> Option<(usize, Self)> {
        let place = reason.find('{')?;
        let words = reason[..place].trim_end();
        if !(words.is_empty() || words.ends_with(':')) || !reason[place..].starts_with("{\"errorType\":") {
            return None;
        }
        let mut found = serde_json::Deserializer::from_str(&reason[place..]).into_iter();
        Some((place, found.next()?.ok()?))
    }

    /// Reads a `TaskFailureDetails`; `None` if it is none.
    pub(crate) fn decode(message: &[u8]) -> Option<Self> {
        TaskFailureDetails::decode(message).ok().map(Self::from)
    }
}

impl From<TaskFailureDetails> for FailureDetails {
    fn from(details: TaskFailureDetails) -> Self {
        let properties = details.properties.into_iter();
        Self {
            error_type: details.error_type,
            error_message: details.error_message,
            stack_trace: details.stack_trace,
            inner_failure: details.inner_failure.map(|inner| Box::new(Self::from(*inner))),
            is_non_retriable: details.is_non_retriable,
            properties: properties.map(|(name, value)| (name, json_value(value))).collect(),
        }
    }
}

impl From<&FailureDetails> for TaskFailureDetails {
    fn from(details: &FailureDetails) -> Self {
        let properties = details.properties.iter();
        Self {
            error_type: details.error_type.clone(),
            error_message: details.error_message.clone(),
            stack_trace: details.stack_trace.clone(),
            inner_failure: details
                .inner_failure
                .as_deref()
                .map(|inner| Box::new(Self::from(inner))),
            is_non_retriable: details.is_non_retriable,
            properties: properties
                .map(|(name, value)| (name.clone(), protobuf_value(value)))
                .collect(),
        }
    }
}

fn json_value(value: prost_types::Value) -> Value {
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

fn protobuf_value(value: &Value) -> prost_types::Value {
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

/// Hosts write absent members as null.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
