//! What can go wrong between a client and the host.
//!
//! No variant, message or source holds a host key: texts that come from the host pass through [`excerpt`] first.

use super::wire::ClientWire;
use std::error::Error;
use std::time::Duration;

/// The cause below an [`OrchestrationClientError`].
pub(crate) type Cause = Box<dyn Error + Send + Sync>;

/// Why the client could not do what it was asked to.
///
/// `operation` says what that was, with the name or instance id concerned: ``terminate instance `order-7` ``. The errors are the same
/// over HTTP and over gRPC; the [front page](crate#what-errors-mean) has a table of the codes that become them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OrchestrationClientError {
    /// The task hub has no such instance (HTTP 404, gRPC `NOT_FOUND`).
    #[error("cannot {operation}: task hub `{task_hub}` has no such instance")]
    NotFound {
        /// What the client was asked to do.
        operation: String,
        /// The instance that was looked for.
        instance_id: String,
        /// Where it was looked for.
        task_hub: String,
    },
    /// An instance with the wanted id exists and has not ended (HTTP 409; 500 from older hosts; gRPC `ALREADY_EXISTS`).
    #[error(
        "cannot {operation}: {}; take another id, or wait until that instance has ended (one that has ended is kept only if the start names \
         its state in `keep_existing`)",
        message.trim_end_matches('.')
    )]
    AlreadyExists {
        /// What the client was asked to do.
        operation: String,
        /// The id that is taken.
        instance_id: String,
        /// What the host said.
        message: String,
    },
    /// The instance has already ended (HTTP 410, gRPC `FAILED_PRECONDITION`). To a caller who wanted it to end this may be a success.
    #[error("cannot {operation}: the instance has already ended")]
    AlreadyDone {
        /// What the client was asked to do.
        operation: String,
        /// The instance that has ended.
        instance_id: String,
    },
    /// The app has no orchestration of this name. Only hosts of version 4 check that, and over HTTP alone: over gRPC, and with version 3 of
    /// the extension, the instance is started and fails.
    #[error("cannot {operation}: {message}")]
    UnknownOrchestration {
        /// What the client was asked to do.
        operation: String,
        /// What the host said.
        message: String,
    },
    /// The host refused the request itself (HTTP 400, gRPC `INVALID_ARGUMENT`), such as a signal to an entity that the app does not have.
    #[error("cannot {operation}: {message}")]
    BadRequest {
        /// What the client was asked to do.
        operation: String,
        /// What the host said.
        message: String,
    },
    /// The state of the instance does not allow the operation (HTTP 409 or 412; 500 from older hosts; gRPC
    /// `FAILED_PRECONDITION`): a rewind of an instance that has not failed, a purge of one that runs, a suspension of one that is
    /// suspended.
    #[error("cannot {operation}: the state of the instance does not allow it: {message}")]
    Conflict {
        /// What the client was asked to do.
        operation: String,
        /// The instance concerned.
        instance_id: String,
        /// The status code of the answer; over gRPC, the one that the durable HTTP API has for it.
        status: u16,
        /// What the host said.
        message: String,
    },
    /// The host refused the key in the request, or wants one (HTTP 401 or 403, gRPC `UNAUTHENTICATED` or `PERMISSION_DENIED`).
    #[error(
        "cannot {operation}: the host refused the key ({message}); make the client of a fresh durable client binding"
    )]
    Unauthorized {
        /// What the client was asked to do.
        operation: String,
        /// The status code of the answer; over gRPC, the one that HTTP has for it.
        status: u16,
        /// The status in the words of the wire, `HTTP 401` or `UNAUTHENTICATED`, and what the host said.
        message: String,
    },
    /// The host answered with a status code that this operation does not have.
    #[error("cannot {operation}: unexpected answer with HTTP status {status}: {body}")]
    Unexpected {
        /// What the client was asked to do.
        operation: String,
        /// The status code of the answer.
        status: u16,
        /// The host's message, or the beginning of the body, without keys.
        body: String,
    },
    /// The host answered over gRPC with a status code that this operation does not have.
    #[error("cannot {operation}: the host answered with gRPC status {code} ({name}): {message}")]
    UnexpectedGrpc {
        /// What the client was asked to do.
        operation: String,
        /// The number of the gRPC status.
        code: u16,
        /// Its name, such as `INTERNAL`.
        name: &'static str,
        /// What the host said, without keys.
        message: String,
    },
    /// The host answered, but not with what the operation answers.
    #[error("cannot {operation}: the answer of the host is not of the expected form")]
    InvalidResponse {
        /// What the client was asked to do.
        operation: String,
        /// What was wrong with the answer.
        #[source]
        source: Cause,
    },
    /// The request did not reach the host, or its answer did not arrive.
    #[error("cannot {operation}: no answer from {origin} ({})", root(source.as_ref()))]
    Transport {
        /// What the client was asked to do.
        operation: String,
        /// Scheme, host and port of the host's API.
        origin: String,
        /// Whether the request was under way when the connection failed, so that the host may have acted on it.
        sent: bool,
        /// The failure of the connection.
        #[source]
        source: Cause,
    },
    /// The host did not answer in time; the request may still have had its effect.
    #[error("cannot {operation}: no answer within {} s", after.as_secs_f64())]
    Timeout {
        /// What the client was asked to do.
        operation: String,
        /// How long the client waited.
        after: Duration,
    },
    /// The address is `https`, and this client speaks plain http only.
    #[error(
        "cannot {operation}: {origin} needs TLS, which this client does not have; let the host offer its local RPC \
         endpoint (`localRpcEndpointEnabled` in host.json), which is plain http on loopback"
    )]
    TlsUnavailable {
        /// What the client was asked to do.
        operation: String,
        /// Scheme, host and port of the host's API.
        origin: String,
    },
    /// The text is not the data of a durable client binding, or lacks what the operation needs.
    #[error("the data of the durable client binding cannot be used: {message}")]
    InvalidBinding {
        /// What is wrong with it.
        message: String,
        /// The failure to read it, if it was one.
        #[source]
        source: Option<Cause>,
    },
    /// The binding only offers a protocol that this build does not speak: gRPC needs the feature `grpc`.
    #[error("the durable client binding cannot be used: {message}")]
    UnsupportedBinding {
        /// What it offers, and what to do.
        message: String,
    },
    /// This way to the host does not have the operation, or one of its options. If the client knows so, nothing was sent.
    #[error("cannot {operation} over {wire}: {message}")]
    Unsupported {
        /// What the client was asked to do.
        operation: String,
        /// The way that does not have it.
        wire: ClientWire,
        /// What is missing, and what to do instead.
        message: String,
    },
    /// An argument was refused before anything was sent.
    #[error("cannot {operation}: {message}")]
    InvalidInput {
        /// What the client was asked to do.
        operation: String,
        /// Which argument, and the rule it breaks.
        message: String,
        /// The failure to serialize it, if it was one.
        #[source]
        source: Option<Cause>,
    },
}

