//! What a gRPC status means to a caller.

use super::super::error::{Cause, OrchestrationClientError, excerpt, with_words};
use super::super::transport::was_sent;
use super::super::wire::ClientWire;
use super::ask::{Ask, Effect, WrongState};
use crate::OrchestrationRuntimeStatus;
use std::error::Error;
use tonic::{Code, Status};

/// Texts of failures that the client's own side of gRPC finds in an answer: it has no other mark for them.
const MALFORMED: [&str; 6] = [
    "failed to decode",
    "protocol error",
    "Error decompressing",
    "Unexpected EOF",
    "Missing response message",
    "Error, decoded message length too large",
];

/// The text for an answer that is not of gRPC at all; the HTTP status follows.
const NO_GRPC: &str = "grpc-status header missing";

/// The failure of the connection, if it was one: what comes from the host has no cause.
fn connection(status: &Status) -> Option<&(dyn Error + 'static)> {
    status.source()
}

fn is_malformed(status: &Status) -> bool {
    matches!(status.code(), Code::Internal | Code::OutOfRange | Code::Unknown)
        && MALFORMED.iter().any(|text| status.message().starts_with(text))
}

/// Whether to make a call again: as the .NET client, but never one that changes something and may have done so.
pub(super) fn may_be_repeated(status: &Status, effect: Effect) -> bool {
    match connection(status) {
        Some(failure) => effect == Effect::Reads || !was_sent(failure),
        None => match status.code() {
            // The host says that it did not take the call.
            Code::ResourceExhausted => true,
            Code::Unavailable => effect == Effect::Reads,
            _ => false,
        },
    }
}

/// What a failed call means.
pub(super) fn error(ask: &Ask<'_>, status: Status, origin: &str, task_hub: &str) -> OrchestrationClientError {
    let operation = ask.operation.to_owned();
    let instance = || ask.instance_id.unwrap_or_default().to_owned();
    if connection(&status).is_some() {
        return broken(operation, status, origin);
    }
    if is_malformed(&status) || (status.message().starts_with(NO_GRPC) && !is_http_refusal(status.code())) {
        let told = format!(
            "what {} answers is not what a Durable Task extension does: {}",
            origin,
            status.message()
        );
        return OrchestrationClientError::InvalidResponse {
            operation,
            source: told.into(),
        };
    }
    let message = excerpt(without_exception(status.message()));
    match status.code() {
        Code::NotFound if ask.instance_id.is_some() => OrchestrationClientError::NotFound {
            operation,
            instance_id: instance(),
            task_hub: ask.task_hub.unwrap_or(task_hub).to_owned(),
        },
        Code::AlreadyExists => OrchestrationClientError::AlreadyExists {
            operation,
            instance_id: instance(),
            message,
        },
        Code::FailedPrecondition => {
            let state = state_in(status.message());
            let ended = match (ask.wrong_state, state) {
                // A purge or a rewind is for ended instances.
                (WrongState::Conflict(_), _) => false,
                (WrongState::AlreadyDone, Some(state)) => state.is_terminal(),
                (WrongState::AlreadyDone, None) => true,
            };
            if ended {
                return OrchestrationClientError::AlreadyDone {
                    operation,
                    instance_id: instance(),
                };
            }
            OrchestrationClientError::Conflict {
                operation,
                instance_id: instance(),
                status: match ask.wrong_state {
                    WrongState::Conflict(code) => code,
                    WrongState::AlreadyDone => 409,
                },
                message,
            }
        }
        Code::InvalidArgument => OrchestrationClientError::BadRequest { operation, message },
        code @ (Code::Unauthenticated | Code::PermissionDenied) => OrchestrationClientError::Unauthorized {
            operation,
            status: if code == Code::Unauthenticated { 401 } else { 403 },
            message: with_words(name(code), status.message()),
        },
        Code::Unimplemented => OrchestrationClientError::unsupported(
            ask.operation,
            ClientWire::Grpc,
            format!("the host, or the storage of its task hub, does not have it: {message}"),
        ),
        code => OrchestrationClientError::UnexpectedGrpc {
            operation,
            code: u16::try_from(i32::from(code)).unwrap_or_default(),
            name: name(code),
            message,
        },
    }
}

fn broken(operation: String, status: Status, origin: &str) -> OrchestrationClientError {
    let sent = connection(&status).is_none_or(was_sent);
    OrchestrationClientError::Transport {
        operation,
        origin: origin.to_owned(),
        sent,
        source: Cause::from(status),
    }
}

/// HTTP statuses that have a meaning of their own in gRPC.
fn is_http_refusal(code: Code) -> bool {
    matches!(code, Code::Unauthenticated | Code::PermissionDenied | Code::Unavailable)
}

/// The extension puts the type of its exception in front of some texts.
fn without_exception(text: &str) -> &str {
    match text.split_once(": ") {
        Some((kind, rest)) if kind.ends_with("Exception") && !kind.contains(' ') => rest,
        _ => text,
    }
}

/// The state that the extension names: `... because instance is in the Completed state.`
fn state_in(text: &str) -> Option<OrchestrationRuntimeStatus> {
    let (_, rest) = text.rsplit_once(" in the ")?;
    rest.split_once(" state")?.0.parse().ok()
}

const fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_is_read_from_the_text_of_the_extension() {
        let text = "InvalidOperationException: Cannot suspend the orchestration instance in the a because instance is in the Suspended state.";
        assert_eq!(state_in(text), Some(OrchestrationRuntimeStatus::Suspended));
        assert_eq!(
            state_in("The orchestration instance with the provided instance id is not running."),
            None
        );
        assert!(without_exception(text).starts_with("Cannot suspend"));
        assert_eq!(without_exception("No instance: it is gone"), "No instance: it is gone");
    }

    #[test]
    fn calls_that_change_something_are_repeated_only_if_they_did_not() {
        let unavailable = Status::unavailable("shutting down");
        assert!(may_be_repeated(&unavailable, Effect::Reads));
        assert!(!may_be_repeated(&unavailable, Effect::Changes));
        let busy = Status::resource_exhausted("later");
        assert!(may_be_repeated(&busy, Effect::Reads) && may_be_repeated(&busy, Effect::Changes));
        let other = Status::internal("no");
        assert!(!may_be_repeated(&other, Effect::Reads));
        let broken = Status::from_error("reset by peer".into());
        assert!(may_be_repeated(&broken, Effect::Reads));
        assert!(!may_be_repeated(&broken, Effect::Changes));
    }
}
