//! A batch of operations on the protobuf wire: `EntityBatchRequest`, and the `EntityBatchResult` that the worker answers with.

use azure_functions_durable::{
    TraceContext,
    protobuf::{
        EntityBatchResult, EntityRequest, HistoryEvent, OperationRequest, history_event::EventType,
        operation_action::OperationActionType, operation_result::ResultType,
    },
};
use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::{DateTime, Utc};
use prost::{
    Message,
    encoding::{message, string},
};
use prost_types::{Timestamp, value::Kind};

use super::{
    of_call, of_signal,
    request::{poll_delay, property, session},
    timestamp,
};
use crate::durable::{
    engine::{
        entity::{
            Done, Entity, EntityId, Request, Turn, Unfinished,
            answer::{Answer, OperationResult, Refused, Signal, Start, check},
        },
        event::EntityOperation,
        failure_details::FailureDetails,
        settings::Settings,
        time::time_of,
    },
    work::{ReturnValue, WorkResult},
};

impl<'a> Turn<'a> {
    /// What the entity trigger delivers on the protobuf wire; `None`: nothing in this turn needs the worker. `with_state`: a worker may
    /// have kept the state since the last batch, and need not have it.
    pub(crate) fn batch(&self, settings: &Settings, with_state: bool) -> Option<String> {
        self.operations().next()?;
        Some(payload(self.entity, self.operations(), settings, with_state))
    }

    /// What a worker of a stream gets; `None`: nothing in this turn needs a worker.
    pub(crate) fn request(&self, now: DateTime<Utc>) -> Option<EntityRequest> {
        self.operations().next()?;
        Some(request(self.entity, self.operations(), now))
    }

    /// Whether the worker has not kept the state, and has to have it.
    pub(crate) fn needs_state(answer: &WorkResult) -> bool {
        needs_state(answer)
    }

    /// Decides by the answer to the batch. `new_id` gives a fresh id for every signal.
    pub(crate) fn finish_batch(
        self,
        answer: &WorkResult,
        now: DateTime<Utc>,
        new_id: &mut dyn FnMut() -> String,
    ) -> Done {
        let answer = read(answer, self.operation_count());
        self.finish_read(answer, now, new_id)
    }

    /// Decides by the message that a worker of a stream answers with. One operation fails by itself if that cannot be taken; several, of
    /// which others may end well, are to be divided.
    pub(crate) fn finish_result(
        self,
        result: EntityBatchResult,
        now: DateTime<Utc>,
        new_id: &mut dyn FnMut() -> String,
    ) -> Result<Done, Unfinished<'a>> {
        match read_result(result, self.operation_count()) {
            Err(Refused::Unreadable(reason)) if self.operation_count() > 1 => Err(Unfinished::Unreadable(self, reason)),
            answer => Ok(self.finish_read(answer, now, new_id)),
        }
    }
}

/// What the entity trigger delivers. Without the state, the worker has kept it since the last batch.
fn payload<'a>(
    entity: &Entity,
    batch: impl Iterator<Item = &'a Request>,
    settings: &Settings,
    with_state: bool,
) -> String {
    let mut out = Vec::new();
    string::encode(1, &entity.id.to_string(), &mut out);
    if let Some(state) = entity.state.as_ref().filter(|_| entity.exists && with_state) {
        message::encode(2, state, &mut out);
    }
    for request in batch {
        let operation = OperationRequest {
            operation: request.op.clone().unwrap_or_default(),
            request_id: request.id.clone(),
            input: request.input.clone(),
            trace_context: request.trace.as_ref().map(Into::into),
        };
        message::encode(3, &operation, &mut out);
    }
    if settings.session_idle.is_some() {
        let (name, value) = poll_delay(settings);
        property(4, name, value, &mut out);
        for (name, value) in session(settings, with_state) {
            property(4, name, value, &mut out);
        }
    }
    let rollback = Kind::BoolValue(true);
    property(4, "RollbackEntityOperationsOnExceptions", rollback, &mut out);
    BASE64_STANDARD.encode(&out)
}

/// What a worker of a stream gets. Locks are the hub's affair: a worker drops what it is told of them.
fn request<'a>(entity: &Entity, batch: impl Iterator<Item = &'a Request>, now: DateTime<Utc>) -> EntityRequest {
    let target = entity.id.to_string();
    let operation_requests = batch.map(|request| {
        let mut operation = EntityOperation {
            request_id: guid_of(&request.id),
            operation: request.op.clone().unwrap_or_default(),
            input: request.input.clone(),
            target_instance_id: target.clone(),
            scheduled_time: None,
            parent_instance_id: None,
            parent_execution_id: None,
        };
        HistoryEvent {
            event_id: -1,
            timestamp: Some(timestamp(now)),
            event_type: Some(if request.signal {
                EventType::EntityOperationSignaled(of_signal(&operation))
            } else {
                operation.parent_instance_id.clone_from(&request.parent);
                operation.parent_execution_id.clone_from(&request.parent_execution);
                EventType::EntityOperationCalled(of_call(&operation))
            }),
        }
    });
    EntityRequest {
        operation_requests: operation_requests.collect(),
        entity_state: entity.state.clone().filter(|_| entity.exists),
        instance_id: target,
        execution_id: String::new(),
    }
}

