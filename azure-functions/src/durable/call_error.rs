//! Why a call from an orchestration failed.

use super::{
    EntityFailure,
    expected::{a, at},
    replay::{
        history::{Event, History, ScheduledKind},
        http_call::HTTP_ACTIVITY,
    },
    typed::own_error,
};
use crate::instead;
use azure_functions_durable::{EntityIdError, protobuf::TaskFailureDetails};
use prost::Message as _;
use prost_types::{ListValue, Struct, value::Kind};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::{Map, Value};
use std::{error::Error, time::Duration};

/// A failed activity or sub-orchestration, a call that could not be made, an event that cannot be read, or a time limit that passed.
///
/// Every call and every wait of the context fails with this, so that `?` takes all of them: as the error of the orchestration, into
/// an error of your own that has it with `#[from]`, into `anyhow::Error` and `Box<dyn Error + Send + Sync>`.
///
/// ```
/// use azure_functions::prelude::*;
/// # use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, thiserror::Error)]
/// enum OrderError {
///     #[error("the payment failed")]
///     Payment(#[from] PaymentError),
///     #[error(transparent)]
///     Call(#[from] CallError),
/// }
///
/// # #[derive(Debug, Serialize, Deserialize, thiserror::Error)]
/// # #[error("the card was declined")]
/// # struct PaymentError;
/// #
/// # #[func]
/// # fn price(item: String) -> ActivityOutput<usize> {
/// #     item.len().into()
/// # }
/// #
/// # #[func]
/// # fn charge(_amount: usize) -> Result<ActivityOutput<()>, PaymentError> {
/// #     Err(PaymentError)
/// # }
/// #
/// #[func]
/// async fn order(context: DurableOrchestrationContext<String>) -> Result<(), OrderError> {
///     let amount = context.call::<price>(context.input()).await?;
///     // The activity's own error becomes `OrderError::Payment`; `.await?` alone makes `OrderError::Call` of it.
///     context.call::<charge>(amount).returned().await??;
///     Ok(())
/// }
/// ```
///
/// What failed in another function is data from the history: it reads the same in every replay.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The activity failed.
    #[error("{0}")]
    Activity(Box<TaskFailure>),
    /// The sub-orchestration failed or was terminated.
    #[error("{0}")]
    SubOrchestration(Box<TaskFailure>),
    /// The operation of the entity failed.
    #[error("{0}")]
    Entity(#[source] Box<EntityFailure>),
    /// The HTTP request got no answer.
    #[error("{0}")]
    Http(Box<TaskFailure>),
    /// The HTTP request cannot be made. Nothing was sent.
    #[error("the HTTP request cannot be made: {reason}")]
    HttpRequest {
        /// What is wrong with it.
        reason: String,
    },
    /// The host reports the answer to an HTTP request in a form that is not known.
    #[error("the host's report of the answer to the HTTP request cannot be read")]
    HttpResponse {
        /// What serde says.
        source: serde_json::Error,
    },
    /// The app has no such function. The call was not made.
    #[error("there is no {kind} function '{name}' in this app; {}", instead(name, known, *found))]
    NotRegistered {
        /// `activity`, `orchestration` or `entity`.
        kind: &'static str,
        /// Name that was called.
        name: String,
        /// Names of that kind that the app has.
        known: Vec<String>,
        /// What the app has by this name: `activity`, `orchestration` or `entity`.
        found: Option<&'static str>,
    },
    /// The input is not representable as JSON. The call was not made.
    #[error("the input of '{name}' cannot be written as JSON")]
    Input {
        /// Name that was called.
        name: String,
        /// What serde says.
        source: serde_json::Error,
    },
    /// The instance id is not allowed: it breaks the rule of [`check_instance_id`](azure_functions_durable::check_instance_id),
    /// or is that of this instance or its parent. The call was not made.
    #[error("the instance id '{}' of sub-orchestration '{name}' is not allowed: {reason}", .id.escape_debug())]
    InstanceId {
        /// Name that was called.
        name: String,
        /// Id that was given.
        id: String,
        /// The rule it breaks.
        reason: String,
    },
    /// The name or key of an entity is not allowed. The call was not made.
    #[error(transparent)]
    EntityId(#[from] EntityIdError),
    /// A typed event came with a payload of another shape.
    #[error("the payload of event '{event}' is not {}{}", a(expected), at(path))]
    EventPayload {
        /// Name of the event.
        event: &'static str,
        /// Type that was waited for.
        expected: &'static str,
        /// Where in the payload it differs, as in `items[2].price`; `.` is the whole of it.
        path: String,
        /// What serde says.
        source: serde_json::Error,
    },
    /// The limit of [`timeout`](crate::bindings::DurableOrchestrationContext::timeout) passed first.
    #[error("the time limit of {limit:?} passed")]
    TimedOut {
        /// The limit.
        limit: Duration,
    },
    /// The function answered with JSON that cannot be read: nested more than 127 levels deep, with a number that no `f64` holds, or half
    /// of a surrogate pair.
    #[error("the output of '{name}' is JSON that cannot be read")]
    Unreadable {
        /// Name of the function, or entity and operation.
        name: String,
        /// What serde says, with line and column.
        source: serde_json::Error,
    },
    /// A typed call got an output of another shape.
    #[error("the output of '{name}' is not {}{}", a(expected), at(path))]
    Output {
        /// Name of the function.
        name: String,
        /// Type that was asked for.
        expected: &'static str,
        /// Where in the output it differs, as in `items[2].price`; `.` is the whole of it.
        path: String,
        /// What serde says.
        source: serde_json::Error,
    },
}

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
    /// The activity's own error as JSON, if it is one that serde can write; see [`CallError::returned`].
    pub error_json: Option<String>,
}

