//! What is otherwise on the wire of a stream than on that of the extension.

use azure_functions_durable::protobuf::{
    ActivityResponse, CompleteOrchestrationAction, CreateTimerAction, OrchestrationStatus, OrchestratorAction,
    OrchestratorRequest, OrchestratorResponse, ScheduleTaskAction, TaskFailureDetails, TerminateOrchestrationAction,
    history_event::EventType, orchestrator_action::OrchestratorActionType as Action,
};
use prost::Message as _;
use prost_types::Timestamp;

use super::*;
use crate::durable::{
    engine::{event::HTTP_ACTIVITY, failure_of, outcome::activity_answered, played::Played, termination::terminate},
    work::Wire,
};

pub(super) fn run() -> Run {
    on_stream(Run::new())
}

fn on_stream(mut run: Run) -> Run {
    run.instance.wire = Some(Wire::Stream);
    run
}

pub(super) fn respond(run: &mut Run, actions: Vec<(i32, Action)>, custom_status: Option<&str>) -> Decision {
    let response = OrchestratorResponse {
        actions: actions
            .into_iter()
            .map(|(id, action)| OrchestratorAction {
                id,
                orchestrator_action_type: Some(action),
            })
            .collect(),
        custom_status: custom_status.map(str::to_owned),
        ..OrchestratorResponse::default()
    };
    let batch = std::mem::take(&mut run.inbox);
    let Begin::Run(episode) = Episode::begin(&run.instance, &run.settings, batch, run.now) else {
        panic!("nothing to do");
    };
    let decision = episode.finish_response(response, run.now, &mut || "e9".to_owned());
    decision.clone().apply(&mut run.instance);
    decision
}

fn task(name: &str, input: Option<&str>) -> Action {
    Action::ScheduleTask(ScheduleTaskAction {
        name: name.to_owned(),
        input: input.map(str::to_owned),
        ..ScheduleTaskAction::default()
    })
}

pub(super) fn completes(status: OrchestrationStatus, failure_details: Option<TaskFailureDetails>) -> Action {
    Action::CompleteOrchestration(CompleteOrchestrationAction {
        orchestration_status: status.into(),
        failure_details,
        ..CompleteOrchestrationAction::default()
    })
}

fn parent() -> ParentLink {
    ParentLink {
        name: "Parent".to_owned(),
        instance_id: "p".to_owned(),
        execution_id: "e7".to_owned(),
        task_id: 3,
        version: None,
    }
}

/// The failure that a message tells.
fn child_failure(message: &Message) -> &Failure {
    match &message.event.kind {
        EventKind::SubOrchestrationFailed { failure, .. } => failure,
        other => panic!("{other:?}"),
    }
}

#[test]
fn activities_get_their_input_as_it_is() {
    let mut run = run();
    let decision = respond(
        &mut run,
        vec![
            (0, task("a", Some(" [ 1 ] "))),
            (1, task("b", Some("null"))),
            (2, task("c", Some("no JSON"))),
            (3, task("d", None)),
            // Of the worker, if it has one of this name.
            (4, task(HTTP_ACTIVITY, Some("{}"))),
        ],
        None,
    );
    let inputs: Vec<_> = decision.activities.iter().map(|task| task.input.as_deref()).collect();
    assert_eq!(
        inputs,
        [Some(" [ 1 ] "), Some("null"), Some("no JSON"), None, Some("{}")]
    );
    assert!(decision.messages.is_empty());
}

#[test]
fn results_and_failures_of_activities_are_taken_as_they_are() {
    let of = |response| activity_answered(ten(), "e0", 5, response).event.kind;
    for result in [None, Some("null"), Some(" [ 1 ] "), Some("no JSON")] {
        let result = result.map(str::to_owned);
        let kind = of(ActivityResponse {
            result: result.clone(),
            ..ActivityResponse::default()
        });
        assert_eq!(kind, EventKind::TaskCompleted { task_id: 5, result });
    }
    let details = TaskFailureDetails {
        error_type: "PaymentError".to_owned(),
        error_message: "AccountKey=secret;".to_owned(),
        is_non_retriable: true,
        ..TaskFailureDetails::default()
    };
    let EventKind::TaskFailed { failure, .. } = of(ActivityResponse {
        failure_details: Some(details.clone()),
        ..ActivityResponse::default()
    }) else {
        panic!();
    };
    assert_eq!(failure.reason, "PaymentError: AccountKey=secret;");
    assert_eq!(TaskFailureDetails::from(&*failure.cause.unwrap()), details);
}

