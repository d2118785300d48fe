//! What workers of streams say to entities: messages of their own kind, which the extension does not take.

use std::collections::BTreeSet;

use azure_functions_durable::protobuf::{
    EntityBatchResult, EntityLockRequestedEvent, EntityOperationCalledEvent, EntityOperationSignaledEvent,
    EntityUnlockSentEvent, HistoryEvent, OperationResult, OperationResultFailure, OperationResultSuccess,
    OrchestrationInstance, OrchestrationStatus, OrchestratorRequest, SendEntityMessageAction, SendEventAction,
    TaskFailureDetails, history_event::EventType, operation_result::ResultType,
    orchestrator_action::OrchestratorActionType as Action, send_entity_message_action::EntityMessageType,
};
use prost::Message as _;
use prost_types::Timestamp;

use super::{
    stream_answers::{completes, respond, run},
    *,
};
use crate::durable::engine::{
    entity::{BatchLimit, Entity, EntityId, EntityMessage, Posted, Turn, grant},
    event::{EntityEvent, parse_events},
    played::Played,
    rewind::{NotRewound, rewind},
};

const CALL: &str = "6f3f8a52-94a6-4a58-b7b8-3c2a3f7d4b10";
const SECTION: &str = "0d5b1e5e-6a08-4f6f-8f62-0b9cf9c1a6aa";

fn sends(message: EntityMessageType) -> Action {
    Action::SendEntityMessage(SendEntityMessageAction {
        entity_message_type: Some(message),
    })
}

fn calls(target: &str, request_id: &str, operation: &str, input: Option<&str>) -> Action {
    sends(EntityMessageType::EntityOperationCalled(EntityOperationCalledEvent {
        request_id: request_id.to_owned(),
        operation: operation.to_owned(),
        input: input.map(str::to_owned),
        parent_instance_id: Some("order-7f3a".to_owned()),
        target_instance_id: Some(target.to_owned()),
        ..EntityOperationCalledEvent::default()
    }))
}

fn locks(lock_set: &[&str]) -> Action {
    sends(EntityMessageType::EntityLockRequested(EntityLockRequestedEvent {
        critical_section_id: SECTION.to_owned(),
        lock_set: lock_set.iter().map(|id| (*id).to_owned()).collect(),
        position: 0,
        parent_instance_id: Some("order-7f3a".to_owned()),
    }))
}

fn unlocks(target: &str) -> Action {
    sends(EntityMessageType::EntityUnlockSent(EntityUnlockSentEvent {
        critical_section_id: SECTION.to_owned(),
        parent_instance_id: Some("order-7f3a".to_owned()),
        target_instance_id: Some(target.to_owned()),
    }))
}

fn entity(id: &str) -> Entity {
    Entity::unknown(EntityId::parse(id).unwrap())
}

fn message(posted: &Posted) -> &EntityMessage {
    assert_eq!(EntityMessage::parse(&posted.message.to_json()).unwrap(), posted.message);
    &posted.message
}

/// The last event, after it was stored and read back, as a worker sees it.
fn shown(run: &Run, event: Event) -> HistoryEvent {
    let mut text = String::new();
    write_events([&event], true, &mut text);
    assert_eq!(parse_events(&text).unwrap(), std::slice::from_ref(&event));
    let Begin::Run(episode) = Episode::begin(
        &run.instance,
        &run.settings,
        vec![Message::for_execution(None, run.now, event.kind)],
        run.now,
    ) else {
        panic!("nothing to do");
    };
    let request = OrchestratorRequest::decode(episode.request(&Played::default(), false).as_slice()).unwrap();
    let parameters = request.entity_parameters.unwrap();
    assert_eq!(
        parameters.entity_message_reorder_window,
        Some(prost_types::Duration::default())
    );
    request.new_events.last().unwrap().clone()
}

#[test]
fn a_call_by_message_is_recorded_and_answered_as_one() {
    let mut run = run();
    let decision = respond(&mut run, vec![(1, calls("@Counter@K", CALL, "add", Some("5")))], None);
    assert_eq!(run.history(), "12 0 24#1 13");
    let [posted] = decision.posted.as_slice() else { panic!() };
    assert_eq!(posted.target.to_string(), "@counter@K");

    let counter = entity("@counter@K");
    let turn = Turn::plan(&counter, [message(posted)], BatchLimit::operations(9)).unwrap();
    let request = turn.request(ten()).unwrap();
    let Some(EventType::EntityOperationCalled(call)) = &request.operation_requests[0].event_type else {
        panic!("{request:?}");
    };
    assert_eq!(
        (call.request_id.as_str(), call.operation.as_str(), call.input.as_deref()),
        (CALL, "add", Some("5"))
    );
    assert_eq!(
        (call.parent_instance_id.as_deref(), call.parent_execution_id.as_deref()),
        (Some("order-7f3a"), Some("e0"))
    );
    let result = EntityBatchResult {
        results: vec![OperationResult {
            result_type: Some(ResultType::Success(OperationResultSuccess {
                result: Some("5".to_owned()),
                ..OperationResultSuccess::default()
            })),
        }],
        entity_state: Some("5".to_owned()),
        ..EntityBatchResult::default()
    };
    let done = turn.finish_result(result, ten(), &mut String::new).unwrap();
    assert_eq!(done.entity.state.as_deref(), Some("5"));
    let event = done.answers[0].message.event.clone();
    let Some(EventType::EntityOperationCompleted(completed)) = shown(&run, event).event_type else {
        panic!();
    };
    assert_eq!(
        (completed.request_id.as_str(), completed.output.as_deref()),
        (CALL, Some("5"))
    );
}

