//! What the durable HTTP API is asked, and what it answers.

use std::{io, path::PathBuf, process::ExitCode};

use azure_functions_durable::OrchestrationRuntimeStatus;
use http::StatusCode;
use serde_json::Value;
use url::Url;

use crate::{
    cli::{
        command_result::CommandResult,
        host_client::{Host, HostError, Reply},
    },
    shell::Shell,
};

/// Path of the durable HTTP API.
const DURABLE: [&str; 3] = ["runtime", "webhooks", "durabletask"];

/// Why there is nothing to print.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum DurableError {
    #[error("the host refused ({status}): {said}")]
    Refused { status: StatusCode, said: String },
    #[error("there is no instance `{0}`: `cargo func durable get-instances` lists them")]
    NoInstance(String),
    #[error("instance `{0}` has already ended")]
    Ended(String),
    #[error("the host's answer is not JSON: is this a local host of `cargo func run`?")]
    NoJson(#[source] serde_json::Error),
    #[error("`{}` could not be written", .path.display())]
    Write { path: PathBuf, source: io::Error },
}

/// Reads a status, in any case, as the durable HTTP API does.
pub(super) fn status(text: &str) -> Result<OrchestrationRuntimeStatus, String> {
    let known = OrchestrationRuntimeStatus::ALL.into_iter();
    match known
        .into_iter()
        .find(|status| status.as_str().eq_ignore_ascii_case(text))
    {
        Some(status) => Ok(status),
        // Which there are.
        None => text.parse().map_err(|error| format!("{error}")),
    }
}

/// A page of the durable HTTP API.
pub(super) fn page(host: &Host, segments: &[&str]) -> Result<Url, HostError> {
    host.address(&[&DURABLE[..], segments].concat())
}

/// Prints a JSON answer.
pub(super) fn print(reply: &Reply, shell: Shell) -> CommandResult {
    shell.print(format_args!("{:#}", json(reply)?));
    Ok(ExitCode::SUCCESS)
}

/// 202 is the status of an instance that has not ended.
pub(super) fn checked(reply: Reply, id: Option<&str>) -> Result<Reply, DurableError> {
    match (reply.status, id) {
        (status, _) if status.is_success() => Ok(reply),
        (StatusCode::NOT_FOUND, Some(id)) => Err(DurableError::NoInstance(id.to_owned())),
        (StatusCode::GONE, Some(id)) => Err(DurableError::Ended(id.to_owned())),
        (status, _) => Err(DurableError::Refused {
            status,
            said: said(&reply),
        }),
    }
}

/// What the host says of a failure: an error object, a JSON string, or any text.
fn said(reply: &Reply) -> String {
    match serde_json::from_slice(&reply.body) {
        Ok(Value::String(text)) => text,
        Ok(Value::Object(mut error)) => ["ExceptionMessage", "Message"]
            .iter()
            .find_map(|name| match error.remove(*name)? {
                Value::String(text) => Some(text),
                _ => None,
            })
            .unwrap_or_else(|| Value::Object(error).to_string()),
        _ => String::from_utf8_lossy(&reply.body).trim().to_owned(),
    }
}

pub(super) fn json(reply: &Reply) -> Result<Value, DurableError> {
    serde_json::from_slice(&reply.body).map_err(DurableError::NoJson)
}
