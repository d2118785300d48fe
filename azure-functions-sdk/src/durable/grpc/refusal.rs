//! The statuses that calls end with.

use crate::durable::{engine::runtime_status::RuntimeStatus, hub::request_error::RequestError};

/// Status codes of gRPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Code {
    /// The call cannot be what was meant.
    InvalidArgument = 3,
    /// What is asked for may have happened, and may not.
    DeadlineExceeded = 4,
    /// There is no such instance.
    NotFound = 5,
    /// An instance has this id.
    AlreadyExists = 6,
    /// There is too much of something.
    ResourceExhausted = 8,
    /// The instance is in another state.
    FailedPrecondition = 9,
    /// The service has no such method.
    Unimplemented = 12,
    /// The host has a problem.
    Internal = 13,
    /// Nothing can be written at present; nothing has happened.
    Unavailable = 14,
}

/// Why a call was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct Refused {
    /// The status code.
    pub code: Code,
    /// The text of the status.
    pub message: String,
}

impl Refused {
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    pub(super) fn no_instance(id: &str) -> Self {
        Self::new(
            Code::NotFound,
            format!("No instance with ID '{id}' was found. (Parameter 'instanceId')"),
        )
    }

    /// The extension names the exception of those that its framework throws.
    pub(super) fn no_instance_for_framework(id: &str) -> Self {
        let Self { code, message } = Self::no_instance(id);
        Self::new(code, format!("ArgumentException: {message}"))
    }

    pub(super) fn wrong_state(operation: &str, id: &str, status: RuntimeStatus) -> Self {
        Self::new(
            Code::FailedPrecondition,
            format!(
                "InvalidOperationException: Cannot {operation} the orchestration instance {id} because instance is in the {} state.",
                status.name()
            ),
        )
    }
}

impl From<RequestError> for Refused {
    fn from(error: RequestError) -> Self {
        let code = match &error {
            RequestError::NotFound => Code::NotFound,
            RequestError::Ended(_)
            | RequestError::WrongState(_)
            | RequestError::NotFailed(_)
            | RequestError::FailedLocked { .. } => Code::FailedPrecondition,
            RequestError::InUse(_) => Code::AlreadyExists,
            RequestError::InvalidJson(_)
            | RequestError::InvalidId(_)
            | RequestError::InvalidQuery(_)
            | RequestError::InvalidEntity(_)
            | RequestError::UnknownFunction(_) => Code::InvalidArgument,
            RequestError::Unavailable(_) => Code::Unavailable,
            RequestError::Unconfirmed(_) => Code::DeadlineExceeded,
            RequestError::Damaged(_) | RequestError::Broken(_) => Code::Internal,
        };
        Self::new(code, error.to_string())
    }
}
