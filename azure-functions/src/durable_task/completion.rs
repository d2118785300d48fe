//! Sends what comes of an item until the server has it, in parts if it is large.

use super::{
    back_off::between,
    refusal::{self, Replacement},
    server::{Completion, Kind, Server},
};
use crate::{durable::EndedExecution, spans};
use azure_functions_durable::protobuf::OrchestratorResponse;
use prost::Message;
use std::{error::Error, time::Duration};
use tokio::time::{Instant, sleep};
use tonic::{Code, Status};

/// Bytes that the actions of one message have at most, if there are several: what workers of .NET send, below the 4 MiB that servers take.
const LARGEST_PART: usize = 3_900_000;

/// The limit of the first pause between two attempts.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The highest limit.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// For how long an answer is sent again. A server that has been away for longer has given the item out anew, or will.
const PATIENCE: Duration = Duration::from_secs(300);

/// What comes of an item.
pub(super) struct Answer {
    pub(super) completion: Completion,
    /// Of an entity: its state before the batch.
    pub(super) old_state: Option<String>,
    /// Of an orchestration: the execution, if it has ended and its span is made when the server has the answer.
    pub(super) ended: Option<Box<EndedExecution>>,
}

impl From<Completion> for Answer {
    fn from(completion: Completion) -> Self {
        Self {
            completion,
            old_state: None,
            ended: None,
        }
    }
}

/// Sends an answer; `old_state` is that of the entity before a batch. An answer that the server refuses for what it is becomes a failure.
/// What the server did not take, it is given back: `kind` and `token` say what.
pub(super) async fn send(server: &dyn Server, kind: Kind, token: &str, answer: Answer, whose: &str) {
    let Answer {
        completion,
        old_state,
        ended,
    } = answer;
    let replacement = Replacement::of(&completion, old_state);
    let parts = match completion {
        Completion::Orchestration(response) => parts(response, LARGEST_PART)
            .into_iter()
            .map(Completion::Orchestration)
            .collect(),
        other => vec![other],
    };
    let begun = Instant::now();
    for part in parts {
        let Err(status) = send_part(server, &part, begun).await else {
            continue;
        };
        let mut refused = told(&status);
        if refusal::is_of_answer(&status, &part) {
            log::error!("the server did not take the answer of {whose}, which fails: {refused}");
            let failure = replacement.because(&refused, &part);
            match send_part(server, &failure, begun).await {
                Ok(()) => {
                    if let Some(ended) = ended {
                        spans::orchestration(ended.failed_with(refused));
                    }
                    return;
                }
                Err(status) => refused = told(&status),
            }
        }
        log::warn!("the server did not take the answer of {whose}, which is given back: {refused}");
        return abandon(server, kind, token, whose).await;
    }
    if let Some(ended) = ended {
        spans::orchestration(*ended);
    }
}

/// Gives an item back.
pub(super) async fn abandon(server: &dyn Server, kind: Kind, token: &str, whose: &str) {
    if let Err(status) = server.abandon(kind, token.to_owned()).await {
        // Then its stream ends sooner or later, and the server gives it out again.
        log::warn!("the server did not take back {whose}: {}", told(&status));
    }
}

async fn send_part(server: &dyn Server, part: &Completion, begun: Instant) -> Result<(), Status> {
    let mut limit = FIRST_PAUSE;
    loop {
        let status = match server.complete(part.clone()).await {
            Ok(()) => return Ok(()),
            Err(status) => status,
        };
        if !may_be_repeated(&status, part) || begun.elapsed() >= PATIENCE {
            return Err(status);
        }
        // Jitter around a pause that doubles.
        sleep(between(limit.mul_f64(0.8), limit.mul_f64(1.2))).await;
        limit = (limit * 2).min(LONGEST_PAUSE);
    }
}

/// The same answer may be sent twice: its token counts once.
fn may_be_repeated(status: &Status, part: &Completion) -> bool {
    let is_broken = status.source().is_some();
    is_broken
        || refusal::is_of_load(status, part)
        || matches!(
            status.code(),
            Code::Unavailable | Code::Internal | Code::DeadlineExceeded | Code::Aborted | Code::Unauthenticated
        )
}

