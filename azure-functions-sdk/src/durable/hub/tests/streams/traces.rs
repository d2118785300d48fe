//! The trace context goes from a start to all that follows from it.

use azure_functions_durable::protobuf::{
    CreateSubOrchestrationAction, ExecutionStartedEvent, OrchestrationInstance, OrchestrationTraceContext,
    SendEventAction, TraceContext,
};
use prost_types::Timestamp;
use std::collections::BTreeMap;

use super::*;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn context(span: &str) -> TraceContext {
    TraceContext {
        trace_parent: format!("00-{TRACE}-{span}-01"),
        span_id: String::new(),
        trace_state: Some("vendor=1".to_owned()),
    }
}

async fn start_in(hub: &TaskHub, id: &str, trace: TraceContext) {
    let request = CreateInstanceRequest {
        instance_id: id.to_owned(),
        name: "flow".to_owned(),
        parent_trace_context: Some(trace),
        ..CreateInstanceRequest::default()
    };
    let _: CreateInstanceResponse = ask(hub, "StartInstance", &request).await;
}

fn started(request: &OrchestratorRequest) -> &ExecutionStartedEvent {
    let events = request.past_events.iter().chain(&request.new_events);
    let mut started = events.filter_map(|event| match &event.event_type {
        Some(EventType::ExecutionStarted(started)) => Some(started),
        _ => None,
    });
    started.next().unwrap()
}

fn child(id: &str, trace: Option<TraceContext>) -> Action {
    Action::CreateSubOrchestration(CreateSubOrchestrationAction {
        instance_id: id.to_owned(),
        name: "flow".to_owned(),
        parent_trace_context: trace,
        ..CreateSubOrchestrationAction::default()
    })
}

async fn respond_in(hub: &TaskHub, token: &str, said: Option<OrchestrationTraceContext>, actions: Vec<Action>) {
    let response = OrchestratorResponse {
        completion_token: token.to_owned(),
        orchestration_trace_context: said,
        actions: (0..)
            .zip(actions)
            .map(|(id, action)| OrchestratorAction {
                id,
                orchestrator_action_type: Some(action),
            })
            .collect(),
        ..OrchestratorResponse::default()
    };
    ask::<()>(hub, "CompleteOrchestratorTask", &response).await;
}

/// Also when the hub is closed and opened between.
#[tokio::test]
async fn a_trace_goes_from_a_start_to_activities_and_children_and_the_workers_span_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let hub = open(options(&folder));
    let mut items = connect(&hub, &everything());
    start_in(&hub, "i", context("00f067aa0ba902b7")).await;
    let (token, request) = next_episode(&mut items).await;
    assert_eq!(
        started(&request).parent_trace_context,
        Some(context("00f067aa0ba902b7"))
    );
    assert_eq!(
        request.orchestration_trace_context,
        Some(OrchestrationTraceContext::default())
    );
    let said = OrchestrationTraceContext {
        span_id: Some("0123456789abcdef".to_owned()),
        span_start_time: Some(Timestamp {
            seconds: 1_900_000_000,
            nanos: 123_456_700,
        }),
    };
    let own = context("aaaaaaaaaaaaaaaa");
    let named = Action::ScheduleTask(ScheduleTaskAction {
        name: "named".to_owned(),
        parent_trace_context: Some(own.clone()),
        ..ScheduleTaskAction::default()
    });
    let actions = vec![
        task("unnamed"),
        named,
        child("child", None),
        child("other", Some(own.clone())),
    ];
    respond_in(&hub, &token, Some(said.clone()), actions).await;
    let mut orchestrations_begun = 0;
    while orchestrations_begun < 2 {
        if let (_, Work::OrchestratorRequest(_)) = next(&mut items).await {
            orchestrations_begun += 1;
        }
    }
    assert!(!hub.drain(Duration::ZERO).await, "nothing is answered");
    drop(items);
    drop(hub);

    let hub = open(options(&folder));
    let mut items = connect(&hub, &everything());
    let (mut found, mut goes_on) = (BTreeMap::new(), false);
    while found.len() < 4 || !goes_on {
        let (token, work) = next(&mut items).await;
        match work {
            Work::ActivityRequest(request) => {
                found.insert(request.name, request.parent_trace_context);
                let response = ActivityResponse {
                    instance_id: "i".to_owned(),
                    task_id: request.task_id,
                    completion_token: token,
                    ..ActivityResponse::default()
                };
                ask::<()>(&hub, "CompleteActivityTask", &response).await;
            }
            Work::OrchestratorRequest(request) if request.instance_id != "i" => {
                found.insert(
                    request.instance_id.clone(),
                    started(&request).parent_trace_context.clone(),
                );
                respond_in(&hub, &token, None, Vec::new()).await;
            }
            // The activities have ended.
            Work::OrchestratorRequest(request) => {
                goes_on = true;
                assert_eq!(request.orchestration_trace_context.as_ref(), Some(&said));
                let scheduled = request.past_events.iter().find_map(|event| match &event.event_type {
                    Some(EventType::TaskScheduled(scheduled)) if scheduled.name == "named" => Some(scheduled),
                    _ => None,
                });
                assert_eq!(scheduled.unwrap().parent_trace_context, Some(own.clone()));
                respond_in(&hub, &token, None, Vec::new()).await;
            }
            other => panic!("{other:?}"),
        }
    }
    // What names no span is asked for by the orchestration's.
    let orchestration = Some(context("0123456789abcdef"));
    assert_eq!(found["unnamed"], orchestration);
    assert_eq!(found["child"], orchestration);
    assert_eq!(found["named"], Some(own.clone()));
    assert_eq!(found["other"], Some(own));
}

