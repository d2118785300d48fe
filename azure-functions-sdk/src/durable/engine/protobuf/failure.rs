//! `TaskFailureDetails`.

use azure_functions_durable::protobuf::{TaskFailureDetails, json_value, protobuf_value};

use crate::durable::{
    engine::{
        event::{Event, EventKind, Failure},
        failure_details::FailureDetails,
    },
    work::Wire,
};

impl From<&FailureDetails> for TaskFailureDetails {
    fn from(details: &FailureDetails) -> Self {
        Self {
            error_type: details.error_type.clone(),
            error_message: details.error_message.clone(),
            stack_trace: details.stack_trace.clone(),
            inner_failure: details.inner_failure.as_deref().map(|inner| Box::new(inner.into())),
            is_non_retriable: details.is_non_retriable,
            properties: details
                .properties
                .iter()
                .map(|(name, value)| (name.clone(), protobuf_value(value)))
                .collect(),
        }
    }
}

impl From<TaskFailureDetails> for FailureDetails {
    fn from(details: TaskFailureDetails) -> Self {
        Self {
            error_type: details.error_type,
            error_message: details.error_message,
            stack_trace: details.stack_trace,
            inner_failure: details.inner_failure.map(|inner| Box::new(Self::from(*inner))),
            is_non_retriable: details.is_non_retriable,
            properties: details
                .properties
                .into_iter()
                .map(|(name, value)| (name, json_value(value)))
                .collect(),
        }
    }
}

/// Why an execution failed whose last events these are.
pub(crate) fn of_end(events: &[Event]) -> Option<TaskFailureDetails> {
    let end = events.iter().rev().find_map(|event| match &event.kind {
        EventKind::ExecutionCompleted(end) => Some(end),
        _ => None,
    })?;
    match (&end.failure, &end.result) {
        (Some(failure), _) => Some((&**failure).into()),
        (None, Some(reason)) => Some((&FailureDetails::of_text(reason)).into()),
        (None, None) => None,
    }
}

/// The details of a failure. Where there are none, the text that there is. There may be no text either: the extension then gives no
/// details, and a worker of a stream may not survive that.
pub(super) fn details(failure: &Failure, wire: Wire) -> Option<TaskFailureDetails> {
    match &failure.cause {
        Some(cause) => Some((&**cause).into()),
        None if !failure.reason.is_empty() => Some((&FailureDetails::of_text(&failure.reason)).into()),
        None if wire == Wire::Stream => Some((&FailureDetails::of_text("It failed, and gave no reason.")).into()),
        None => None,
    }
}
