//! Answers that a server does not take as they are. Given back, their item would run again and end the same way, for ever: so they are
//! replaced by a failure that says so.

use super::server::Completion;
use crate::durable::failed_response;
use azure_functions_durable::protobuf::{
    ActivityResponse, EntityBatchResult, OrchestratorResponse, TaskFailureDetails,
};
use prost::Message;
use tonic::{Code, Status};

/// Bytes that every server takes in a message. Of a smaller one "resource exhausted" is about other messages: it is sent again.
const TAKEN_BY_ALL: usize = 1 << 20;

/// The type of such a failure.
const ERROR_TYPE: &str = "AnswerRefused";

/// What is sent in place of an answer that is refused.
pub(super) struct Replacement(Completion);

impl Replacement {
    /// For an answer. `old_state` is that of the entity before the batch.
    pub(super) fn of(answer: &Completion, old_state: Option<String>) -> Self {
        Self(match answer {
            Completion::Orchestration(response) => Completion::Orchestration(OrchestratorResponse {
                instance_id: response.instance_id.clone(),
                completion_token: response.completion_token.clone(),
                orchestration_trace_context: response.orchestration_trace_context.clone(),
                ..OrchestratorResponse::default()
            }),
            Completion::Activity(response) => Completion::Activity(ActivityResponse {
                instance_id: response.instance_id.clone(),
                completion_token: response.completion_token.clone(),
                task_id: response.task_id,
                ..ActivityResponse::default()
            }),
            Completion::Entity(result) => Completion::Entity(EntityBatchResult {
                completion_token: result.completion_token.clone(),
                operation_infos: result.operation_infos.clone(),
                entity_state: old_state,
                ..EntityBatchResult::default()
            }),
        })
    }

    /// With the reason. `part` is what was refused; it takes the place of this part and of those behind it.
    pub(super) fn because(self, reason: &str, part: &Completion) -> Completion {
        let size = size(part);
        let message = format!(
            "the Durable Task server does not take the answer of {size} bytes ({reason}): return less, or keep the value elsewhere and \
             return where it is"
        );
        let details = TaskFailureDetails {
            error_type: ERROR_TYPE.to_owned(),
            error_message: message,
            // It would end the same way.
            is_non_retriable: true,
            ..TaskFailureDetails::default()
        };
        match self.0 {
            Completion::Orchestration(mut response) => {
                let id = response.instance_id.clone();
                response.actions = failed_response(id, &details.error_type, &details.error_message).actions;
                if let Completion::Orchestration(part) = part
                    && let Some(number @ 1..) = part.chunk_index
                {
                    response.chunk_index = Some(number);
                    response.num_events_processed = Some(0);
                }
                Completion::Orchestration(response)
            }
            Completion::Activity(response) => Completion::Activity(ActivityResponse {
                failure_details: Some(details),
                ..response
            }),
            Completion::Entity(result) => Completion::Entity(EntityBatchResult {
                failure_details: Some(details),
                ..result
            }),
        }
    }
}

/// Whether a server refuses the answer for what it is.
pub(super) fn is_of_answer(status: &Status, answer: &Completion) -> bool {
    match status.code() {
        Code::OutOfRange | Code::InvalidArgument => true,
        Code::ResourceExhausted => !is_of_load(status, answer),
        _ => false,
    }
}

/// Whether a server has too much to do.
pub(super) fn is_of_load(status: &Status, answer: &Completion) -> bool {
    status.code() == Code::ResourceExhausted && size(answer) < TAKEN_BY_ALL
}

fn size(answer: &Completion) -> usize {
    match answer {
        Completion::Orchestration(response) => response.encoded_len(),
        Completion::Activity(response) => response.encoded_len(),
        Completion::Entity(result) => result.encoded_len(),
    }
}
