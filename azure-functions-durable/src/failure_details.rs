//! How a failure reads that happened in another process.

#[cfg(feature = "protobuf")]
use crate::protobuf::{TaskFailureDetails, json_value, protobuf_value};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// An error in another process, as the host records it.
///
/// Source: `TaskFailureDetails` of the Durable Task protocol. As JSON it has the names that hosts write, `ErrorType` and so on; those of
/// protobuf's own JSON, `errorType`, are read, too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
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

#[cfg(feature = "protobuf")]
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

#[cfg(feature = "protobuf")]
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

/// Hosts write absent members as null.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_failure_is_read_with_its_causes_and_absent_members() {
        let failure: FailureDetails = serde_json::from_value(json!({
            "ErrorType": "Outer", "ErrorMessage": "no", "StackTrace": null, "Properties": null, "New": 1,
            "InnerFailure": {"errorType": "Inner", "errorMessage": "why", "isNonRetriable": true, "properties": {"a": 1}},
        }))
        .unwrap();
        assert_eq!(failure.to_string(), "no");
        let inner = failure.inner_failure.unwrap();
        assert_eq!(inner.error_type, "Inner");
        assert!(inner.is_non_retriable);
        assert_eq!(inner.properties["a"], 1);
    }
}
