//! What a worker's result means: the state of an orchestrator, the result of an activity, or a failure of either.

use azure_functions_durable::protobuf::ActivityResponse;
use chrono::{DateTime, Utc};
use serde_json::value::RawValue;

use super::{
    action::Answer,
    answer::parse,
    event::{Failure, json_string},
    exception_text::blanked,
    failure_details::FailureDetails,
    message::Message,
    text::compact,
};
use crate::durable::{
    json,
    work::{ReturnValue, Wire, WorkResult},
};

/// Separates the text for people from the state of a failed orchestrator.
const LABEL: &str = "\n\n$OutOfProcData$:";

/// Reads an orchestrator's answer of at most so many actions. The error is what the orchestration fails with at once.
pub(super) fn read(answer: &WorkResult, max_actions: usize) -> Result<Answer<'_>, String> {
    let message = match answer {
        // A returned state with an error text makes the extension stumble; here it is the failure that was meant.
        WorkResult::Succeeded(ReturnValue::Json(text) | ReturnValue::Text(text)) => return parse(text, max_actions),
        WorkResult::Succeeded(_) => return Err("the orchestrator function returned no state".to_owned()),
        WorkResult::Failed(message) => message_text(message),
    };
    let Some((friendly, state)) = message.split_once(LABEL) else {
        return Err(or_unknown(message));
    };
    let mut answer = parse(state.trim(), max_actions).map_err(|problem| {
        if friendly.trim().is_empty() {
            problem
        } else {
            format!("{}\n{problem}", friendly.trim())
        }
    })?;
    if answer.error.is_none() {
        // With the extension, the instance would stay Running for ever.
        answer.error = Some(or_unknown(friendly).into());
    }
    Ok(answer)
}

fn or_unknown(text: &str) -> String {
    if text.trim().is_empty() {
        "the worker gave no reason".to_owned()
    } else {
        text.trim().to_owned()
    }
}

/// The host puts the worker's message between labels, of which the extension looks for the second.
fn message_text(message: &str) -> &str {
    message.split_once("\nStack:").map_or(message, |(text, _)| text)
}

/// The message that ends an activity.
pub(crate) fn activity_ended(
    at: DateTime<Utc>,
    execution_id: &str,
    task_id: i32,
    name: &str,
    wire: Wire,
    result: &WorkResult,
) -> Message {
    match result {
        WorkResult::Succeeded(value) => match activity_result(value) {
            Ok(result) => Message::task_completed(at, execution_id, task_id, result),
            Err(text) => Message::task_failed(at, execution_id, task_id, activity_failure(name, &text)),
        },
        WorkResult::Failed(message) => {
            let failure = match wire {
                // A worker that speaks the other wire to other instances may word the failure for that.
                Wire::Json => match FailureDetails::structured(message_text(message)) {
                    Some(details) => activity_failure(name, &details.error_message),
                    None => activity_failure(name, message),
                },
                Wire::Protobuf | Wire::Stream => structured_failure(message),
            };
            Message::task_failed(at, execution_id, task_id, failure)
        }
    }
}

/// The message that ends an activity which a worker of a stream has run: its result and its failure are taken as they are.
pub(crate) fn activity_answered(
    at: DateTime<Utc>,
    execution_id: &str,
    task_id: i32,
    response: ActivityResponse,
) -> Message {
    let details = match (response.failure_details, response.result) {
        (Some(details), _) => FailureDetails::from(details),
        (None, result) => match result.as_deref().map(json::check_if_json) {
            Some(Err(error)) => FailureDetails {
                error_type: "InvalidResult".to_owned(),
                error_message: format!("the result of the activity cannot be read back: {error}"),
                ..FailureDetails::default()
            },
            _ => return Message::task_completed(at, execution_id, task_id, result),
        },
    };
    Message::task_failed(at, execution_id, task_id, Failure::of_details(details))
}

/// JSON text of an activity's return value. The error is what the activity fails with.
fn activity_result(value: &ReturnValue) -> Result<Option<String>, String> {
    Ok(match value {
        ReturnValue::None => None,
        ReturnValue::Json(text) => Some(match serde_json::from_str::<&RawValue>(text) {
            Ok(value) => {
                json::check(text).map_err(|error| format!("its result cannot be read back: {error}"))?;
                compact(value)
            }
            Err(_) => json_string(text),
        }),
        ReturnValue::Text(text) => Some(json_string(text)),
        ReturnValue::Bytes(bytes) => Some(json_string(&base64::Engine::encode(
            &base64::engine::general_purpose::STANDARD,
            bytes,
        ))),
        ReturnValue::Integer(number) => Some(number.to_string()),
        // JSON has no infinities.
        ReturnValue::Double(number) => Some(serde_json::to_string(number).unwrap_or_else(|_| "null".to_owned())),
    })
}

/// What the extension makes of an exception where failures have details.
fn structured_failure(message: &str) -> Failure {
    let text = message_text(message);
    Failure::of_details(FailureDetails::of_exception(&blanked(text)))
}

/// How an activity's failure reads in history; `message` is the worker's exception message, or says how the worker
/// failed to answer.
pub(crate) fn activity_failure(name: &str, message: &str) -> Failure {
    let text = message_text(message);
    let text = text.split_once(LABEL).map_or(text, |(text, _)| text);
    // The second blank is the extension's: it cuts the host's text behind a colon.
    Failure::text(format!("Activity function '{name}' failed:  {text}"))
}

/// The failure of an activity whose worker process ended, as the extension has it from the host.
pub(crate) fn activity_crashed(name: &str, exited: &str) -> Failure {
    Failure::text(format!("Activity function '{name}' failed: {exited}"))
}

/// The failure of a call to an activity that the app does not have.
pub(crate) fn activity_missing(name: &str) -> Failure {
    let reason = format!("Activity function '{name}' failed: Activity function '{name}' does not exist.");
    Failure::text(reason)
}
