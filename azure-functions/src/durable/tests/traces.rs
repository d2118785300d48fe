//! The trace context of an orchestration goes on to what it asks for.

use super::{
    protobuf::{answer, decode},
    script::{entity, fallible},
};
use crate::durable::Orchestrator;
use azure_functions_durable::protobuf::{
    OrchestrationTraceContext, OrchestratorRequest, OrchestratorResponse, TraceContext, history_event::EventType,
    orchestrator_action::OrchestratorActionType as Kind,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use prost::Message;
use serde_json::Value;
use std::time::Duration;

/// Asks for an activity, a child, a timer, and an operation at once.
const ASKS: Orchestrator = |c| {
    fallible(async move {
        let activity = c.call_activity("Say", "a");
        let child = c.call_sub_orchestrator("Child", None, "c");
        let timer = c.create_timer_after(Duration::from_secs(1));
        let operation = c.call_entity(&entity("@counter@everything"), "get", ());
        let (activity, child, operation) = (activity.await?, child.await?, operation.await?);
        timer.await;
        Ok(serde_json::json!([activity, child, operation]))
    })
};

/// The first request of a recording, changed.
fn request(recording: &str, change: impl FnOnce(&mut OrchestratorRequest)) -> String {
    let line = recording.lines().next().unwrap();
    let text = BASE64_STANDARD.decode(line.split('\t').nth(1).unwrap()).unwrap();
    let mut request = OrchestratorRequest::decode(&*text).unwrap();
    change(&mut request);
    BASE64_STANDARD.encode(request.encode_to_vec())
}

fn trace_of(request: &mut OrchestratorRequest) -> &mut Option<TraceContext> {
    let events = request.new_events.iter_mut();
    let mut started = events.filter_map(|event| match &mut event.event_type {
        Some(EventType::ExecutionStarted(started)) => Some(&mut started.parent_trace_context),
        _ => None,
    });
    started.next().unwrap()
}

/// The context of each action that has one, and what the message to the entity says of traces.
fn asked(answer: &OrchestratorResponse) -> (Vec<Option<TraceContext>>, Value) {
    let mut contexts = Vec::new();
    let mut message = Value::Null;
    for action in &answer.actions {
        match action.orchestrator_action_type.as_ref().unwrap() {
            Kind::ScheduleTask(task) => contexts.push(task.parent_trace_context.clone()),
            Kind::CreateSubOrchestration(child) => contexts.push(child.parent_trace_context.clone()),
            Kind::SendEvent(event) => message = serde_json::from_str(event.data.as_ref().unwrap()).unwrap(),
            _ => {}
        }
    }
    (contexts, message)
}

#[test]
fn what_a_traced_orchestration_asks_for_belongs_to_its_trace() {
    let mut parent = None;
    let traced = request(recorded!("trace_everything_at_once"), |request| {
        parent = trace_of(request).clone();
    });
    let parent = parent.unwrap();
    assert_eq!(
        parent.trace_parent,
        "00-ac67ac3d89e96fd16b8b74e2b1e38be1-c62c8d7877a51e49-01"
    );
    let (answer, failure) = answer(ASKS, &traced);
    assert_eq!(failure, None);
    let (contexts, message) = asked(&answer);
    assert_eq!(contexts, [Some(parent.clone()), Some(parent)]);
    // With this, the extension makes a span of the call, below that of the orchestration; so does the .NET worker say it.
    let theirs = recorded!("trace_everything_at_once").lines().next().unwrap();
    let (_, theirs) = asked(&decode(theirs.split('\t').nth(2).unwrap()));
    assert_eq!(
        (&message["createTrace"], &theirs["createTrace"]),
        (&true.into(), &true.into())
    );
    assert!(theirs["requestTime"].is_string(), "{theirs}");
    assert_eq!(message["requestTime"], "2026-11-29T18:36:05.2864153Z");
    assert_eq!(answer.orchestration_trace_context, None);
}

#[test]
fn what_an_orchestration_without_a_trace_asks_for_has_none() {
    let untraced = request(recorded!("trace_everything_at_once"), |request| {
        *trace_of(request) = None;
    });
    let (contexts, message) = asked(&answer(ASKS, &untraced).0);
    assert_eq!(contexts, [None, None]);
    assert_eq!(
        (&message["createTrace"], &message["requestTime"]),
        (&Value::Null, &Value::Null)
    );
}

#[test]
fn a_malformed_trace_context_of_a_start_is_ignored() {
    for malformed in [
        "",
        "00-a-b-01",
        "ä",
        "00-00000000000000000000000000000000-c62c8d7877a51e49-01",
    ] {
        let request = request(recorded!("trace_everything_at_once"), |request| {
            trace_of(request).as_mut().unwrap().trace_parent = malformed.to_owned();
        });
        let (answer, failure) = answer(ASKS, &request);
        assert_eq!(failure, None, "{malformed}");
        assert_eq!(asked(&answer).0, [None, None], "{malformed}");
    }
}

#[test]
fn what_another_worker_has_said_of_the_orchestrations_span_goes_back_to_the_host() {
    let said = OrchestrationTraceContext {
        span_id: Some("0123456789abcdef".to_owned()),
        span_start_time: Some(prost_types::Timestamp { seconds: 5, nanos: 6 }),
    };
    let request = request(recorded!("trace_everything_at_once"), |request| {
        request.orchestration_trace_context = Some(said.clone());
    });
    assert_eq!(answer(ASKS, &request).0.orchestration_trace_context, Some(said));
}

#[test]
fn a_traced_orchestration_asks_for_what_an_untraced_one_asks_for() {
    let parent: Orchestrator = |c| {
        fallible(async move {
            let first = c.call_sub_orchestrator("Child", Some("parent-child"), "sub").await?;
            let second = c.call_sub_orchestrator("Child", None, "made id").await?;
            Ok(serde_json::json!([first, second]))
        })
    };
    let plain = recorded!("sub_orchestrations").lines();
    for (traced, plain) in recorded!("trace_sub_orchestrations").lines().zip(plain) {
        let request = |line: &str| line.split('\t').nth(1).unwrap().to_owned();
        if !traced.starts_with("Parent\t") || !plain.starts_with("Parent\t") {
            continue;
        }
        let kinds =
            |answer: OrchestratorResponse| -> Vec<i32> { answer.actions.iter().map(|action| action.id).collect() };
        assert_eq!(
            kinds(answer(parent, &request(traced)).0),
            kinds(answer(parent, &request(plain)).0)
        );
    }
}
