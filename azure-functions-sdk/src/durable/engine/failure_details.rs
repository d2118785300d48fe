//! Why something failed, as a worker of the protobuf wire tells it: type, message, causes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The type of a failure of which only a text is known, as the extension has it.
const UNKNOWN_TYPE: &str = "(unknown)";

/// A failure and its chain of causes. Its JSON is that of DurableTask, which stands in histories and in the answers of entities.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct FailureDetails {
    /// Type of the error, in the words of the worker's language.
    pub(crate) error_type: String,
    /// What happened.
    pub(crate) error_message: String,
    /// Where, if the worker says so.
    pub(crate) stack_trace: Option<String>,
    /// What it was caused by.
    pub(crate) inner_failure: Option<Box<Self>>,
    /// No retry policy is to try again.
    pub(crate) is_non_retriable: bool,
    /// What the worker has added.
    pub(crate) properties: BTreeMap<String, Value>,
}

impl FailureDetails {
    /// A failure of which there is only a text.
    pub(crate) fn of_text(text: &str) -> Self {
        Self {
            error_type: UNKNOWN_TYPE.to_owned(),
            error_message: text.to_owned(),
            ..Self::default()
        }
    }

    /// For the parent of an instance that was terminated for a reason, which may be empty.
    pub(crate) fn of_termination(reason: &str) -> Self {
        Self {
            error_type: "OrchestrationTerminated".to_owned(),
            error_message: match reason {
                "" => "The sub-orchestration was terminated.".to_owned(),
                reason => format!("The sub-orchestration was terminated: {reason}"),
            },
            ..Self::default()
        }
    }

    /// What the text of an activity's exception says. Workers write one line of JSON, in the form that protobuf gives to
    /// `TaskFailureDetails`; in any other text, `TYPE: MESSAGE`, the extension takes what it can get.
    pub(crate) fn of_exception(text: &str) -> Self {
        if let Some(details) = Self::structured(text) {
            return details;
        }
        let text = text.trim();
        let line = text.lines().next().unwrap_or_default();
        match line.split_once(": ") {
            Some((error_type, message)) if !error_type.trim().is_empty() => Self {
                error_type: error_type.to_owned(),
                error_message: message.to_owned(),
                ..Self::default()
            },
            _ => Self::of_text(text),
        }
    }

    /// The line of JSON of an exception, if it is one.
    pub(crate) fn structured(text: &str) -> Option<Self> {
        const PREFIX: &str = "ActivityMiddleware.StructuredActivityFailure: ";
        let line = text.trim().lines().next()?;
        let json = line.strip_prefix(PREFIX).unwrap_or(line);
        let read: Structured = serde_json::from_str(json).ok()?;
        (!read.error_type.is_empty() || !read.error_message.is_empty()).then(|| read.into())
    }

    /// `TYPE: MESSAGE`, the output of an instance that failed so.
    pub(crate) fn in_words(&self) -> String {
        format!("{}: {}", self.error_type.trim(), self.error_message)
    }

    /// This failure and those behind it.
    pub(crate) fn chain(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |details| details.inner_failure.as_deref())
    }

    /// The JSON of DurableTask.
    pub(crate) fn to_json(&self) -> String {
        // Texts, a flag and JSON values are always JSON.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// The same in proto3 JSON.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Structured {
    #[serde(alias = "error_type")]
    error_type: String,
    #[serde(alias = "error_message")]
    error_message: String,
    #[serde(alias = "stack_trace")]
    stack_trace: Option<String>,
    #[serde(alias = "inner_failure")]
    inner_failure: Option<Box<Self>>,
    #[serde(alias = "is_non_retriable")]
    is_non_retriable: bool,
    properties: BTreeMap<String, Value>,
}

impl From<Structured> for FailureDetails {
    fn from(read: Structured) -> Self {
        Self {
            error_type: read.error_type,
            error_message: read.error_message,
            stack_trace: read.stack_trace,
            inner_failure: read.inner_failure.map(|inner| Box::new(Self::from(*inner))),
            is_non_retriable: read.is_non_retriable,
            properties: read.properties,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_of_one_line_of_json_is_read_with_its_causes() {
        let line = r#"{"errorType":"app::Error","errorMessage":"a\nb","innerFailure":{"errorType":"io","errorMessage":"c"},"isNonRetriable":true,"properties":{"n":1.5}}"#;
        for text in [
            line.to_owned(),
            format!("{line}\nStack: at main"),
            format!("ActivityMiddleware.StructuredActivityFailure: {line}"),
        ] {
            let details = FailureDetails::of_exception(&text);
            assert_eq!(
                (details.error_type.as_str(), details.error_message.as_str()),
                ("app::Error", "a\nb")
            );
            assert_eq!(details.chain().count(), 2);
            assert!(details.is_non_retriable);
            assert_eq!(details.properties["n"], 1.5);
            assert_eq!(
                serde_json::from_str::<FailureDetails>(&details.to_json()).unwrap(),
                details
            );
        }
    }

    #[test]
    fn any_other_exception_is_split_at_its_first_colon_or_is_of_no_known_type() {
        for (text, error_type, message) in [
            ("io::Error: no such file: x\nmore", "io::Error", "no such file: x"),
            ("it broke", "(unknown)", "it broke"),
            // What the host has left of a line of JSON.
            (
                r#"{"errorType":"a","errorMessage":"[Hidden Credential]"#,
                "(unknown)",
                r#"{"errorType":"a","errorMessage":"[Hidden Credential]"#,
            ),
            ("", "(unknown)", ""),
            ("null", "(unknown)", "null"),
        ] {
            let details = FailureDetails::of_exception(text);
            assert_eq!(
                (details.error_type.as_str(), details.error_message.as_str()),
                (error_type, message)
            );
        }
    }
}
