//! An `OrchestratorResponse`, the return value of an orchestration's function.

use azure_functions_durable::protobuf::OrchestratorResponse;
use base64::{Engine, prelude::BASE64_STANDARD};
use prost::Message as _;

use crate::durable::work::{ReturnValue, WorkResult};

/// Why an answer is none: the instance fails with it at once, as with the extension, which tries nothing again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::durable::engine) enum UnusableAnswer {
    #[error(
        "The function invocation resulted in a null response. This means that either the orchestrator function was implemented \
         incorrectly, or the worker is not sending the function result back to the host."
    )]
    Nothing,
    #[error("The answer is not a valid Base-64 string: {0}.")]
    NotBase64(#[from] base64::DecodeError),
    #[error("The answer is not an OrchestratorResponse: {0}.")]
    Malformed(#[from] prost::DecodeError),
    /// The invocation failed, and says this.
    #[error("{0}")]
    Failed(String),
    #[error("Received unsupported action type '{0}'.")]
    UnsupportedAction(&'static str),
    #[error("Action {0} has no type that this host knows.")]
    UnknownAction(i32),
    #[error("The timer of action {0} has no time, or one that is out of range.")]
    NoTime(i32),
    #[error("{0}")]
    Entity(String),
    #[error("The event of action {0} is for no instance.")]
    NoTarget(i32),
    #[error("The completion has the status {0}, which no orchestration ends with.")]
    Status(i32),
    /// The extension's words: it makes an exception of every failure, which has to have a name.
    #[error("The value cannot be an empty string. (Parameter 'name'): a failure has no error type.")]
    NoErrorType,
    #[error("The worker asks for the history that it was given.")]
    HistoryAgain,
    #[error("{0}")]
    CustomStatus(String),
    #[error("The action id {0} is negative, or given twice.")]
    Id(i32),
    #[error("The {0} that the orchestration gives is JSON that cannot be read back: {1}.")]
    Unreadable(&'static str, String),
    #[error("The orchestration asked for more than {0} actions at once, which is the limit (maxOrchestrationActions).")]
    TooMany(usize),
}

/// Reads an answer.
pub(in crate::durable::engine) fn read(answer: &WorkResult) -> Result<OrchestratorResponse, UnusableAnswer> {
    let text = match answer {
        WorkResult::Succeeded(ReturnValue::Text(text) | ReturnValue::Json(text)) => text,
        WorkResult::Succeeded(_) => return Err(UnusableAnswer::Nothing),
        WorkResult::Failed(message) => return Err(UnusableAnswer::Failed(message.clone())),
    };
    if text.is_empty() {
        return Err(UnusableAnswer::Nothing);
    }
    Ok(OrchestratorResponse::decode(BASE64_STANDARD.decode(text)?.as_slice())?)
}