impl OrchestrationClientError {
    /// The instance this is about, where the error knows one.
    pub fn instance_id(&self) -> Option<&str> {
        match self {
            Self::NotFound { instance_id, .. }
            | Self::AlreadyExists { instance_id, .. }
            | Self::AlreadyDone { instance_id, .. }
            | Self::Conflict { instance_id, .. } => Some(instance_id),
            _ => None,
        }
    }

    /// The status code of the host's answer, where one came and decided.
    pub fn status_code(&self) -> Option<u16> {
        match self {
            Self::NotFound { .. } => Some(404),
            Self::AlreadyExists { .. } => Some(409),
            Self::AlreadyDone { .. } => Some(410),
            Self::UnknownOrchestration { .. } | Self::BadRequest { .. } => Some(400),
            Self::Conflict { status, .. } | Self::Unauthorized { status, .. } | Self::Unexpected { status, .. } => {
                Some(*status)
            }
            _ => None,
        }
    }

    /// Whether the host may have done what it was asked to, although there is this error: the answer was not waited for, did not
    /// arrive, or says that the outcome is unknown. A caller who repeats a start, an event or a signal then may do it twice.
    pub fn may_have_had_its_effect(&self) -> bool {
        match self {
            Self::Timeout { .. } => true,
            Self::Transport { sent, .. } => *sent,
            Self::Unexpected { status, .. } => *status == 504,
            // Unknown, deadline exceeded, aborted, internal, unavailable: the host does not say how far it came.
            Self::UnexpectedGrpc { code, .. } => matches!(code, 2 | 4 | 10 | 13 | 14),
            _ => false,
        }
    }