#[test]
fn a_call_that_fails_tells_its_details() {
    let mut run = run();
    let decision = respond(&mut run, vec![(0, calls("@counter@K", "no guid", "boom", None))], None);
    let counter = entity("@counter@K");
    let turn = Turn::plan(&counter, [message(&decision.posted[0])], BatchLimit::operations(9)).unwrap();
    let request = turn.request(ten()).unwrap();
    let Some(EventType::EntityOperationCalled(call)) = &request.operation_requests[0].event_type else {
        panic!("{request:?}");
    };
    assert!(
        uuid::Uuid::try_parse(&call.request_id).is_ok(),
        "workers take GUIDs only: {call:?}"
    );
    let details = TaskFailureDetails {
        error_type: "CounterError".to_owned(),
        error_message: "no".to_owned(),
        ..TaskFailureDetails::default()
    };
    let result = EntityBatchResult {
        results: vec![OperationResult {
            result_type: Some(ResultType::Failure(OperationResultFailure {
                failure_details: Some(details.clone()),
                ..OperationResultFailure::default()
            })),
        }],
        ..EntityBatchResult::default()
    };
    let done = turn.finish_result(result, ten(), &mut String::new).unwrap();
    let Some(EventType::EntityOperationFailed(failed)) = shown(&run, done.answers[0].message.event.clone()).event_type
    else {
        panic!();
    };
    assert_eq!(
        (failed.request_id.as_str(), failed.failure_details),
        ("no guid", Some(details))
    );
}

#[test]
fn a_call_of_what_is_no_entity_fails_and_a_signal_is_dropped() {
    let mut run = run();
    let signal = sends(EntityMessageType::EntityOperationSignaled(
        EntityOperationSignaledEvent {
            target_instance_id: Some("counter".to_owned()),
            ..EntityOperationSignaledEvent::default()
        },
    ));
    let decision = respond(
        &mut run,
        vec![(0, calls("counter", CALL, "add", None)), (1, signal)],
        None,
    );
    assert!(decision.posted.is_empty());
    let [outgoing] = decision.messages.as_slice() else {
        panic!()
    };
    let EventKind::Entity(event) = &outgoing.message.event.kind else {
        panic!()
    };
    assert!(
        matches!(&**event, EntityEvent::Failed { request_id, .. } if request_id == CALL),
        "{event:?}"
    );
}

#[test]
fn a_signal_by_message_waits_for_its_time() {
    let mut run = run();
    let at = ten() + TimeDelta::hours(1);
    let signal = sends(EntityMessageType::EntityOperationSignaled(
        EntityOperationSignaledEvent {
            request_id: CALL.to_owned(),
            operation: "add".to_owned(),
            scheduled_time: Some(Timestamp {
                seconds: at.timestamp(),
                nanos: 0,
            }),
            target_instance_id: Some("@counter@K".to_owned()),
            ..EntityOperationSignaledEvent::default()
        },
    ));
    let decision = respond(&mut run, vec![(0, signal)], None);
    assert_eq!(run.history(), "12 0 23#0 13");
    assert_eq!(decision.posted[0].due, Some(at));
    let EntityMessage::Op(request) = message(&decision.posted[0]) else {
        panic!()
    };
    assert!(request.signal);
}

#[test]
fn locks_are_taken_in_one_order_for_all_and_granted_by_message() {
    let mut run = run();
    let decision = respond(&mut run, vec![(0, locks(&["@stock@b", "@Stock@a", "@stock@b"]))], None);
    assert_eq!(run.history(), "12 0 27#0 13");
    let [posted] = decision.posted.as_slice() else { panic!() };
    assert_eq!(posted.target.to_string(), "@stock@a");
    let EntityMessage::Op(request) = message(posted) else {
        panic!()
    };
    let lockset: Vec<_> = request.lockset.iter().map(ToString::to_string).collect();
    assert_eq!(lockset, ["@stock@a", "@stock@b"]);

    let granted = grant(request, ten()).unwrap();
    let Some(EventType::EntityLockGranted(granted)) = shown(&run, granted.message.event).event_type else {
        panic!();
    };
    assert_eq!(granted.critical_section_id, SECTION);
}

