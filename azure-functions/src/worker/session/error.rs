//! Why a conversation cannot begin, or breaks off.

use crate::app::startup::StartError;
use std::{error::Error, io};

/// The conversation could not begin or broke off.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum SessionError {
    /// Not an address.
    #[error("`{uri}` is not the address of a host: expected http://HOST:PORT/")]
    Address { uri: String },
    /// No host answers.
    #[error(
        "cannot reach the host at {uri}: {reason}; the app is meant to be started by a running host, for instance by `cargo func run`"
    )]
    Unreachable { uri: String, reason: String },
    /// The stream broke.
    #[error("the connection to the host broke: {reason}")]
    Broken { reason: String },
    /// No runtime for the connection.
    #[error("cannot start the worker: {0}")]
    Runtime(#[source] io::Error),
    /// No threads.
    #[error("cannot start the threads for functions: {0}")]
    Threads(#[source] io::Error),
    /// What the app does before its first function did not succeed.
    #[error(transparent)]
    Start(#[from] StartError),
}

/// What the deepest cause says.
pub(super) fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