/// An error in another process, as the host records it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, thiserror::Error)]
#[serde(rename_all = "PascalCase", default)]
#[error("{error_message}")]
#[non_exhaustive]
pub struct FailureDetails {
    /// Type of the error.
    #[serde(deserialize_with = "or_default")]
    pub error_type: String,
    /// Message of the error.
    #[serde(deserialize_with = "or_default")]
    pub error_message: String,
    /// Where it happened.
    pub stack_trace: Option<String>,
    /// What it was caused by.
    #[source]
    pub inner_failure: Option<Box<Self>>,
    /// Whether another attempt is pointless.
    #[serde(deserialize_with = "or_default")]
    pub is_non_retriable: bool,
    /// What the failing side says of it besides, by name.
    #[serde(deserialize_with = "or_default")]
    pub properties: Map<String, Value>,
}

impl FailureDetails {
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

/// How to call what the app has by a name.
fn instead(name: &str, known: &[String], found: Option<&str>) -> String {
    let (what, method) = match found {
        Some("activity") => ("an activity", "call_activity"),
        Some("orchestration") => ("an orchestration", "call_sub_orchestrator"),
        Some("entity") => ("an entity", "call_entity"),
        _ => return instead::instead(name, known),
    };
    format!("'{name}' is {what}: call it with `{method}`")
}

/// Hosts write absent members as null.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl CallError {
    /// What happened, without the name of the function where the host adds it.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::Activity(failure) | Self::SubOrchestration(failure) | Self::Http(failure) => {
                failure.message().to_owned()
            }
            Self::Entity(failure) => failure.message(),
            other => other.to_string(),
        }
    }

    /// The recorded failure, if an activity, a sub-orchestration or an HTTP request was called at all.
    #[must_use]
    pub fn failure(&self) -> Option<&TaskFailure> {
        match self {
            Self::Activity(failure) | Self::SubOrchestration(failure) | Self::Http(failure) => Some(failure),
            _ => None,
        }
    }

    /// The error that the activity returned, if it is of this type. It comes back as itself if it is an [`Error`] that serde can
    /// write and read.
    ///
    /// For predicates of [`RetryOptions::retry_if`](super::RetryOptions::retry_if), and wherever errors of several calls meet. After
    /// one call, [`ActivityCall::returned`](super::ActivityCall::returned) has it with its type known.
    #[must_use]
    pub fn returned<E: DeserializeOwned>(&self) -> Option<E> {
        match self {
            Self::Activity(failure) => serde_json::from_str(failure.error_json.as_deref()?).ok(),
            _ => None,
        }
    }

    /// Whether the failing side says that another attempt is pointless.
    #[must_use]
    pub fn is_non_retriable(&self) -> bool {
        let cause = match self {
            Self::Activity(failure) | Self::SubOrchestration(failure) | Self::Http(failure) => failure.cause.as_ref(),
            Self::Entity(failure) => failure.cause.as_ref(),
            _ => None,
        };
        cause.is_some_and(|cause| cause.is_non_retriable)
    }

    /// Reads the failure event of an HTTP request at `place`.
    pub(crate) fn http_from_history(history: &History, place: usize) -> Self {
        match Self::from_history(history, place, HTTP_ACTIVITY) {
            Self::Activity(failure) => Self::Http(failure),
            other => other,
        }
    }

    /// Reads the failure event at `place`.
    pub(crate) fn from_history(history: &History, place: usize, function: &str) -> Self {
        let Some(Event::Failed {
            kind,
            reason,
            details,
            failure,
            ..
        }) = history.events.get(place)
        else {
            return Self::Activity(TaskFailure::new(function, String::new(), String::new(), None));
        };
        let text = |span| history.text(span).unwrap_or_default().into_owned();
        let cause = history.failure_details(*failure);
        let mut reason = text(*reason);
        if reason.is_empty() && cause.is_none() {
            reason = format!("'{function}' failed, and the host reports no reason: is there a function of this name?");
        }
        let failure = TaskFailure::new(function, reason, text(*details), cause);
        match kind {
            ScheduledKind::SubOrchestration => Self::SubOrchestration(failure),
            _ => Self::Activity(failure),
        }
    }
}

impl TaskFailure {
    fn new(function: &str, mut reason: String, mut details: String, mut cause: Option<FailureDetails>) -> Box<Self> {
        // The same message, wherever the host put it.
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

/// The orchestration's input does not have the shape that was asked for.
#[derive(Debug, thiserror::Error)]
#[error(
    "the input of orchestration instance '{instance_id}' is not {}{}",
    a(expected),
    at(path)
)]
#[non_exhaustive]
pub struct InputError {
    /// The instance.
    pub instance_id: String,
    /// Type that was asked for.
    pub expected: &'static str,
    /// Where in the input it differs, as in `items[2].price`; `.` is the whole of it.
    pub path: String,
    /// What serde says.
    pub source: serde_json::Error,
}

const _: fn() = || {
    fn is_error<T: Error + Send + Sync + 'static>() {}
    is_error::<CallError>();
};
