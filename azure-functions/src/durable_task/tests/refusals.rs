//! Answers that the server does not take as they are.

use super::{
    super::{
        completion,
        served::Served,
        server::{Completion, Kind},
    },
    script::{Asked, Playing, Script, Step, activity},
};
use azure_functions_durable::protobuf::{
    ActivityResponse, EntityBatchRequest, OperationRequest, OrchestratorAction, OrchestratorResponse,
    ScheduleTaskAction, TaskFailureDetails, WorkItem, orchestrator_action::OrchestratorActionType, work_item::Request,
};
use std::time::Duration;
use tonic::Code;

const SECOND: Duration = Duration::from_secs(1);

/// What the worker sent, to a server that first says so.
async fn sent(script: &Script, said: &[Code], answer: Completion) -> Vec<Completion> {
    script
        .completions
        .lock()
        .unwrap()
        .extend(said.iter().map(|code| (Duration::ZERO, *code)));
    completion::send(script, Kind::Activity, "t", answer.into(), "work").await;
    completions(script)
}

fn completions(script: &Script) -> Vec<Completion> {
    let asked = script.asked().into_iter();
    let completions = asked.filter_map(|(_, asked)| match asked {
        Asked::Complete(completion) => Some(completion),
        _ => None,
    });
    completions.collect()
}

fn returned(bytes: usize) -> Completion {
    Completion::Activity(ActivityResponse {
        instance_id: "i".to_owned(),
        task_id: 7,
        completion_token: "t".to_owned(),
        result: Some("y".repeat(bytes)),
        ..ActivityResponse::default()
    })
}

fn assert_refused(details: Option<&TaskFailureDetails>, bytes: &str) {
    let details = details.expect("details of the failure");
    assert_eq!(details.error_type, "AnswerRefused");
    assert!(
        details.error_message.contains(bytes) && details.error_message.contains("as the script says"),
        "{details:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_activity_whose_result_the_server_refuses_fails_and_is_not_given_back_to_run_again() {
    for code in [Code::ResourceExhausted, Code::OutOfRange, Code::InvalidArgument] {
        let script = Script::new(Vec::new());
        let sent = sent(&script, &[code], returned(5_000_000)).await;
        let [Completion::Activity(_), Completion::Activity(failure)] = &sent[..] else {
            panic!("{code}: {} answers", sent.len());
        };
        assert_eq!(
            (
                failure.instance_id.as_str(),
                failure.task_id,
                failure.completion_token.as_str()
            ),
            ("i", 7, "t")
        );
        assert_eq!(failure.result, None);
        assert_refused(failure.failure_details.as_ref(), "5000018 bytes");
        assert!(failure.failure_details.as_ref().unwrap().is_non_retriable);
        assert_eq!(script.count(|asked| matches!(asked, Asked::Abandon(..))), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_given_back_is_an_answer_whose_failure_is_refused_too() {
    let script = Script::new(Vec::new());
    let sent = sent(&script, &[Code::OutOfRange; 2], returned(10)).await;
    assert_eq!(sent.len(), 2);
    let given_back = |asked: &Asked| matches!(asked, Asked::Abandon(Kind::Activity, token) if token == "t");
    assert_eq!(script.count(given_back), 1);
}

#[tokio::test(start_paused = true)]
async fn a_small_answer_to_a_server_that_is_exhausted_is_sent_again_as_it_is() {
    let script = Script::new(Vec::new());
    let sent = sent(&script, &[Code::ResourceExhausted; 3], returned(10)).await;
    assert_eq!(sent.len(), 4);
    assert!(matches!(&sent[3], Completion::Activity(last) if last.failure_details.is_none()));
}

#[tokio::test(start_paused = true)]
async fn a_turn_with_an_action_that_the_server_refuses_ends_its_instance_in_place_of_that_part() {
    let actions = [3_000_000, 5_000_000, 10]
        .into_iter()
        .zip(0..)
        .map(|(size, id)| OrchestratorAction {
            id,
            orchestrator_action_type: Some(OrchestratorActionType::ScheduleTask(ScheduleTaskAction {
                input: Some("y".repeat(size)),
                ..ScheduleTaskAction::default()
            })),
        });
    let answer = Completion::Orchestration(OrchestratorResponse {
        instance_id: "i".to_owned(),
        completion_token: "t".to_owned(),
        actions: actions.collect(),
        ..OrchestratorResponse::default()
    });
    let script = Script::new(Vec::new());
    let sent = sent(&script, &[Code::Ok, Code::ResourceExhausted], answer).await;
    let turns: Vec<_> = sent
        .iter()
        .map(|sent| match sent {
            Completion::Orchestration(turn) => turn,
            other => panic!("{other:?}"),
        })
        .collect();
    let numbers: Vec<_> = turns.iter().map(|turn| (turn.is_partial, turn.chunk_index)).collect();
    assert_eq!(numbers, [(true, Some(0)), (true, Some(1)), (false, Some(1))]);
    let last = turns[2];
    assert_eq!((last.instance_id.as_str(), last.completion_token.as_str()), ("i", "t"));
    let [action] = &last.actions[..] else {
        panic!("{last:?}");
    };
    let Some(OrchestratorActionType::CompleteOrchestration(end)) = &action.orchestrator_action_type else {
        panic!("{last:?}");
    };
    assert_refused(end.failure_details.as_ref(), "5000");
}

#[tokio::test(start_paused = true)]
async fn an_entity_whose_answer_the_server_refuses_keeps_the_state_that_it_had() {
    let request = EntityBatchRequest {
        instance_id: "@counter@k".to_owned(),
        entity_state: Some("7".to_owned()),
        operations: vec![OperationRequest::default()],
        ..EntityBatchRequest::default()
    };
    let item = WorkItem {
        request: Some(Request::EntityRequest(request)),
        completion_token: "t".to_owned(),
    };
    let script = Script::new(vec![vec![Step::Item(SECOND, Box::new(item)), Step::Silence]]);
    script
        .completions
        .lock()
        .unwrap()
        .push_back((Duration::ZERO, Code::OutOfRange));
    let script = Playing::begin(script, Served::default()).after(10 * SECOND).await;
    let sent = completions(&script);
    let [Completion::Entity(_), Completion::Entity(failure)] = &sent[..] else {
        panic!("{sent:?}");
    };
    assert_eq!(failure.entity_state.as_deref(), Some("7"));
    assert_eq!((failure.results.len(), failure.completion_token.as_str()), (0, "t"));
    assert_refused(failure.failure_details.as_ref(), "bytes");
    assert_eq!(script.count(|asked| matches!(asked, Asked::Abandon(..))), 0);
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_is_too_large_becomes_one_that_says_so() {
    // The failure names the activity, which the app does not have.
    let name = "n".repeat(2_000_000);
    let script = Script::new(vec![vec![activity(SECOND, &name, "t"), Step::Silence]]);
    script
        .completions
        .lock()
        .unwrap()
        .push_back((Duration::ZERO, Code::ResourceExhausted));
    let script = Playing::begin(script, Served::default()).after(10 * SECOND).await;
    let sent = completions(&script);
    let [Completion::Activity(_), Completion::Activity(failure)] = &sent[..] else {
        panic!("{} answers", sent.len());
    };
    assert_refused(failure.failure_details.as_ref(), "bytes");
}