fn released(decision: &Decision) -> Vec<String> {
    let releases = decision.posted.iter().filter_map(|posted| match &posted.message {
        EntityMessage::Release(release) => {
            assert_eq!((release.parent.as_str(), release.id.as_str()), ("order-7f3a", SECTION));
            Some(posted.target.to_string())
        }
        EntityMessage::Op(_) => None,
    });
    releases.collect()
}

#[test]
fn locks_that_a_worker_does_not_give_back_end_with_the_instance() {
    let mut run = run();
    respond(&mut run, vec![(0, locks(&["@stock@a", "@stock@b"]))], None);
    run.inbox.push(Message::event_raised(ten(), "go".to_owned(), None));
    let end = completes(OrchestrationStatus::Completed, None);
    let decision = respond(&mut run, vec![(1, unlocks("@Stock@a")), (2, end)], None);
    assert_eq!(released(&decision), ["@stock@a", "@stock@b"]);
}

/// As workers of .NET end an instance that is terminated.
#[test]
fn locks_may_be_given_back_under_the_id_of_the_end() {
    let mut run = run();
    respond(&mut run, vec![(0, locks(&["@stock@a", "@stock@b"]))], None);
    run.inbox.push(Message::terminate(ten(), "enough".to_owned()));
    let end = completes(OrchestrationStatus::Terminated, None);
    let decision = respond(
        &mut run,
        vec![(1, unlocks("@stock@a")), (1, unlocks("@stock@b")), (1, end)],
        None,
    );
    assert_eq!(decision.status, RuntimeStatus::Terminated);
    assert_eq!(released(&decision), ["@stock@a", "@stock@b"]);
}

#[test]
fn an_instance_that_failed_with_locks_by_message_is_not_rewound() {
    let mut run = run();
    respond(&mut run, vec![(0, locks(&["@stock@a"]))], None);
    let granted = EntityEvent::LockGranted {
        critical_section_id: SECTION.to_owned(),
    };
    run.inbox.push(Message::for_execution(
        None,
        ten(),
        EventKind::Entity(Box::new(granted)),
    ));
    respond(&mut run, vec![(1, completes(OrchestrationStatus::Failed, None))], None);
    let refused = rewind(&run.instance, "fixed", ten()).unwrap_err();
    assert_eq!(refused, NotRewound::Locked(vec![EntityId::parse("@stock@a").unwrap()]));
}

#[test]
fn a_batch_for_a_worker_is_small_enough_for_its_messages() {
    let counter = entity("@counter@K");
    let large = format!("\"{}\"", "x".repeat(600));
    let signals: Vec<_> = (0..5)
        .map(|number| {
            EntityMessage::Op(super::super::entity::Request::signal(
                "keep".to_owned(),
                Some(large.clone()),
                number.to_string(),
                None,
            ))
        })
        .collect();
    let limit = |bytes| BatchLimit { operations: 9, bytes };
    let count = |bytes| Turn::plan(&counter, &signals, limit(bytes)).unwrap().operation_count();
    assert_eq!((count(10), count(1_300), count(10_000)), (1, 2, 5));
    // The state is in the message, too.
    let large = Entity {
        exists: true,
        state: Some("x".repeat(1_000)),
        ..counter.clone()
    };
    let turn = Turn::plan(&large, &signals, limit(1_300)).unwrap();
    assert_eq!(turn.operation_count(), 1);
}

fn by_event(target: &str, name: &str, data: &str) -> Action {
    Action::SendEvent(SendEventAction {
        instance: Some(OrchestrationInstance {
            instance_id: target.to_owned(),
            execution_id: None,
        }),
        name: name.to_owned(),
        data: Some(data.to_owned()),
    })
}