    pub(crate) fn unsupported(operation: &str, wire: ClientWire, message: impl Into<String>) -> Self {
        Self::Unsupported {
            operation: operation.to_owned(),
            wire,
            message: message.into(),
        }
    }

    pub(crate) fn binding(message: impl Into<String>) -> Self {
        Self::InvalidBinding {
            message: message.into(),
            source: None,
        }
    }

    pub(crate) fn input(operation: &str, message: impl Into<String>) -> Self {
        Self::InvalidInput {
            operation: operation.to_owned(),
            message: message.into(),
            source: None,
        }
    }
}

/// The innermost cause: "connection refused" says more than "client error".
fn root<'a>(mut error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    while let Some(source) = error.source() {
        error = source;
    }
    error
}

/// A status with what the host said of it, if anything.
pub(crate) fn with_words(status: &str, said: &str) -> String {
    match said.trim() {
        "" => status.to_owned(),
        said => format!("{status}: {}", excerpt(said)),
    }
}

/// The beginning of a text from the host, without the values of `code=` (the host's keys).
pub(crate) fn excerpt(text: &str) -> String {
    const MAX_CHARS: usize = 600;
    let mut rest = text.trim();
    let mut clean = String::new();
    while let Some(at) = find_key(rest) {
        clean.push_str(&rest[..at]);
        clean.push_str("***");
        // A key ends where a query parameter, a JSON string, an escape (`\u0026`) or a markup attribute ends.
        let key = &rest[at..];
        rest = &key[key
            .find(|c: char| c.is_whitespace() || matches!(c, '&' | '"' | '\'' | '\\' | '<' | '>' | '#'))
            .unwrap_or(key.len())..];
    }
    clean.push_str(rest);
    match clean.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => {
            clean.truncate(end);
            clean.push('…');
            clean
        }
        None if clean.is_empty() => "(empty)".to_owned(),
        None => clean,
    }
}

/// Where the value of the next `code=` begins. `statuscode=` counts too: rather one value too many than a key.
fn find_key(text: &str) -> Option<usize> {
    const NAME: &[u8] = b"code=";
    text.as_bytes()
        .windows(NAME.len())
        .position(|window| window.eq_ignore_ascii_case(NAME))
        .map(|at| at + NAME.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_short_and_has_no_keys() {
        assert_eq!(
            excerpt(r#" {"uri":"http://h/x?taskHub=T&Code=s3cr3t==&a=1","next":"?code=zwei\u0026b=2"} "#),
            r#"{"uri":"http://h/x?taskHub=T&Code=***&a=1","next":"?code=***\u0026b=2"}"#
        );
        assert_eq!(excerpt("?code=s3cr3t"), "?code=***");
        assert_eq!(excerpt("  "), "(empty)");
        assert_eq!(excerpt(&"ü".repeat(2000)).chars().count(), 601);
    }

    #[test]
    fn an_error_can_cross_threads_and_keeps_its_cause() {
        fn check<E: Error + Send + Sync + 'static>(_: &E) {}
        let error = OrchestrationClientError::Transport {
            operation: "query all instances".to_owned(),
            origin: "http://127.0.0.1:1".to_owned(),
            sent: false,
            source: "connection refused".into(),
        };
        check(&error);
        assert_eq!(error.source().unwrap().to_string(), "connection refused");
        assert_eq!(
            error.to_string(),
            "cannot query all instances: no answer from http://127.0.0.1:1 (connection refused)"
        );
    }
}
