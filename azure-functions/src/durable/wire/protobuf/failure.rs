//! An error as the `TaskFailureDetails` that a host records and hands on.

use crate::{
    FunctionError,
    causes::add_cause,
    durable::{CallError, own_error},
    error_type::known,
};
use azure_functions_durable::protobuf::TaskFailureDetails;
use std::error::Error;

/// How many causes of causes are told.
const DEPTH: usize = 16;

/// What stands for a type that is not known. The host refuses an empty one, and with it the whole answer.
pub(super) const UNKNOWN: &str = "error";

/// A text as a failure.
pub(crate) fn of_text(error_type: &str, text: &str) -> TaskFailureDetails {
    TaskFailureDetails {
        error_type: if error_type.is_empty() { UNKNOWN } else { error_type }.to_owned(),
        error_message: text.to_owned(),
        ..TaskFailureDetails::default()
    }
}

/// An error that an orchestration failed with, and what it was caused by. The causes stand in its message, too: it is all that a host on
/// Azure Storage shows of the failure.
pub(super) fn of_error(error: &(dyn Error + 'static), error_type: &str) -> TaskFailureDetails {
    let mut details = of_text(error_type, &error.to_string());
    details.inner_failure = inner(error, DEPTH).map(Box::new);
    let mut cause = details.inner_failure.as_deref();
    while let Some(this) = cause {
        add_cause(&mut details.error_message, &this.error_message);
        cause = this.inner_failure.as_deref();
    }
    details.is_non_retriable = is_non_retriable(error);
    details
}

/// Whether another attempt is pointless, as far as the error says.
fn is_non_retriable(error: &(dyn Error + 'static)) -> bool {
    match error.downcast_ref::<FunctionError>() {
        Some(error) => error.is_non_retriable(),
        None => error.downcast_ref().is_some_and(CallError::is_non_retriable),
    }
}

/// What a function failed with: its message, what caused it, and its own error if that travels.
pub(crate) fn of_function(error: &FunctionError) -> TaskFailureDetails {
    let mut details = of_text(error.error_type(), &error.to_string());
    // Most of them are the function's own error in our words, which are its own.
    let own = error.source().filter(|own| own.to_string() == details.error_message);
    let told = own.unwrap_or(error);
    details.inner_failure = inner(told, DEPTH).map(Box::new);
    details.is_non_retriable = is_non_retriable(error) || is_non_retriable(told);
    if let Some(json) = error.own_error() {
        own_error::put(&mut details.properties, json);
    }
    details
}

/// What lies behind an error: of a failed call what the other side reported, of others their source.
fn inner(error: &(dyn Error + 'static), depth: usize) -> Option<TaskFailureDetails> {
    let depth = depth.checked_sub(1)?;
    if let Some(call) = error.downcast_ref::<CallError>()
        && let Some(failure) = call.failure()
    {
        return Some(match &failure.cause {
            Some(cause) => with_types(cause.into()),
            None => of_text(UNKNOWN, failure.message()),
        });
    }
    let source = error.source()?;
    let mut details = of_text(known(source), &source.to_string());
    details.inner_failure = inner(source, depth).map(Box::new);
    Some(details)
}

/// No level may be without a type.
fn with_types(mut details: TaskFailureDetails) -> TaskFailureDetails {
    let mut level = Some(&mut details);
    while let Some(this) = level {
        if this.error_type.is_empty() {
            this.error_type.push_str(UNKNOWN);
        }
        level = this.inner_failure.as_deref_mut();
    }
    details
}
