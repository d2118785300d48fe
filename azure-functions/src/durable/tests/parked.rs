//! Parked orchestrations: where a host offers a session and sends new events only, the code goes on where it waited, and says what a
//! replay of the whole history would say.

use super::{
    both_wires::request,
    protobuf::{COLLECTS, EVENT_ARRIVES, SEQUENCE, compare, decode},
    script::{body, entity, fallible, ok, payload, payload_with_locks},
};
use crate::durable::{Episode, KnownFunctions, Orchestrator, ParkedInstances, log_suppressed, run_turn};
use azure_functions_durable::protobuf::{
    OrchestrationStatus, OrchestratorAction, OrchestratorRequest, OrchestratorResponse, history_event::EventType,
    orchestrator_action::OrchestratorActionType as Kind,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use prost::Message;
use prost_types::{Value as Property, value::Kind as PropertyKind};
use serde_json::{Value, json};
use std::{cell::RefCell, mem, time::Duration};

/// What a worker keeps in these tests.
pub(super) fn room() -> ParkedInstances {
    ParkedInstances::with_room_for(10, 1 << 20)
}

/// One turn of a worker that keeps instances.
pub(super) fn turn(
    orchestrator: Orchestrator,
    request: String,
    functions: &KnownFunctions,
    parked: &mut ParkedInstances,
) -> OrchestratorResponse {
    let episode = run_turn(
        request,
        "test",
        "src/test.rs:1",
        orchestrator,
        functions,
        Some(parked),
        false,
    );
    match episode {
        Episode::Protobuf { answer, .. } => *answer,
        other => panic!("another wire: {other:?}"),
    }
}

fn any_turn(
    orchestrator: Orchestrator,
    request: &OrchestratorRequest,
    parked: &mut ParkedInstances,
) -> OrchestratorResponse {
    turn(orchestrator, encode(request), &KnownFunctions::any(), parked)
}

fn encode(request: &OrchestratorRequest) -> String {
    BASE64_STANDARD.encode(request.encode_to_vec())
}

/// The turns of a history in a session: the first with all, each later one with its new events, and what it had asked for by then, as the
/// host records it. `None` where a turn is to be told with all.
pub(super) struct Turns {
    pub(super) requests: Vec<OrchestratorRequest>,
    /// What the history records of each turn.
    pub(super) recorded: Vec<Vec<String>>,
}

pub(super) fn turns(payload: &Value) -> Turns {
    let whole = request(payload);
    let mut turns = Turns {
        requests: Vec::new(),
        recorded: Vec::new(),
    };
    for event in whole.past_events.into_iter().chain(whole.new_events) {
        match &event.event_type {
            Some(EventType::OrchestratorStarted(_)) => {
                let mut request = in_session(turns.requests.is_empty());
                request.instance_id.clone_from(&whole.instance_id);
                turns.requests.push(request);
                turns.recorded.push(Vec::new());
            }
            Some(
                recorded @ (EventType::TaskScheduled(_)
                | EventType::TimerCreated(_)
                | EventType::SubOrchestrationInstanceCreated(_)
                | EventType::EventSent(_)),
            ) => {
                let what = match recorded {
                    EventType::TaskScheduled(task) => format!("activity {}", task.name),
                    EventType::TimerCreated(timer) => format!("timer {:?}", timer.fire_at),
                    EventType::SubOrchestrationInstanceCreated(child) => format!("child {}", child.name),
                    _ => "message".to_owned(),
                };
                turns
                    .recorded
                    .last_mut()
                    .unwrap()
                    .push(format!("#{} {what}", event.event_id));
                continue;
            }
            Some(EventType::OrchestratorCompleted(_)) => continue,
            _ => {}
        }
        turns.requests.last_mut().unwrap().new_events.push(event);
    }
    turns
}

/// An empty request of a session.
fn in_session(with_state: bool) -> OrchestratorRequest {
    let property = |kind| Property { kind: Some(kind) };
    OrchestratorRequest {
        instance_id: "order-7f3a".to_owned(),
        properties: [
            ("IncludeState".to_owned(), property(PropertyKind::BoolValue(with_state))),
            ("IsExtendedSession".to_owned(), property(PropertyKind::BoolValue(true))),
            (
                "ExtendedSessionIdleTimeoutInSeconds".to_owned(),
                property(PropertyKind::NumberValue(30.0)),
            ),
        ]
        .into(),
        ..OrchestratorRequest::default()
    }
}

/// Plays a recording of a session: each turn of these functions is answered from what the turn before left. `rename` changes a request, by
/// what the answers so far said.
fn play(
    recording: &str,
    orchestrator: Orchestrator,
    rename: impl Fn(&[OrchestratorResponse], &mut OrchestratorRequest),
) {
    let (mut parked, mut answers) = (room(), Vec::new());
    for (number, line) in recording.lines().enumerate() {
        let mut columns = line.split('\t').skip(1);
        let (text, response) = (columns.next().unwrap(), columns.next().unwrap());
        let message = BASE64_STANDARD.decode(text).unwrap();
        let mut request = OrchestratorRequest::decode(message.as_slice()).unwrap();
        rename(&answers, &mut request);
        let ours = any_turn(orchestrator, &request, &mut parked);
        assert!(!ours.requires_history, "turn {number}");
        compare(&ours, &decode(response), &format!("turn {number}"));
        answers.push(ours);
    }
    assert!(answers.len() > 2);
    assert_eq!(parked.len(), 0, "an instance that has ended is not kept");
}

#[test]
fn recorded_sessions_go_on_from_turn_to_turn() {
    play(recorded!("extended_sequence"), SEQUENCE, |_, _| {});
    play(recorded!("extended_suspend_resume"), EVENT_ARRIVES, |_, _| {});
    play(recorded!("extended_continue_as_new_keeps_events"), COLLECTS, |_, _| {});
    let calls: Orchestrator = |c| {
        fallible(async move {
            let counter = entity("@counter@called");
            c.call_entity(&counter, "add", 5).await?;
            Ok(json!([c.call_entity(&counter, "get", ()).await?]))
        })
    };
    play(recorded!("extended_entity_called"), calls, |answers, request| {
        // The entity answers under the id that it was called with, and ours is another than theirs.
        let Some(Kind::SendEvent(call)) = answers
            .last()
            .and_then(|answer| answer.actions[0].orchestrator_action_type.clone())
        else {
            return;
        };
        let call: Value = serde_json::from_str(call.data.as_deref().unwrap()).unwrap();
        for event in &mut request.new_events {
            if let Some(EventType::EventRaised(raised)) = &mut event.event_type {
                raised.name = call["id"].as_str().unwrap().to_owned();
            }
        }
    });
}

/// What a turn came to, with what is not the same in scripts and answers left out.
fn told(response: &OrchestratorResponse) -> String {
    let actions = response
        .actions
        .iter()
        .map(|action| match &action.orchestrator_action_type {
            Some(Kind::SendEvent(event)) => {
                let data: Value = serde_json::from_str(event.data.as_deref().unwrap_or("null")).unwrap_or_default();
                format!(
                    "#{} {} {} {} {}",
                    action.id, event.name, data["op"], data["id"], data["input"]
                )
            }
            other => format!("#{} {other:?}", action.id),
        });
    let actions: Vec<String> = actions.collect();
    format!("{:?}\n{}", response.custom_status, actions.join("\n"))
}

/// Plays a history turn by turn; the last answer, or nothing if the history is not what this code does from turn to turn.
pub(super) fn last_answer(orchestrator: Orchestrator, payload: &Value, functions: &KnownFunctions) -> Option<String> {
    let Turns { requests, recorded } = turns(payload);
    let mut parked = room();
    // By the name in the script: the id that our request had.
    let mut requests_sent: Vec<(String, String)> = Vec::new();
    let last = requests.len() - 1;
    if !recorded[last].is_empty() {
        // The host would not ask again.
        return None;
    }
    let sent = sent_requests(payload);
    for (number, mut request) in requests.into_iter().enumerate() {
        for event in &mut request.new_events {
            if let Some(EventType::EventRaised(raised)) = &mut event.event_type
                && let Some((_, ours)) = requests_sent
                    .iter()
                    .find(|(name, _)| name.eq_ignore_ascii_case(&raised.name))
            {
                raised.name = ours.clone();
            }
        }
        let answer = turn(orchestrator, encode(&request), functions, &mut parked);
        if number == last {
            return (!answer.requires_history).then(|| told(&answer));
        }
        let asked: Vec<String> = answer.actions.iter().map(asked).collect();
        let ends = answer
            .actions
            .iter()
            .any(|action| matches!(action.orchestrator_action_type, Some(Kind::CompleteOrchestration(_))));
        if answer.requires_history || ends || asked != recorded[number] {
            return None;
        }
        for action in &answer.actions {
            if let Some(Kind::SendEvent(event)) = &action.orchestrator_action_type {
                let data: Value = serde_json::from_str(event.data.as_deref().unwrap_or("null")).unwrap_or_default();
                let name = sent
                    .iter()
                    .find(|(id, _)| *id == action.id)
                    .map(|(_, name)| name.clone());
                if let (Some(name), Some(ours)) = (name, data["id"].as_str()) {
                    requests_sent.push((name, ours.to_owned()));
                }
            }
        }
    }
    None
}

/// An action as the history records it.
fn asked(action: &OrchestratorAction) -> String {
    let what = match &action.orchestrator_action_type {
        Some(Kind::ScheduleTask(task)) => format!("activity {}", task.name),
        Some(Kind::CreateTimer(timer)) => format!("timer {:?}", timer.fire_at),
        Some(Kind::CreateSubOrchestration(child)) => format!("child {}", child.name),
        _ => "message".to_owned(),
    };
    format!("#{} {what}", action.id)
}

/// The names under which a script has entities answer, by action.
fn sent_requests(payload: &Value) -> Vec<(i32, String)> {
    let history = payload["history"].as_array().unwrap().iter();
    let sent = history.filter(|event| event["EventType"] == 14);
    sent.filter_map(|event| {
        let request: Value = serde_json::from_str(event["Input"].as_str()?).ok()?;
        Some((
            i32::try_from(event["EventId"].as_i64()?).ok()?,
            request["id"].as_str()?.to_owned(),
        ))
    })
    .collect()
}

thread_local! {
    static COMPARED: RefCell<usize> = const { RefCell::new(0) };
    static APART: RefCell<bool> = const { RefCell::new(false) };
    static DROPPED: RefCell<usize> = const { RefCell::new(0) };
}

/// For code that tells a replay from a parked turn: by `is_replaying`, or because what it holds is dropped with each replay.
pub(super) fn replayed_only<T>(test: impl FnOnce() -> T) -> T {
    APART.set(true);
    let result = test();
    APART.set(false);
    result
}

/// The third way of every script: parked from turn to turn.
pub(super) fn compare_parked(
    orchestrator: Orchestrator,
    payload: &Value,
    functions: &KnownFunctions,
    replayed: &OrchestratorResponse,
) {
    if !APART.with_borrow(|apart| *apart)
        && let Some(parked) = last_answer(orchestrator, payload, functions)
    {
        assert_eq!(told(replayed), parked, "replayed, and parked");
        COMPARED.with_borrow_mut(|count| *count += 1);
    }
}

#[test]
fn scripts_are_played_as_parked_turns_too() {
    let before = COMPARED.with_borrow(|count| *count);
    super::script::run(CHAIN, "12 0 4#0(A) 13 12 5>0=1 4#1(B) 13 12 5>1=2");
    assert_eq!(COMPARED.with_borrow(|count| *count), before + 1);
}

const CHAIN: Orchestrator = |c| {
    body(async move {
        let a = ok(&c, "A").await;
        let b = ok(&c, "B").await;
        json!([a, b])
    })
};

const CHAINED: &str = "12 0 4#0(A) 13 12 5>0=1 4#1(B) 13 12 5>1=2";

fn chain() -> Vec<OrchestratorRequest> {
    turns(&payload(CHAINED, &Value::Null)).requests
}

fn scheduled(response: &OrchestratorResponse) -> Vec<(i32, String)> {
    let actions = response
        .actions
        .iter()
        .map(|action| match &action.orchestrator_action_type {
            Some(Kind::ScheduleTask(task)) => (action.id, task.name.clone()),
            Some(Kind::CompleteOrchestration(end)) => (action.id, format!("{:?}", end.result)),
            other => panic!("{other:?}"),
        });
    actions.collect()
}

#[test]
fn new_events_alone_ask_for_the_history_where_nothing_is_parked() {
    let requests = chain();
    let answer = any_turn(CHAIN, &requests[1], &mut room());
    assert!(answer.requires_history && answer.actions.is_empty());
    assert_eq!(answer.instance_id, "order-7f3a");
}

#[test]
fn outside_a_session_nothing_is_parked() {
    let mut requests = chain();
    requests[0].properties.clear();
    let mut parked = room();
    any_turn(CHAIN, &requests[0], &mut parked);
    assert_eq!(parked.len(), 0);
}

/// The host did not take the answer, and gives the turn again.
#[test]
fn events_that_come_twice_ask_for_the_history() {
    let requests = chain();
    let mut parked = room();
    any_turn(CHAIN, &requests[0], &mut parked);
    assert_eq!(
        scheduled(&any_turn(CHAIN, &requests[1], &mut parked)),
        [(1, "B".to_owned())]
    );
    let again = any_turn(CHAIN, &requests[1], &mut parked);
    assert!(again.requires_history);
    // What was parked is of no use any more.
    assert!(any_turn(CHAIN, &requests[2], &mut parked).requires_history);
}

#[test]
fn an_event_that_comes_again_with_another_asks_for_the_history() {
    let waits: Orchestrator = |c| {
        body(async move {
            let (a, b) = (c.wait_for_event("go").await, c.wait_for_event("go").await);
            json!([a, b])
        })
    };
    let mut requests = turns(&payload("12 0 13 12 15(go)=1 13 12 15(go)=2", &Value::Null)).requests;
    let mut parked = room();
    any_turn(waits, &requests[0], &mut parked);
    any_turn(waits, &requests[1], &mut parked);
    let first = requests[1].new_events[1].clone();
    requests[2].new_events.insert(1, first);
    assert!(any_turn(waits, &requests[2], &mut parked).requires_history);
}

#[test]
fn answers_to_what_was_not_asked_ask_for_the_history() {
    let spoil: [fn(&mut OrchestratorRequest); 4] = [
        // A task of a turn that is not known here.
        |request| match &mut request.new_events[1].event_type {
            Some(EventType::TaskCompleted(task)) => task.task_scheduled_id = 5,
            other => panic!("{other:?}"),
        },
        // A turn from before.
        |request| request.new_events[0].timestamp.as_mut().unwrap().seconds -= 3600,
        // Another execution.
        |request| request.execution_id = Some("another".to_owned()),
        // No turn at all.
        |request| drop(request.new_events.remove(0)),
    ];
    for spoil in spoil {
        let mut requests = chain();
        let mut parked = room();
        any_turn(CHAIN, &requests[0], &mut parked);
        spoil(&mut requests[1]);
        assert!(
            any_turn(CHAIN, &requests[1], &mut parked).requires_history,
            "{:?}",
            requests[1]
        );
    }
}

/// A start that comes twice, to a host that leaves the history out all the same.
#[test]
fn a_start_among_new_events_is_not_a_whole_history() {
    let requests = chain();
    for is_kept in [true, false] {
        let mut parked = room();
        if is_kept {
            any_turn(CHAIN, &requests[0], &mut parked);
        }
        let mut again = requests[1].clone();
        let start = &requests[0].new_events[1];
        assert!(matches!(start.event_type, Some(EventType::ExecutionStarted(_))));
        again.new_events.push(start.clone());
        assert!(any_turn(CHAIN, &again, &mut parked).requires_history);
    }
    // An execution that begins has nothing to leave out.
    let mut first = requests[0].clone();
    let without = PropertyKind::BoolValue(false);
    first
        .properties
        .insert("IncludeState".to_owned(), Property { kind: Some(without) });
    assert_eq!(scheduled(&any_turn(CHAIN, &first, &mut room())), [(0, "A".to_owned())]);
}

struct Held;

impl Drop for Held {
    fn drop(&mut self) {
        DROPPED.with_borrow_mut(|dropped| *dropped += 1);
    }
}

const HOLDS: Orchestrator = |c| {
    body(async move {
        let _held = Held;
        ok(&c, "A").await;
        ok(&c, "B").await
    })
};

/// What is dropped is code of the user, which may take its time.
#[test]
fn what_is_kept_no_longer_is_dropped_behind_the_turn_that_takes_its_place() {
    let dropped = || DROPPED.with_borrow(|dropped| *dropped);
    let of = |id: &str| {
        let mut request = chain()[0].clone();
        request.instance_id = id.to_owned();
        request
    };
    let mut parked = ParkedInstances::with_room_for(1, 1 << 20);
    any_turn(HOLDS, &of("a"), &mut parked);
    any_turn(HOLDS, &of("b"), &mut parked);
    assert_eq!((dropped(), parked.has_aside()), (0, true), "its answer is written");
    parked.drop_aside();
    assert_eq!((dropped(), parked.has_aside(), parked.len()), (1, false, 1));
    // So is what its own history takes the place of, and what cannot go on.
    any_turn(HOLDS, &of("b"), &mut parked);
    assert_eq!(dropped(), 1);
    parked.drop_aside();
    let mut odd = chain()[1].clone();
    odd.instance_id = "b".to_owned();
    odd.new_events.remove(0);
    assert!(any_turn(HOLDS, &odd, &mut parked).requires_history);
    assert_eq!(dropped(), 2);
    parked.drop_aside();
    assert_eq!((dropped(), parked.len()), (3, 0));
}

#[test]
fn a_history_that_comes_counts_more_than_what_is_parked() {
    let requests = chain();
    let mut parked = room();
    any_turn(CHAIN, &requests[0], &mut parked);
    any_turn(CHAIN, &requests[1], &mut parked);
    // The host has another past: the first activity said 7.
    let mut whole = request(&payload("12 0 4#0(A) 13 12 5>0=7", &Value::Null));
    whole.properties = requests[0].properties.clone();
    assert_eq!(scheduled(&any_turn(CHAIN, &whole, &mut parked)), [(1, "B".to_owned())]);
    let end = any_turn(CHAIN, &requests[2], &mut parked);
    assert_eq!(scheduled(&end), [(2, r#"Some("[7,2]")"#.to_owned())]);
}

#[test]
fn with_room_for_one_only_instances_that_take_turns_ask_for_their_history() {
    let requests = chain();
    let of = |id: &str, number: usize| {
        let mut request = requests[number].clone();
        request.instance_id = id.to_owned();
        request
    };
    let mut parked = ParkedInstances::with_room_for(1, 1 << 20);
    any_turn(CHAIN, &of("a", 0), &mut parked);
    any_turn(CHAIN, &of("b", 0), &mut parked);
    assert!(any_turn(CHAIN, &of("a", 1), &mut parked).requires_history);
    assert_eq!(
        scheduled(&any_turn(CHAIN, &of("b", 1), &mut parked)),
        [(1, "B".to_owned())]
    );
    // What takes more than there is room for is not kept at all.
    let mut none = ParkedInstances::with_room_for(10, 100);
    any_turn(CHAIN, &of("a", 0), &mut none);
    assert_eq!(none.len(), 0);
}

#[test]
fn a_session_ends_with_its_idle_time() {
    let mut parked = room();
    any_turn(CHAIN, &chain()[0], &mut parked);
    let now = std::time::Instant::now();
    assert!(parked.set_idle_aside(now + Duration::from_secs(29)).is_some());
    assert_eq!(parked.len(), 1);
    assert_eq!(parked.set_idle_aside(now + Duration::from_secs(40)), None);
    assert_eq!(parked.len(), 0);
}

#[test]
fn a_terminated_instance_ends_with_the_reason_that_came() {
    let mut requests = chain();
    let mut parked = room();
    any_turn(CHAIN, &requests[0], &mut parked);
    requests[1].new_events[1].event_type = Some(EventType::ExecutionTerminated(
        azure_functions_durable::protobuf::ExecutionTerminatedEvent {
            input: Some("\"no more\"".to_owned()),
            recurse: false,
        },
    ));
    let answer = any_turn(CHAIN, &requests[1], &mut parked);
    let Some(Kind::CompleteOrchestration(end)) = &answer.actions[0].orchestrator_action_type else {
        panic!("{answer:?}");
    };
    assert_eq!(
        (end.orchestration_status(), end.result.as_deref()),
        (OrchestrationStatus::Terminated, Some("\"no more\""))
    );
    assert_eq!(parked.len(), 0);
}

thread_local! {
    /// What the code below notes: whether it is replayed, and whether its log records are held back.
    static NOTED: RefCell<Vec<(&'static str, bool, bool)>> = const { RefCell::new(Vec::new()) };
}

fn noted() -> Vec<(&'static str, bool, bool)> {
    NOTED.with_borrow_mut(mem::take)
}

#[test]
fn nothing_is_replayed_in_a_parked_turn() {
    let notes: Orchestrator = |c| {
        body(async move {
            let note = |what| NOTED.with_borrow_mut(|notes| notes.push((what, c.is_replaying(), log_suppressed())));
            note("begun");
            ok(&c, "A").await;
            note("A");
            ok(&c, "B").await;
            note("B");
            0
        })
    };
    let mut parked = room();
    let requests = chain();
    for (request, what) in requests.iter().zip(["begun", "A", "B"]) {
        any_turn(notes, request, &mut parked);
        assert_eq!(noted(), [(what, false, false)]);
    }
    let whole = request(&payload(CHAINED, &Value::Null));
    any_turn(notes, &whole, &mut parked);
    assert_eq!(noted(), [("begun", true, true), ("A", true, true), ("B", false, false)]);
}

/// The cost of a turn is that of what is new: what comes, what is asked for, and what is polled.
#[test]
fn a_turn_takes_no_more_however_long_the_past_is() {
    let sequence: Orchestrator = |c| {
        body(async move {
            let mut sum = 0;
            for n in 0..2_000 {
                sum += c.call_activity("Add", n).await.unwrap().as_i64().unwrap();
            }
            sum
        })
    };
    let mut parked = ParkedInstances::with_room_for(1, 64 << 20);
    let mut request = chain().remove(0);
    for step in 0..2_000 {
        let answer = any_turn(sequence, &request, &mut parked);
        assert_eq!(scheduled(&answer), [(step, "Add".to_owned())]);
        request = in_session(false);
        let mut events = chain().remove(1).new_events;
        for event in &mut events {
            event.timestamp.as_mut().unwrap().seconds += i64::from(step);
        }
        if let Some(EventType::TaskCompleted(task)) = &mut events[1].event_type {
            task.task_scheduled_id = step;
            task.result = Some(step.to_string());
        }
        request.new_events = events;
        assert!(request.encoded_len() < 300, "{}", request.encoded_len());
    }
    assert_eq!(
        scheduled(&any_turn(sequence, &request, &mut parked)),
        [(2_000, format!("Some({:?})", (0..2_000).sum::<i64>().to_string()))]
    );
}

/// Locks and calls of entities are answered under the names of their requests, which no history has told.
#[test]
fn a_critical_section_goes_on_from_turn_to_turn() {
    let locks: Orchestrator = |c| {
        fallible(async move {
            let stock = entity("@stock@a");
            let guard = c.lock([stock.clone()]).await;
            let left = c.call_entity(&stock, "take", 1).await?;
            drop(guard);
            ok(&c, "A").await;
            Ok(left)
        })
    };
    let script = "12 0 14#0(@stock@a)=lock:L[@stock@a] 13 12 15(L)={\"result\":\"ok\"} 14#1(@stock@a)=call:G 13 \
                  12 15(G)={\"result\":\"4\"} 14#2(@stock@a)=release 4#3(A) 13 12 5>3=1";
    let payload = payload_with_locks(script);
    let last = last_answer(locks, &payload, &KnownFunctions::any()).unwrap();
    assert!(last.contains("result: Some(\"4\")"), "{last}");
}