/// Workers of .NET take nothing else for the id of a request, and give the whole batch back for ever. Ids of other workers' orchestrations
/// may be none: answers go by their place in the batch.
fn guid_of(id: &str) -> String {
    let guid =
        uuid::Uuid::try_parse(id).unwrap_or_else(|_| uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, id.as_bytes()));
    guid.to_string()
}

/// Whether the worker has not kept the state, and has to have it.
fn needs_state(answer: &WorkResult) -> bool {
    decode(answer).is_ok_and(|result| result.requires_state)
}

/// Reads the answer to so many operations. What is no answer fails the operations, as with the extension: nothing is tried
/// again.
fn read(answer: &WorkResult, operations: usize) -> Result<Answer, Refused> {
    read_result(decode(answer).map_err(Refused::Unreadable)?, operations)
}

/// Reads the message that a worker has answered so many operations with.
fn read_result(result: EntityBatchResult, operations: usize) -> Result<Answer, Refused> {
    if result.requires_state {
        let text = "the entity function asks for the state that it was given";
        return Err(Refused::Unreadable(text.to_owned()));
    }
    let mut results: Vec<OperationResult> = result.results.into_iter().map(ended).collect::<Result<_, _>>()?;
    if let Some(details) = result.failure_details {
        let details = FailureDetails::from(details);
        results.resize_with(results.len().max(operations), || {
            OperationResult::failed(details.clone())
        });
    }
    if results.is_empty() || results.len() > operations {
        let results = results.len();
        return Err(Refused::Unreadable(format!(
            "the entity function answered with {results} results to {operations} operations"
        )));
    }
    let mut answer = Answer {
        entity_exists: result.entity_state.is_some(),
        entity_state: result.entity_state,
        results,
        signals: Vec::new(),
        starts: Vec::new(),
    };
    for action in result.actions {
        match action.operation_action_type {
            Some(OperationActionType::SendSignal(signal)) => answer.signals.push(Signal {
                target: EntityId::parse(&signal.instance_id).map_err(Refused::Unreadable)?,
                name: signal.name,
                input: signal.input,
                due: signal.scheduled_time.map(instant).transpose()?,
                trace: signal
                    .parent_trace_context
                    .as_ref()
                    .and_then(TraceContext::from_message),
            }),
            Some(OperationActionType::StartNewOrchestration(start)) => answer.starts.push(Start {
                instance_id: start.instance_id,
                name: start.name,
                version: start.version,
                input: start.input,
                due: start.scheduled_time.map(instant).transpose()?,
                trace: start.parent_trace_context.as_ref().and_then(TraceContext::from_message),
            }),
            None => {
                let text = format!(
                    "action {} of the entity function has no type that this host knows",
                    action.id
                );
                return Err(Refused::Unreadable(text));
            }
        }
    }
    check(&answer).map_err(Refused::Unreadable)?;
    Ok(answer)
}

fn decode(answer: &WorkResult) -> Result<EntityBatchResult, String> {
    let text = match answer {
        WorkResult::Succeeded(ReturnValue::Text(text) | ReturnValue::Json(text)) if !text.is_empty() => text,
        WorkResult::Succeeded(_) => return Err("the entity function returned nothing".to_owned()),
        WorkResult::Failed(message) => return Err(format!("the entity function failed: {message}")),
    };
    let bytes = BASE64_STANDARD
        .decode(text)
        .map_err(|error| format!("the entity function's answer is not a valid Base-64 string: {error}"))?;
    EntityBatchResult::decode(bytes.as_slice())
        .map_err(|error| format!("the entity function's answer is not an EntityBatchResult: {error}"))
}

fn ended(result: azure_functions_durable::protobuf::OperationResult) -> Result<OperationResult, Refused> {
    match result.result_type {
        Some(ResultType::Success(success)) => Ok(OperationResult {
            is_error: false,
            result: success.result,
            details: None,
        }),
        Some(ResultType::Failure(failure)) => {
            let details = failure.failure_details.map(FailureDetails::from);
            Ok(OperationResult::failed(
                details.unwrap_or_else(|| FailureDetails::of_text("")),
            ))
        }
        None => Err(Refused::Unreadable(
            "a result of the entity function is neither a success nor a failure".to_owned(),
        )),
    }
}

fn instant(time: Timestamp) -> Result<DateTime<Utc>, Refused> {
    time_of(time.seconds, time.nanos)
        .ok_or_else(|| Refused::Unreadable("a time in the entity function's answer is out of range".to_owned()))
}