/// What a server said, with why a connection failed.
pub(super) fn told(status: &Status) -> String {
    let mut cause = status.source();
    while let Some(deeper) = cause.and_then(Error::source) {
        cause = Some(deeper);
    }
    match (status.message(), cause) {
        (_, Some(cause)) => format!("{cause} ({})", status.code()),
        ("", None) => status.code().to_string(),
        (message, None) => format!("{message} ({})", status.code()),
    }
}

/// An answer in parts of so many bytes: all but the last are partial. One action alone may be larger.
fn parts(mut response: OrchestratorResponse, limit: usize) -> Vec<OrchestratorResponse> {
    if response.encoded_len() <= limit {
        return vec![response];
    }
    let actions = std::mem::take(&mut response.actions);
    let empty = OrchestratorResponse {
        instance_id: response.instance_id.clone(),
        completion_token: response.completion_token.clone(),
        ..OrchestratorResponse::default()
    };
    let mut bytes = response.encoded_len();
    let mut parts = vec![response];
    for action in actions {
        let size = action.encoded_len() + 8;
        if let Some(part) = parts
            .last_mut()
            .filter(|part| part.actions.is_empty() || bytes + size <= limit)
        {
            bytes += size;
            part.actions.push(action);
        } else {
            bytes = empty.encoded_len() + size;
            parts.push(OrchestratorResponse {
                actions: vec![action],
                ..empty.clone()
            });
        }
    }
    let last = parts.len() - 1;
    if last > 0 {
        for (index, part) in (0_i32..).zip(&mut parts) {
            part.chunk_index = Some(index);
            part.is_partial = true;
        }
        parts[last].is_partial = false;
        parts[last].num_events_processed = Some(0);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use azure_functions_durable::protobuf::{
        OrchestratorAction, ScheduleTaskAction, orchestrator_action::OrchestratorActionType,
    };

    fn response(sizes: &[usize]) -> OrchestratorResponse {
        let actions = (0..).zip(sizes).map(|(id, size)| OrchestratorAction {
            id,
            orchestrator_action_type: Some(OrchestratorActionType::ScheduleTask(ScheduleTaskAction {
                name: "length".to_owned(),
                input: Some("y".repeat(*size)),
                ..ScheduleTaskAction::default()
            })),
        });
        OrchestratorResponse {
            instance_id: "big".to_owned(),
            completion_token: "token".to_owned(),
            custom_status: Some("\"here\"".to_owned()),
            actions: actions.collect(),
            ..OrchestratorResponse::default()
        }
    }

    #[test]
    fn an_answer_that_fits_has_one_part_and_says_nothing_of_parts() {
        let whole = response(&[10, 10]);
        assert_eq!(parts(whole.clone(), LARGEST_PART), [whole]);
        // Too large, and cannot be less.
        let single = response(&[200]);
        assert_eq!(parts(single.clone(), 100), [single]);
    }

    #[test]
    fn a_large_answer_goes_in_parts_below_the_limit_as_workers_of_dotnet_send_them() {
        let sizes = [100_000; 60];
        let parts = parts(response(&sizes), LARGEST_PART);
        assert_eq!(parts.len(), 2);
        let told: Vec<_> = parts
            .iter()
            .map(|part| (part.is_partial, part.chunk_index, part.num_events_processed))
            .collect();
        assert_eq!(told, [(true, Some(0), None), (false, Some(1), Some(0))]);
        assert_eq!(parts[0].custom_status.as_deref(), Some("\"here\""));
        assert_eq!(parts[1].custom_status, None);
        let ids: Vec<_> = parts
            .iter()
            .flat_map(|part| &part.actions)
            .map(|action| action.id)
            .collect();
        assert_eq!(ids, (0..60).collect::<Vec<_>>());
        for part in &parts {
            assert!(part.encoded_len() <= LARGEST_PART, "{}", part.encoded_len());
            assert_eq!(
                (part.instance_id.as_str(), part.completion_token.as_str()),
                ("big", "token")
            );
        }
    }

    #[test]
    fn an_action_above_the_limit_is_alone_in_its_part() {
        let parts = parts(response(&[10, 500, 10]), 200);
        let ids: Vec<Vec<_>> = parts
            .iter()
            .map(|part| part.actions.iter().map(|action| action.id).collect())
            .collect();
        assert_eq!(ids, [vec![0], vec![1], vec![2]]);
    }
}