/// Otherwise nothing could release it.
#[test]
fn a_lock_by_event_is_of_its_sender_and_is_taken_in_the_one_order() {
    let mut run = run();
    let lock = r#"{"op":null,"id":"l","parent":"me","parentExecution":"e1","pos":9,
        "lockset":[{"name":"stock","key":"b"},{"name":"Stock","key":"a"},{"name":"stock","key":"b"}]}"#;
    let decision = respond(&mut run, vec![(0, by_event("@stock@c", "op", lock))], None);
    let [posted] = decision.posted.as_slice() else { panic!() };
    assert_eq!(posted.target.to_string(), "@stock@a");
    let EntityMessage::Op(request) = message(posted) else {
        panic!()
    };
    assert_eq!(
        (
            request.parent.as_deref(),
            request.parent_execution.as_deref(),
            request.pos
        ),
        (Some("order-7f3a"), Some("e0"), 0)
    );
    let lockset: Vec<_> = request.lockset.iter().map(ToString::to_string).collect();
    assert_eq!(lockset, ["@stock@a", "@stock@b"]);

    run.raised("go", "1");
    let release = by_event("@stock@a", "release", r#"{"parent":"me","id":"l"}"#);
    let decision = respond(
        &mut run,
        vec![(1, release), (2, completes(OrchestrationStatus::Completed, None))],
        None,
    );
    let released: BTreeSet<_> = decision.posted.iter().map(|posted| posted.target.to_string()).collect();
    assert!(
        released.contains("@stock@a") && released.contains("@stock@b"),
        "{released:?}"
    );
    for posted in &decision.posted {
        let EntityMessage::Release(release) = message(posted) else {
            panic!()
        };
        assert_eq!((release.parent.as_str(), release.id.as_str()), ("order-7f3a", "l"));
    }
}

#[test]
fn a_message_by_event_with_neither_operation_nor_locks_fails_its_instance() {
    for data in [
        r#"{"id":"g"}"#,
        r#"{"Op":"add","id":"g"}"#,
        r#"{"op":null,"id":"g","lockset":[]}"#,
        r#"{"op":null,"id":"g","lockset":[{"name":"a/b","key":""}]}"#,
    ] {
        let mut run = run();
        let decision = respond(&mut run, vec![(0, by_event("@counter@K", "op", data))], None);
        assert!(decision.posted.is_empty(), "{data}");
        assert_eq!(run.status(), RuntimeStatus::Failed, "{data}");
    }
}

#[test]
fn a_call_by_event_of_what_is_no_entity_fails_and_a_signal_is_dropped() {
    let mut run = run();
    let call = by_event("@counter@a/b", "op", r#"{"op":"add","id":"g"}"#);
    let signal = by_event("@counter@a/b", "op", r#"{"op":"add","id":"h","signal":true}"#);
    let decision = respond(&mut run, vec![(0, call), (1, signal)], None);
    assert!(decision.posted.is_empty());
    let [outgoing] = decision.messages.as_slice() else {
        panic!("{decision:?}")
    };
    assert_eq!(outgoing.instance_id, "order-7f3a");
    let EventKind::EventRaised {
        name,
        input: Some(input),
    } = &outgoing.message.event.kind
    else {
        panic!("{outgoing:?}")
    };
    assert!(
        name == "g" && input.contains("failureDetails") && input.contains("not valid"),
        "{input}"
    );
}

/// As with workers that count them.
#[test]
fn requests_of_two_callers_with_one_id_are_two() {
    use super::super::entity::Request;
    let request = |parent: &str, op: Option<&str>| {
        EntityMessage::Op(Request {
            signal: false,
            op: op.map(str::to_owned),
            parent_execution: Some("e0".to_owned()),
            lockset: match op {
                Some(_) => Vec::new(),
                None => vec![EntityId::parse("@counter@K").unwrap()],
            },
            ..Request::signal(String::new(), None, "1".to_owned(), Some(parent.to_owned()))
        })
    };
    let counter = entity("@counter@K");
    let results = |count| EntityBatchResult {
        results: std::iter::repeat_with(|| OperationResult {
            result_type: Some(ResultType::Success(OperationResultSuccess::default())),
        })
        .take(count)
        .collect(),
        ..EntityBatchResult::default()
    };
    let callers = |done: &super::super::entity::Done| -> Vec<String> {
        let answers = done.answers.iter();
        answers.map(|answer| answer.instance_id.clone()).collect()
    };
    // One that has come twice is one.
    let waiting = [
        request("a", Some("add")),
        request("b", Some("add")),
        request("a", Some("add")),
    ];
    let turn = Turn::plan(&counter, &waiting, BatchLimit::operations(9)).unwrap();
    assert_eq!(turn.operation_count(), 2);
    let done = turn.finish_result(results(2), ten(), &mut String::new).unwrap();
    assert_eq!(
        (callers(&done), done.taken),
        (vec!["a".to_owned(), "b".to_owned()], vec![0, 1, 2])
    );

    // The lock of another keeps an operation out that has its id, and the one who has it runs one of that id.
    let waiting = [
        request("a", None),
        request("b", Some("add")),
        request("a", Some("add")),
        request("b", None),
    ];
    let turn = Turn::plan(&counter, &waiting, BatchLimit::operations(9)).unwrap();
    assert_eq!(turn.operation_count(), 1);
    let done = turn.finish_result(results(1), ten(), &mut String::new).unwrap();
    assert_eq!(
        (callers(&done), done.taken),
        (vec!["a".to_owned(), "a".to_owned()], vec![0, 2])
    );
}
