//! An `EntityBatchRequest` in, an `EntityBatchResult` out.

use super::{
    answer::timestamp,
    failure,
    fields::{Fields, Malformed, Value},
    request::property,
};
use crate::{
    durable::wire::Trigger,
    durable_wire::Wire,
    entities::batch::{
        Batch, BatchAnswer, EntityAction, OperationFailure, OperationRequest, OperationResult, Signal, Start,
    },
};
use azure_functions_durable::{
    EntityId, EntityIdError, TraceContext,
    protobuf::{
        self, EntityBatchResult, OperationAction, OperationResult as Ended, OperationResultFailure,
        OperationResultSuccess, SendSignalAction, StartNewOrchestrationAction, operation_action::OperationActionType,
        operation_result::ResultType,
    },
};
use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::{DateTime, TimeDelta, Utc};
use prost::Message as _;
use prost_types::value::Kind;
use std::{borrow::Cow, sync::Arc, time::Duration};

/// Why a request is no batch that can be run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BatchError {
    #[error("the entity trigger payload is not base64: {0}")]
    Base64(#[from] base64::DecodeError),
    #[error("the entity trigger payload is not the message of a batch of operations: {0}")]
    Malformed(#[from] Malformed),
    #[error("the entity trigger payload names no entity: {0}")]
    Id(#[from] EntityIdError),
}

/// A request that cannot be run, with what of the state was read. The answer must give it back: without it the host deletes the state.
#[derive(Debug)]
pub(crate) struct Unread {
    pub(crate) error: BatchError,
    state: Option<String>,
}

fn message_of(trigger: &Trigger) -> Result<Cow<'_, [u8]>, BatchError> {
    Ok(match trigger {
        Trigger::Text(text) => BASE64_STANDARD.decode(text.trim_ascii())?.into(),
        Trigger::Message(message) => Cow::Borrowed(message),
    })
}

#[derive(Default)]
struct Collected {
    id: String,
    state: Option<String>,
    operations: Vec<OperationRequest>,
    without_state: bool,
    in_session: bool,
    idle_seconds: f64,
}

/// Reads a request.
///
/// # Errors
/// If it is no batch; [`refuse`] answers it.
pub(crate) fn read(trigger: &Trigger) -> Result<Batch, Unread> {
    let mut found = Collected::default();
    let checked = message_of(trigger)
        .and_then(|message| Ok(found.read(&message)?))
        .and_then(|()| Ok(found.id.parse()?));
    match checked {
        Ok(id) => Ok(Batch {
            wire: Wire::Protobuf,
            id,
            exists: found.state.is_some(),
            state: found.state.filter(|state| !state.is_empty()).map(Arc::from),
            without_state: found.without_state,
            session: found
                .in_session
                .then(|| Duration::try_from_secs_f64(found.idle_seconds).unwrap_or_default()),
            operations: found.operations,
        }),
        Err(error) => Err(Unread {
            error,
            state: found.state,
        }),
    }
}

impl Collected {
    /// A field that cannot be read does not hide the others: an answer has to give the state back.
    fn read(&mut self, message: &[u8]) -> Result<(), Malformed> {
        let mut read = Ok(());
        for field in Fields(message) {
            let field = field.and_then(|(number, value)| self.field(number, value));
            read = read.and(field);
        }
        read
    }

    fn field(&mut self, number: u64, value: Value<'_>) -> Result<(), Malformed> {
        match number {
            1 => self.id = value.strict_text()?.to_owned(),
            2 => {
                let text = value.strict_wrapped_text()?;
                let state = self.state.get_or_insert_default();
                if let Some(text) = text {
                    text.clone_into(state);
                }
            }
            3 => self.operations.push(operation(value)?),
            4 => match property(value.strict_bytes()?)? {
                ("IncludeState", Some(Kind::BoolValue(included))) => self.without_state = !included,
                ("IsExtendedSession", Some(Kind::BoolValue(in_session))) => self.in_session = in_session,
                ("ExtendedSessionIdleTimeoutInSeconds", Some(Kind::NumberValue(idle))) => self.idle_seconds = idle,
                _ => {}
            },
            _ => {}
        }
        Ok(())
    }
}

fn operation(value: Value<'_>) -> Result<OperationRequest, Malformed> {
    let mut operation = OperationRequest {
        name: String::new(),
        input: None,
        is_signal: None,
        request_id: String::new(),
        trace: None,
    };
    for field in Fields(value.strict_bytes()?) {
        match field? {
            (1, value) => operation.name = value.strict_text()?.to_owned(),
            (2, value) => operation.request_id = value.strict_text()?.to_owned(),
            (3, value) => {
                if let Some(input) = value.strict_wrapped_text()? {
                    operation.input = Some(input.to_owned()).filter(|input| !input.is_empty());
                }
            }
            // What is malformed is not there: it is no reason not to run.
            (4, value) => {
                let trace = protobuf::TraceContext::decode(value.bytes());
                operation.trace = trace.ok().and_then(|trace| TraceContext::from_message(&trace));
            }
            _ => {}
        }
    }
    Ok(operation)
}

/// Writes the answer.
pub(crate) fn write(answer: &BatchAnswer<'_>) -> EntityBatchResult {
    let actions = (0..).zip(answer.actions).map(|(id, action)| OperationAction {
        id,
        operation_action_type: Some(match action {
            EntityAction::Signal(signal) => OperationActionType::SendSignal(sent(signal)),
            EntityAction::Start(start) => OperationActionType::StartNewOrchestration(started(start)),
        }),
    });
    EntityBatchResult {
        results: answer.results.iter().map(ended).collect(),
        actions: actions.collect(),
        // What exists has a state, if only `null`.
        entity_state: answer.exists.then(|| answer.state.unwrap_or("null").to_owned()),
        ..EntityBatchResult::default()
    }
}

fn sent(signal: &Signal) -> SendSignalAction {
    SendSignalAction {
        instance_id: signal.target.to_string(),
        name: signal.name.clone(),
        input: given(&signal.input),
        scheduled_time: signal.at.map(timestamp),
        request_time: Some(timestamp(signal.asked)),
        parent_trace_context: signal.trace.as_ref().map(Into::into),
    }
}

fn started(start: &Start) -> StartNewOrchestrationAction {
    StartNewOrchestrationAction {
        instance_id: start.instance_id.clone(),
        name: start.name.clone(),
        // As other workers say that there is none.
        version: Some(String::new()),
        input: given(&start.input),
        scheduled_time: start.at.map(timestamp),
        request_time: Some(timestamp(start.asked)),
        parent_trace_context: start.trace.as_ref().map(Into::into),
    }
}

fn given(input: &str) -> Option<String> {
    Some(input).filter(|input| *input != "null").map(str::to_owned)
}

fn ended(result: &OperationResult) -> Ended {
    let (start, end) = times(result);
    let result_type = match &result.ended {
        Ok(result) => ResultType::Success(OperationResultSuccess {
            result: result.clone(),
            start_time_utc: Some(timestamp(start)),
            end_time_utc: Some(timestamp(end)),
        }),
        Err(failure) => ResultType::Failure(OperationResultFailure {
            failure_details: Some(match failure {
                OperationFailure::Error(error) => failure::of_function(error),
                OperationFailure::Panic(text) => failure::of_text("panic", text),
            }),
            start_time_utc: Some(timestamp(start)),
            end_time_utc: Some(timestamp(end)),
        }),
    };
    Ended {
        result_type: Some(result_type),
    }
}

fn times(result: &OperationResult) -> (DateTime<Utc>, DateTime<Utc>) {
    let duration = TimeDelta::from_std(result.duration).unwrap_or_default();
    let end = result.began.checked_add_signed(duration);
    (result.began, end.unwrap_or(result.began))
}

/// The answer to a request that cannot be run. The invocation itself does not fail: of that the host would tell a worse text.
pub(crate) fn refuse(unread: &Unread) -> EntityBatchResult {
    fail(unread.state.clone(), "unreadable batch", &unread.error.to_string())
}

/// The answer to a batch without its state, which is not kept either: the host gives the batch again, with the state.
pub(crate) fn need_state() -> EntityBatchResult {
    EntityBatchResult {
        requires_state: true,
        ..EntityBatchResult::default()
    }
}

/// The answer for a batch that came to no end: each operation fails, and the state is what the request says.
pub(crate) fn failed(trigger: &Trigger, error_type: &str, reason: &str) -> EntityBatchResult {
    let state = match read(trigger) {
        Ok(batch) if batch.without_state => return need_state(),
        Ok(batch) => batch
            .exists
            .then(|| batch.state.as_deref().unwrap_or("null").to_owned()),
        Err(unread) => unread.state,
    };
    fail(state, error_type, reason)
}

fn fail(entity_state: Option<String>, error_type: &str, reason: &str) -> EntityBatchResult {
    EntityBatchResult {
        entity_state,
        failure_details: Some(failure::of_text(error_type, reason)),
        ..EntityBatchResult::default()
    }
}

/// Which entity a batch is for.
///
/// # Errors
/// If it is no batch.
pub(crate) fn addressee(text: &str) -> Result<EntityId, BatchError> {
    let message = BASE64_STANDARD.decode(text.trim_ascii())?;
    let mut found = Collected::default();
    found.read(&message)?;
    Ok(found.id.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::shown::shows;

    #[test]
    fn a_recorded_batch_is_read_with_its_state_and_operations() {
        let recorded = include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/recorded/entity_batches.tsv"
        ));
        let batches: Vec<_> = recorded
            .lines()
            .filter_map(|line| line.strip_prefix("entity_batch\t")?.split('\t').next())
            .map(|request| read(&request.to_owned().into()).unwrap())
            .collect();
        let [first, second, third] = &*batches else {
            panic!("{batches:?}")
        };
        assert_eq!((first.exists, first.state.as_deref()), (false, None));
        for batch in [second, third] {
            assert_eq!((batch.id.name(), batch.id.key()), ("counter", "batch"));
            assert_eq!((batch.exists, batch.state.as_deref()), (true, Some("1")));
            assert_eq!((batch.without_state, batch.session), (false, None));
        }
        assert_eq!(second.operations[0].request_id, "a8431c9d-e802-4271-a06c-64fd09dd1266");
        let asked = |batch: &Batch| -> Vec<_> {
            let operations = batch.operations.iter();
            operations
                .map(|operation| format!("{} {}", operation.name, operation.input.as_deref().unwrap_or("-")))
                .collect()
        };
        assert_eq!(asked(first), ["add 1"]);
        assert_eq!(asked(second), ["slow 2500"]);
        assert_eq!(
            asked(third),
            ["add 10", "fail \"in a batch\"", "add 100", "get -", "nosuchoperation -"]
        );
    }

    shows!(ENTITY_TRIGGER, Decoding: a_recorded_batch_is_read_with_its_state_and_operations);
}
