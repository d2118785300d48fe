//! What a host records of a failed task.

use super::typed::own_error;

pub use azure_functions_durable::FailureDetails;

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
            && let Some((place, found)) = details_in(&reason)
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

/// Where in a reason the details of a failure begin, and what they are: an object behind the words that the host puts first.
fn details_in(reason: &str) -> Option<(usize, FailureDetails)> {
    let place = reason.find('{')?;
    let words = reason[..place].trim_end();
    if !(words.is_empty() || words.ends_with(':')) || !reason[place..].starts_with("{\"errorType\":") {
        return None;
    }
    let mut found = serde_json::Deserializer::from_str(&reason[place..]).into_iter();
    Some((place, found.next()?.ok()?))
}
