//! Why a call from an orchestration failed.

use super::{
    EntityFailure, TaskFailure,
    expected::{a, at},
};
use crate::{durable_wire::Unsupported, instead};
use azure_functions_durable::EntityIdError;
use serde::de::DeserializeOwned;
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
    #[error("the instance id '{}' for '{name}' is not allowed: {reason}", .id.escape_debug())]
    InstanceId {
        /// Name that was called, or of the event.
        name: String,
        /// Id that was given.
        id: String,
        /// The rule it breaks.
        reason: String,
    },
    /// The wire that this host speaks has no place for what was asked. The call was not made, nothing was sent.
    /// [The chapter on the two wires](crate::guide::wires) says what each has.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// The name of a tag is one that the durable extension keeps for itself. The call was not made.
    #[error("the tag '{}' of '{name}' is not allowed: the durable extension uses names that begin with '{RESERVED_TAGS}' itself", .tag.escape_debug())]
    Tag {
        /// Name that was called.
        name: String,
        /// The tag.
        tag: String,
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

/// How the tags begin that the durable extension sets.
pub(super) const RESERVED_TAGS: &str = "MS_DurableFunctions_";

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

crate::error_type::known_error!(CallError, "azure_functions::durable::CallError");

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