#[test]
fn a_result_that_could_not_be_read_back_fails_its_activity() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let response = ActivityResponse {
        result: Some(deep),
        ..ActivityResponse::default()
    };
    let EventKind::TaskFailed { failure, .. } = activity_answered(ten(), "e0", 5, response).event.kind else {
        panic!();
    };
    assert!(failure.reason.starts_with("InvalidResult: "), "{}", failure.reason);
}

#[test]
fn the_request_has_the_execution_and_nothing_that_the_extension_says_of_itself() {
    let mut run = run();
    let past = respond(&mut run, vec![(0, task("a", None))], None).appended;
    run.completed(0, "1");
    let batch = std::mem::take(&mut run.inbox);
    let Begin::Run(episode) = Episode::begin(&run.instance, &run.settings, batch, run.now) else {
        panic!();
    };
    let played = Played::of(Wire::Stream, &past);
    for played in [played, Played::none(Wire::Stream)] {
        let request = OrchestratorRequest::decode(episode.request(&played, false).as_slice()).unwrap();
        assert_eq!(request.execution_id.as_deref(), Some("e0"));
        assert!(request.properties.is_empty() && request.entity_parameters.is_some());
        assert_eq!((request.past_events.len(), request.new_events.len()), (4, 2));
        assert!(matches!(
            request.new_events[1].event_type,
            Some(EventType::TaskCompleted(_))
        ));
    }
}

#[test]
fn an_execution_that_continues_begins_with_its_start_and_what_was_carried_on() {
    let mut run = run();
    let decision = respond(
        &mut run,
        vec![(0, completes(OrchestrationStatus::ContinuedAsNew, None))],
        None,
    );
    run = on_stream(run);
    run.push(*decision.continued.unwrap());
    respond(&mut run, Vec::new(), None);
    assert_eq!(run.history(), "12 0 13");
}

#[test]
fn a_custom_status_may_be_long_and_one_that_is_absent_is_none() {
    let mut run = run();
    let long = format!("\"{}\"", "x".repeat(100_000));
    respond(&mut run, Vec::new(), Some(&long));
    assert_eq!(run.instance.custom_status.as_deref(), Some(long.as_str()));
    run.raised("x", "1");
    respond(&mut run, Vec::new(), None);
    assert_eq!(
        (run.instance.custom_status.as_deref(), run.status()),
        (None, RuntimeStatus::Running)
    );
}

#[test]
fn a_terminated_child_answers_with_details_whether_a_worker_ends_it_or_none_does() {
    let start = || on_stream(Run::started(Some(parent()), None));
    for (reason, message) in [
        ("\"enough\"", "The sub-orchestration was terminated: \"enough\""),
        ("", "The sub-orchestration was terminated."),
    ] {
        let mut run = start();
        run.push(Message::terminate(run.now, reason.to_owned()));
        let by_worker = respond(
            &mut run,
            vec![(0, completes(OrchestrationStatus::Terminated, None))],
            None,
        );
        let run = start();
        let batch = [Message::terminate(run.now, reason.to_owned())];
        let by_none = terminate(&run.instance, &batch, run.now).unwrap();
        for decision in [by_worker, by_none] {
            assert_eq!(decision.status, RuntimeStatus::Terminated);
            let failure = child_failure(&decision.messages[0].message);
            let cause = failure.cause.as_deref().unwrap();
            assert_eq!(
                (cause.error_type.as_str(), cause.error_message.as_str()),
                ("OrchestrationTerminated", message)
            );
        }
    }
}

#[test]
fn an_orchestration_terminates_others() {
    let mut run = run();
    let terminates = |instance_id: &str, recurse| {
        Action::TerminateOrchestration(TerminateOrchestrationAction {
            instance_id: instance_id.to_owned(),
            reason: Some("\"over\"".to_owned()),
            recurse,
        })
    };
    let decision = respond(
        &mut run,
        vec![(0, terminates("a", false)), (1, terminates("b", true))],
        None,
    );
    let sent: Vec<_> = decision
        .messages
        .iter()
        .map(|outgoing| (outgoing.instance_id.as_str(), outgoing.message.event.kind.clone()))
        .collect();
    let terminated = |recurse| EventKind::ExecutionTerminated {
        reason: "\"over\"".to_owned(),
        recurse,
    };
    assert_eq!(sent, [("a", terminated(false)), ("b", terminated(true))]);
    assert_eq!(run.status(), RuntimeStatus::Running);
}