#[tokio::test]
async fn an_execution_that_continues_another_has_its_parent_and_a_span_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let hub = open(options(&folder));
    let mut items = connect(&hub, &everything());
    start_in(&hub, "i", context("00f067aa0ba902b7")).await;
    let (token, _) = next_episode(&mut items).await;
    let said = OrchestrationTraceContext {
        span_id: Some("0123456789abcdef".to_owned()),
        span_start_time: None,
    };
    let again = vec![ends(OrchestrationStatus::ContinuedAsNew, None)];
    respond_in(&hub, &token, Some(said), again).await;
    let (_, request) = next_episode(&mut items).await;
    assert_eq!(
        started(&request).parent_trace_context,
        Some(context("00f067aa0ba902b7"))
    );
    assert_eq!(
        request.orchestration_trace_context,
        Some(OrchestrationTraceContext::default())
    );
}

#[tokio::test]
async fn a_malformed_trace_context_is_ignored_wherever_it_comes_from() {
    let folder = tempfile::tempdir().unwrap();
    let hub = open(options(&folder));
    let mut items = connect(&hub, &everything());
    let malformed = TraceContext {
        trace_parent: "00-a-b-01".to_owned(),
        ..TraceContext::default()
    };
    start_in(&hub, "i", malformed.clone()).await;
    let (token, request) = next_episode(&mut items).await;
    assert_eq!(started(&request).parent_trace_context, None);
    assert_eq!(request.orchestration_trace_context, None);
    let said = OrchestrationTraceContext {
        span_id: Some("no id".to_owned()),
        span_start_time: Some(Timestamp {
            seconds: i64::MAX,
            nanos: -1,
        }),
    };
    let works = Action::ScheduleTask(ScheduleTaskAction {
        name: "works".to_owned(),
        parent_trace_context: Some(malformed),
        ..ScheduleTaskAction::default()
    });
    let signal = Action::SendEvent(SendEventAction {
        instance: Some(OrchestrationInstance {
            instance_id: "@counter@a".to_owned(),
            execution_id: None,
        }),
        name: "op".to_owned(),
        data: Some(r#"{"op":"add","signal":true,"id":"g","parentTraceContext":["no context"]}"#.to_owned()),
    });
    respond_in(&hub, &token, Some(said), vec![works, signal]).await;
    let mut seen = 0;
    while seen < 2 {
        match next(&mut items).await.1 {
            Work::ActivityRequest(request) => assert_eq!(request.parent_trace_context, None),
            Work::EntityRequestV2(request) => assert_eq!(request.operation_requests.len(), 1),
            other => panic!("{other:?}"),
        }
        seen += 1;
    }
}
