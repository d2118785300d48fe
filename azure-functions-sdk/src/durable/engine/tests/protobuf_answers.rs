//! What answers of the protobuf wire change, good ones and bad ones.

use azure_functions_durable::protobuf::{
    CompleteOrchestrationAction, CreateSubOrchestrationAction, CreateTimerAction, EventRaisedEvent, HistoryEvent,
    OrchestrationInstance, OrchestrationStatus, OrchestratorAction, OrchestratorResponse, ScheduleTaskAction,
    SendEntityMessageAction, SendEventAction, TaskFailureDetails, TerminateOrchestrationAction,
    history_event::EventType, orchestrator_action::OrchestratorActionType as Action,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use prost::Message as _;
use prost_types::Timestamp;

use super::*;
use crate::durable::{
    engine::{
        entity::{EntityMessage, Reply},
        event::HTTP_ACTIVITY,
    },
    work::Wire,
};

fn run() -> Run {
    let mut run = Run::new();
    run.instance.wire = Some(Wire::Protobuf);
    run
}

pub(super) fn respond(actions: Vec<(i32, Action)>, custom_status: Option<&str>) -> WorkResult {
    let response = OrchestratorResponse {
        actions: actions
            .into_iter()
            .map(|(id, action)| OrchestratorAction {
                id,
                orchestrator_action_type: Some(action),
            })
            .collect(),
        instance_id: "order-7f3a".to_owned(),
        custom_status: custom_status.map(str::to_owned),
        ..OrchestratorResponse::default()
    };
    encoded(&response)
}

fn encoded(response: &OrchestratorResponse) -> WorkResult {
    text(&BASE64_STANDARD.encode(response.encode_to_vec()))
}

fn text(text: &str) -> WorkResult {
    WorkResult::Succeeded(ReturnValue::Text(text.to_owned()))
}

pub(super) fn task(name: &str, input: Option<&str>) -> Action {
    Action::ScheduleTask(ScheduleTaskAction {
        name: name.to_owned(),
        input: input.map(str::to_owned),
        ..ScheduleTaskAction::default()
    })
}

fn event_to(instance: &str, name: &str, data: &str) -> Action {
    Action::SendEvent(SendEventAction {
        instance: Some(OrchestrationInstance {
            instance_id: instance.to_owned(),
            execution_id: None,
        }),
        name: name.to_owned(),
        data: Some(data.to_owned()),
    })
}

pub(super) fn timer_at(seconds: i64) -> Action {
    Action::CreateTimer(CreateTimerAction {
        fire_at: Some(Timestamp { seconds, nanos: 0 }),
    })
}

fn completion(status: OrchestrationStatus, result: Option<&str>) -> CompleteOrchestrationAction {
    CompleteOrchestrationAction {
        orchestration_status: status.into(),
        result: result.map(str::to_owned),
        ..CompleteOrchestrationAction::default()
    }
}

pub(super) fn completes(status: OrchestrationStatus, result: Option<&str>) -> Action {
    Action::CompleteOrchestration(completion(status, result))
}

fn details(error_type: &str, message: &str) -> TaskFailureDetails {
    TaskFailureDetails {
        error_type: error_type.to_owned(),
        error_message: message.to_owned(),
        ..TaskFailureDetails::default()
    }
}

#[test]
fn actions_become_events_with_their_own_ids_and_work() {
    let mut run = run();
    let fire_at = ten() + TimeDelta::days(30);
    let timer = CreateTimerAction {
        fire_at: Some(Timestamp {
            seconds: fire_at.timestamp(),
            nanos: 0,
        }),
    };
    let child = CreateSubOrchestrationAction {
        instance_id: "c".to_owned(),
        name: "Child".to_owned(),
        version: Some("2".to_owned()),
        input: Some("5".to_owned()),
        tags: [("a".to_owned(), "b".to_owned())].into(),
        ..CreateSubOrchestrationAction::default()
    };
    let decision = run.answer(&respond(
        vec![
            (7, task("A", Some(" [ 1 ] "))),
            (3, Action::CreateTimer(timer)),
            (4, Action::CreateSubOrchestration(child)),
            (5, event_to("other", "go", "1")),
        ],
        Some("\"s\""),
    ));
    assert_eq!(run.history(), "12 0 4#7 10#3 7#4 14#5 13");
    assert_eq!(decision.activities[0].input.as_deref(), Some("[1]"));
    assert_eq!(decision.timers[0].fire_at, fire_at, "a long timer is armed as it is");
    let started = decision.children[0].started().unwrap();
    assert_eq!(
        (started.version.as_deref(), started.tags["a"].as_str()),
        (Some("2"), "b")
    );
    assert_eq!(decision.messages[0].instance_id, "other");
    assert_eq!(decision.custom_status.as_deref(), Some("\"s\""));
    assert_eq!(run.status(), RuntimeStatus::Running);
    run.raised("x", "1");
    let decision = run.answer(&respond(Vec::new(), None));
    assert_eq!(decision.custom_status, None, "an answer without a status takes it away");
}

#[test]
fn an_instance_that_completes_does_not_wait_for_what_it_has_started() {
    let mut run = run();
    let decision = run.answer(&respond(
        vec![
            (0, task("A", None)),
            (1, completes(OrchestrationStatus::Completed, Some("not json"))),
        ],
        None,
    ));
    assert_eq!(run.history(), "12 0 4#0 1#1 13");
    assert_eq!((run.status(), run.output()), (RuntimeStatus::Completed, "not json"));
    assert_eq!(decision.activities.len(), 1);
}

#[test]
fn a_failure_with_details_is_the_output_and_what_the_parent_learns() {
    let parent = ParentLink {
        name: "P".to_owned(),
        instance_id: "p".to_owned(),
        execution_id: "pe".to_owned(),
        task_id: 7,
        version: None,
    };
    let mut run = Run::started(Some(parent), None);
    run.instance.wire = Some(Wire::Protobuf);
    let mut failure = details("app::Error", "broke");
    failure.inner_failure = Some(Box::new(details("io", "in")));
    failure.is_non_retriable = true;
    let action = CompleteOrchestrationAction {
        failure_details: Some(failure),
        ..completion(OrchestrationStatus::Failed, Some("the result"))
    };
    let decision = run.answer(&respond(vec![(0, Action::CompleteOrchestration(action))], None));
    assert_eq!(
        (run.status(), run.output()),
        (RuntimeStatus::Failed, "\"app::Error: broke\"")
    );
    let EventKind::SubOrchestrationFailed { failure, .. } = &decision.messages[0].message.event.kind else {
        panic!("{decision:?}");
    };
    let cause = failure.cause.as_ref().unwrap();
    assert_eq!(
        cause.chain().map(|level| level.error_type.as_str()).collect::<Vec<_>>(),
        ["app::Error", "io"]
    );
    assert!(cause.is_non_retriable);
}

#[test]
fn a_failure_without_details_has_its_result_as_output() {
    let mut run = run();
    run.answer(&respond(
        vec![(0, completes(OrchestrationStatus::Failed, Some("the result")))],
        None,
    ));
    assert_eq!((run.status(), run.output()), (RuntimeStatus::Failed, "\"the result\""));
}

#[test]
fn continue_as_new_carries_external_events_over_and_may_change_the_version() {
    let mut run = run();
    let carried = [
        EventType::EventRaised(EventRaisedEvent {
            name: "go".to_owned(),
            input: Some("1".to_owned()),
        }),
        EventType::TimerFired(Default::default()),
    ];
    let action = CompleteOrchestrationAction {
        new_version: Some("2".to_owned()),
        carryover_events: carried
            .map(|kind| HistoryEvent {
                event_type: Some(kind),
                ..Default::default()
            })
            .into(),
        ..completion(OrchestrationStatus::ContinuedAsNew, Some("\"next\""))
    };
    let decision = run.answer(&respond(
        vec![
            (0, event_to("order-7f3a", "later", "2")),
            (1, Action::CompleteOrchestration(action)),
        ],
        None,
    ));
    assert_eq!(decision.messages[0].instance_id, "order-7f3a");
    assert_eq!(
        (run.instance.version.as_deref(), run.instance.input.as_deref()),
        (Some("2"), Some("\"next\""))
    );
    run.instance.wire = Some(Wire::Protobuf);
    run.answer(&respond(Vec::new(), None));
    assert_eq!(
        run.history(),
        "12 0 15 13",
        "the first turn has its end among its messages"
    );
}

#[test]
fn a_suspension_in_the_turn_of_a_continue_as_new_holds_in_the_next_execution() {
    let mut run = run();
    run.answer(&respond(Vec::new(), None));
    run.raised("go", "1");
    run.push(Message::suspend(run.now, "a break".to_owned()));
    let continues = completes(OrchestrationStatus::ContinuedAsNew, Some("2"));
    run.answer(&respond(vec![(0, continues.clone())], None));
    for turn in ["first", "second"] {
        assert_eq!(run.status(), RuntimeStatus::Suspended, "before the {turn} turn");
        run.instance.wire = Some(Wire::Protobuf);
        run.raised("more", "1");
        run.answer(&respond(Vec::new(), None));
    }
    assert_eq!(run.history(), "12 0 19 15 13 12 15 13");
    // One that acts all the same stays suspended.
    run.raised("more", "1");
    run.answer(&respond(vec![(0, continues)], None));
    assert_eq!(run.status(), RuntimeStatus::Suspended);
    run.instance.wire = Some(Wire::Protobuf);
    run.push(Message::resume(run.now, "go on".to_owned()));
    run.answer(&respond(Vec::new(), None));
    assert_eq!(
        (run.status(), run.history().as_str()),
        (RuntimeStatus::Running, "12 0 19 20 13")
    );
}

#[test]
fn a_terminated_instance_ends_whatever_the_worker_says() {
    for (actions, output) in [
        (Vec::new(), "\"enough\""),
        (
            vec![(0, completes(OrchestrationStatus::Terminated, Some("\"enough\"")))],
            "\"enough\"",
        ),
        (
            vec![(0, completes(OrchestrationStatus::ContinuedAsNew, Some("1")))],
            "\"enough\"",
        ),
    ] {
        let mut run = run();
        run.answer(&respond(Vec::new(), None));
        run.push(Message::terminate(run.now, "\"enough\"".to_owned()));
        run.answer(&respond(actions, None));
        assert_eq!((run.status(), run.output()), (RuntimeStatus::Terminated, output));
    }
}

#[test]
fn a_suspended_instance_is_suspended_until_it_is_resumed_and_its_actions_are_done() {
    let mut run = run();
    run.answer(&respond(Vec::new(), None));
    run.push(Message::suspend(run.now, "a break".to_owned()));
    run.answer(&respond(Vec::new(), None));
    assert_eq!(run.status(), RuntimeStatus::Suspended);
    run.raised("go", "1");
    let decision = run.answer(&respond(vec![(0, task("A", None))], None));
    assert_eq!((run.status(), decision.activities.len()), (RuntimeStatus::Suspended, 1));
    run.push(Message::resume(run.now, "go on".to_owned()));
    run.answer(&respond(Vec::new(), None));
    assert_eq!(run.status(), RuntimeStatus::Running);
}

#[test]
fn messages_to_entities_are_read_as_durable_task_writes_them() {
    let mut run = run();
    let call = r#"{"op":"add","input":"5","id":"g","parent":"order-7f3a","parentExecution":"e0","Timestamp":"2026-01-01T00:00:00Z","Predecessor":"0001-01-01T00:00:00","IsLockRequest":false,"createTrace":true,"requestTime":"2026-01-01T00:00:00Z"}"#;
    let later = r#"{"op":"add","signal":true,"id":"h","parent":"order-7f3a","due":"2031-05-04T11:00:00.0000000Z"}"#;
    let lock = r#"{"op":null,"id":"l","parent":"order-7f3a","parentExecution":"e0","lockset":[{"name":"counter","key":"a"},{"name":"counter","key":"b"}],"IsLockRequest":true}"#;
    let decision = run.answer(&respond(
        vec![
            (0, event_to("@counter@a", "op", call)),
            (1, event_to("@counter@a", "op@2031-05-04T11:00:00.0000000Z", later)),
            (2, event_to("@counter@a", "op", lock)),
            (3, event_to("@counter@a", "op", "no json")),
            (
                4,
                event_to("@counter@a", "release", r#"{"parent":"order-7f3a","id":"l"}"#),
            ),
        ],
        None,
    ));
    assert_eq!(run.history(), "12 0 14#0 14#1 14#2 14#3 14#4 13");
    let posted: Vec<_> = decision
        .posted
        .iter()
        .map(|posted| (&posted.message, posted.due))
        .collect();
    let [
        (EntityMessage::Op(call), None),
        (EntityMessage::Op(_), due),
        (EntityMessage::Op(lock), None),
        (EntityMessage::Release(_), None),
    ] = posted.as_slice()
    else {
        panic!("{posted:?}");
    };
    assert_eq!((call.op.as_deref(), call.reply), (Some("add"), Reply::Details));
    assert_eq!(*due, Some(ten() + TimeDelta::hours(1)));
    assert_eq!((lock.is_lock(), lock.lockset.len()), (true, 2));
}

#[test]
fn locks_that_are_not_given_back_end_with_the_instance() {
    let mut run = run();
    let lock = r#"{"op":null,"id":"l","parent":"order-7f3a","lockset":[{"name":"counter","key":"a"},{"name":"counter","key":"b"}]}"#;
    run.answer(&respond(vec![(0, event_to("@counter@a", "op", lock))], None));
    run.raised("l", "{}");
    let release = r#"{"parent":"order-7f3a","id":"l"}"#;
    let decision = run.answer(&respond(
        vec![
            (1, event_to("@counter@a", "release", release)),
            (2, completes(OrchestrationStatus::Completed, None)),
        ],
        None,
    ));
    let targets: Vec<_> = decision.posted.iter().map(|posted| posted.target.to_string()).collect();
    assert_eq!(targets, ["@counter@a", "@counter@b"]);
}

#[test]
fn an_activity_whose_input_cannot_be_read_fails_without_the_worker() {
    for (name, input) in [("A", "no json"), (HTTP_ACTIVITY, "{}"), (HTTP_ACTIVITY, "[1,2]")] {
        let mut run = run();
        let decision = run.answer(&respond(vec![(0, task(name, Some(input)))], None));
        assert!(decision.activities.is_empty(), "{name} {input}");
        let EventKind::TaskFailed { task_id: 0, failure } = &decision.messages[0].message.event.kind else {
            panic!("{decision:?}");
        };
        assert!(
            failure
                .cause
                .as_ref()
                .unwrap()
                .error_type
                .starts_with("Newtonsoft.Json.")
        );
    }
    let mut run = run();
    let decision = run.answer(&respond(
        vec![
            (0, task(HTTP_ACTIVITY, Some("[{\"uri\": 1}]"))),
            (1, task("A", Some("null"))),
            (2, task("A", Some("[1]"))),
        ],
        None,
    ));
    let inputs: Vec<_> = decision.activities.iter().map(|task| task.input.as_deref()).collect();
    assert_eq!(inputs, [Some("{\"uri\":1}"), None, Some("[1]")]);
}

#[test]
fn a_rubbish_answer_ends_the_instance_at_once_in_the_words_of_the_extension() {
    let empty_type = CompleteOrchestrationAction {
        failure_details: Some(TaskFailureDetails {
            inner_failure: Some(Box::new(details("", "in"))),
            ..details("outer", "out")
        }),
        ..completion(OrchestrationStatus::Failed, None)
    };
    let nothing = OrchestratorResponse {
        actions: vec![OrchestratorAction::default()],
        ..OrchestratorResponse::default()
    };
    let again = OrchestratorResponse {
        requires_history: true,
        ..OrchestratorResponse::default()
    };
    let long = format!("\"{}\"", "x".repeat(8 * 1024));
    let child = Action::CreateSubOrchestration(CreateSubOrchestrationAction {
        instance_id: "child".to_owned(),
        input: Some("[1e400]".to_owned()),
        ..CreateSubOrchestrationAction::default()
    });
    let carried = EventType::EventRaised(EventRaisedEvent {
        name: "go".to_owned(),
        input: Some(r#""\ud83d""#.to_owned()),
    });
    let carries = CompleteOrchestrationAction {
        carryover_events: vec![HistoryEvent {
            event_type: Some(carried),
            ..HistoryEvent::default()
        }],
        ..completion(OrchestrationStatus::ContinuedAsNew, None)
    };
    for (answer, problem) in [
        (WorkResult::Succeeded(ReturnValue::None), "null response"),
        (text(""), "null response"),
        (text("rubbish!"), "not a valid Base-64"),
        (text("{}"), "not a valid Base-64"),
        (text("AAAA"), "not an OrchestratorResponse"),
        (text("CghzZXF1"), "not an OrchestratorResponse"),
        (WorkResult::Failed("it panicked".to_owned()), "it panicked"),
        (encoded(&nothing), "has no type"),
        (encoded(&again), "asks for the history"),
        (
            respond(
                vec![(
                    0,
                    Action::TerminateOrchestration(TerminateOrchestrationAction::default()),
                )],
                None,
            ),
            "unsupported action type 'TerminateOrchestration'",
        ),
        (
            respond(
                vec![(0, Action::SendEntityMessage(SendEntityMessageAction::default()))],
                None,
            ),
            "unsupported action type 'SendEntityMessage'",
        ),
        (
            respond(vec![(0, Action::CreateTimer(CreateTimerAction::default()))], None),
            "has no time",
        ),
        // The year 10000 could be written, and not read back.
        (
            respond(vec![(0, timer_at(253_402_300_800))], None),
            "has no time, or one that is out of range",
        ),
        (
            respond(vec![(3, timer_at(2_000_000_000)), (3, task("A", None))], None),
            "The action id 3 is negative, or given twice",
        ),
        (
            respond(vec![(-1, task("A", None))], None),
            "The action id -1 is negative, or given twice",
        ),
        (
            respond(
                vec![(0, completes(OrchestrationStatus::Completed, Some("[1e400]")))],
                None,
            ),
            "The result that the orchestration gives is JSON that cannot be read back",
        ),
        (
            respond(vec![(0, event_to("other", "go", r#""\ud83d""#))], None),
            "The event that the orchestration gives is JSON that cannot be read back",
        ),
        (
            respond(vec![(0, Action::SendEvent(SendEventAction::default()))], None),
            "for no instance",
        ),
        (
            respond(vec![(0, completes(OrchestrationStatus::Pending, None))], None),
            "status 6",
        ),
        (
            respond(vec![(0, Action::CompleteOrchestration(empty_type))], None),
            "(Parameter 'name')",
        ),
        (respond(Vec::new(), Some(&long)), "at most 16 KB"),
        (
            respond(Vec::new(), Some("[1e400]")),
            "The custom status that the orchestration gives is JSON that cannot be read back",
        ),
        (
            respond(vec![(0, child)], None),
            "The input of a sub-orchestration that the orchestration gives is JSON that cannot be read back",
        ),
        (
            respond(vec![(0, Action::CompleteOrchestration(carries))], None),
            "The event carried over that the orchestration gives is JSON that cannot be read back",
        ),
    ] {
        let mut run = run();
        run.answer(&answer);
        assert_eq!(run.status(), RuntimeStatus::Failed, "{problem}");
        let output: serde_json::Value = serde_json::from_str(run.output()).unwrap();
        assert_eq!(
            output["message"],
            "Function 'ShipOrder' failed with an unhandled exception."
        );
        assert!(
            output["details"].as_str().unwrap().contains(problem),
            "{problem}: {output}"
        );
    }
}