/// As recorded of the .NET worker: what the new code begins with stands in front of the end.
#[test]
fn when_code_has_changed_under_an_instance_only_its_end_counts() {
    let mut run = run();
    respond(&mut run, vec![(0, task("a", None)), (1, task("b", None))], None);
    run.completed(0, "1");
    let details = TaskFailureDetails {
        error_type: "Microsoft.DurableTask.NonDeterministicOrchestrationException".to_owned(),
        error_message: "Non-Deterministic workflow detected".to_owned(),
        ..TaskFailureDetails::default()
    };
    let timer = CreateTimerAction {
        fire_at: Some(Timestamp {
            seconds: ten().timestamp(),
            nanos: 0,
        }),
    };
    let decision = respond(
        &mut run,
        vec![
            (0, Action::CreateTimer(timer)),
            (1, completes(OrchestrationStatus::Failed, Some(details.clone()))),
        ],
        None,
    );
    assert!(decision.timers.is_empty());
    assert_eq!(run.history(), "12 0 4#0 4#1 13 12 5>0 1#1 13");
    assert_eq!(run.status(), RuntimeStatus::Failed);
    assert_eq!(failure_of(&decision.appended), Some(details));
}

#[test]
fn a_failure_needs_no_type() {
    let mut run = run();
    let details = TaskFailureDetails {
        error_message: "it broke".to_owned(),
        ..TaskFailureDetails::default()
    };
    let decision = respond(
        &mut run,
        vec![(0, completes(OrchestrationStatus::Failed, Some(details.clone())))],
        None,
    );
    assert_eq!(failure_of(&decision.appended), Some(details));
}

/// Two timers of one id: one would outlive the instance.
#[test]
fn an_id_of_a_task_that_is_open_is_refused() {
    let timer = || {
        Action::CreateTimer(CreateTimerAction {
            fire_at: Some(Timestamp {
                seconds: ten().timestamp() + 3_600,
                nanos: 0,
            }),
        })
    };
    for again in [timer(), task("a", None)] {
        let mut run = run();
        respond(&mut run, vec![(0, timer())], None);
        run.raised("x", "1");
        let decision = respond(&mut run, vec![(0, again)], None);
        assert!(decision.timers.is_empty() && decision.activities.is_empty());
        assert_eq!(run.status(), RuntimeStatus::Failed);
        let failure = failure_of(&decision.appended).unwrap();
        assert!(failure.error_message.contains("action id 0"), "{failure:?}");
    }
    // The next one is fresh.
    let mut run = run();
    respond(&mut run, vec![(0, timer())], None);
    run.raised("x", "1");
    assert_eq!(respond(&mut run, vec![(1, timer())], None).timers.len(), 1);
}

/// As PyPI's `durabletask` tries again.
#[test]
fn a_task_that_is_tried_again_may_have_the_id_of_the_one_that_failed() {
    let mut run = run();
    respond(&mut run, vec![(0, task("a", None))], None);
    for _ in 0..2 {
        let failure = Failure::text("no".to_owned());
        let failed = EventKind::TaskFailed { task_id: 0, failure };
        run.push(Message::for_execution(None, run.now, failed));
        let decision = respond(&mut run, vec![(0, task("a", None))], None);
        assert_eq!(decision.activities.len(), 1, "{:?}", decision.appended);
    }
    assert_eq!(run.status(), RuntimeStatus::Running);
}

/// Of an app's child that was terminated without a reason, or of one that failed with nothing said.
#[test]
fn a_failure_without_reason_and_details_has_details_for_a_worker_of_a_stream() {
    let mut run = run();
    let past = respond(&mut run, vec![(0, task("a", None))], None).appended;
    let failed = || {
        let failure = Failure::text(String::new());
        EventKind::SubOrchestrationFailed { task_id: 0, failure }
    };
    run.push(Message::for_execution(None, run.now, failed()));
    let batch = std::mem::take(&mut run.inbox);
    let Begin::Run(episode) = Episode::begin(&run.instance, &run.settings, batch, run.now) else {
        panic!();
    };
    let past = [past, vec![Event::new(run.now, failed())]].concat();
    let request = episode.request(&Played::of(Wire::Stream, &past), false);
    let request = OrchestratorRequest::decode(request.as_slice()).unwrap();
    let failures: Vec<_> = [request.past_events, request.new_events]
        .concat()
        .into_iter()
        .filter_map(|event| match event.event_type {
            Some(EventType::SubOrchestrationInstanceFailed(failed)) => Some(failed.failure_details),
            _ => None,
        })
        .collect();
    assert_eq!(failures.len(), 2);
    assert!(failures.iter().all(Option::is_some), "{failures:?}");
}
