//! One trace from the caller of an HTTP function to the last entity, with one span for each real execution.

use crate::{config::Settings, state::with_journal};
use azure_functions::{entities::EntityId, opentelemetry::SpanIds, prelude::*};
use azure_functions_durable::OrchestrationRuntimeStatus;
use azure_functions_sdk::testing::{TestHost, Wire};
use opentelemetry::{
    global,
    trace::{SpanKind, Status, Tracer},
};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use std::{
    collections::BTreeMap,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};
use tower::timeout::TimeoutLayer;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Starts the orchestration that its route names.
#[func]
async fn begin_trace(request: HttpRequest, client: DurableOrchestrationClient) -> Result<HttpResponse, Failure> {
    let name = request.body_as_str()?;
    client.start_orchestration(name, 1).instance_id(name).await?;
    Ok("started".into())
}

#[func(orchestration)]
async fn traced(context: DurableOrchestrationContext<u64>) -> Result<u64, CallError> {
    let first = context.call_activity("traced_step", 1).await?;
    let child = context
        .call_sub_orchestrator("traced_child", Some("traced-child"), 2)
        .await?;
    context.create_timer_after(Duration::from_hours(72)).await;
    let counter = EntityId::new("traced_counter", "a").unwrap();
    let counted = context.call_entity(&counter, "add", child).await?;
    Ok(first.as_u64().unwrap_or_default() + counted.as_u64().unwrap_or_default())
}

#[func(orchestration)]
async fn traced_child(context: DurableOrchestrationContext<u64>) -> Result<u64, CallError> {
    let step = context.call_activity("traced_step", context.input()).await?;
    Ok(step.as_u64().unwrap_or_default())
}

/// The spans of the app are below the activity's, on whatever thread it is polled.
#[func(activity)]
async fn traced_step(number: u64) -> u64 {
    tokio::task::yield_now().await;
    global::tracer("app").in_span("work", |_| number + 1)
}

#[func]
fn traced_counter(context: DurableEntityContext) -> Result<EntityOutput, EntityError> {
    let sum = context.state::<u64>()?.unwrap_or_default() + context.input_as::<u64>()?;
    context.set_state(&sum)?;
    if context.entity_id().key() == "a" {
        let other = EntityId::new("traced_counter", "b").unwrap();
        context.signal_entity(&other, "add", sum)?;
    }
    Ok(sum.into())
}

#[func(orchestration)]
async fn traced_failure(_context: DurableOrchestrationContext<u64>) -> Result<u64, Failure> {
    Err("no luck".into())
}

#[func(orchestration)]
async fn traced_twice(context: DurableOrchestrationContext<u64>) -> Result<u64, CallError> {
    let round = context.input();
    context.call_activity("traced_step", round).await?;
    if round < 2 {
        context.continue_as_new(round + 1, true).await;
    }
    Ok(round)
}

/// Fails the first time.
#[func(activity)]
fn traced_once_unlucky(_input: ()) -> Result<u64, String> {
    static HAS_RUN: AtomicBool = AtomicBool::new(false);
    match HAS_RUN.swap(true, Ordering::Relaxed) {
        true => Ok(1),
        false => Err("no luck".to_owned()),
    }
}

#[func(orchestration)]
async fn traced_again(context: DurableOrchestrationContext<u64>) -> Result<u64, CallError> {
    let luck = context.call::<traced_once_unlucky>(()).await?;
    context.create_timer_after(Duration::from_hours(1)).await;
    Ok(luck)
}

/// The provider of this process. Other tests make spans as well, in traces of their own.
fn exporter() -> &'static InMemorySpanExporter {
    static EXPORTER: OnceLock<InMemorySpanExporter> = OnceLock::new();
    EXPORTER.get_or_init(|| {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder()
            .with_id_generator(SpanIds::default())
            .with_simple_exporter(exporter.clone())
            .build();
        global::set_tracer_provider(provider);
        exporter
    })
}

fn host(wire: Wire) -> TestHost {
    exporter();
    TestHost::builder()
        .app(|| with_journal().config(Settings::default()))
        .wire(wire)
        .build()
}

/// The id of the span of a test's caller.
const CALLER: &str = "00f067aa0ba902b7";

/// Calls the HTTP function that starts an orchestration, as part of a trace.
fn begin(host: &TestHost, trace: &str, orchestration: &str) {
    let request = HttpRequest::build().header("traceparent", format!("00-{trace}-{CALLER}-01"));
    host.call("begin_trace", &request.body(orchestration)).unwrap();
}

fn spans_of(trace: &str) -> Vec<SpanData> {
    let spans = exporter().get_finished_spans().unwrap();
    let mut spans: Vec<_> = spans
        .into_iter()
        .filter(|span| span.span_context.trace_id().to_string() == trace)
        .collect();
    spans.sort_by_key(|span| span.start_time);
    spans
}

/// `span < parent`, sorted.
fn tree(spans: &[SpanData]) -> Vec<String> {
    let names: BTreeMap<String, &str> = spans
        .iter()
        .map(|span| (span.span_context.span_id().to_string(), &*span.name))
        .collect();
    assert_eq!(names.len(), spans.len(), "no span is made twice");
    let mut lines: Vec<_> = spans
        .iter()
        .map(|span| {
            let parent = span.parent_span_id.to_string();
            let parent = match parent.as_str() {
                CALLER => "caller",
                parent => names.get(parent).copied().unwrap_or("unknown"),
            };
            format!("{} < {parent}", span.name)
        })
        .collect();
    lines.sort();
    lines
}

fn find<'s>(spans: &'s [SpanData], name: &str) -> &'s SpanData {
    spans.iter().find(|span| span.name == name).unwrap()
}

fn attribute(span: &SpanData, name: &str) -> Option<String> {
    let found = span.attributes.iter().find(|attribute| attribute.key.as_str() == name);
    found.map(|attribute| attribute.value.to_string())
}

#[test]
fn one_trace_leads_from_the_caller_to_the_entity_with_a_span_for_each_real_execution() {
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let host = host(Wire::Protobuf);
    // The worker process ends in the middle, and later the host: what has been recorded is replayed.
    host.crash_worker_in("traced");
    begin(&host, trace, "traced");
    host.advance(Duration::from_hours(1));
    assert!(
        spans_of(trace).iter().all(|span| span.name != "orchestration:traced"),
        "it has not ended"
    );
    host.restart();
    assert_eq!(host.instance("traced").output::<u64>(), 5);
    host.run_until_idle();

    let spans = spans_of(trace);
    assert_eq!(
        tree(&spans),
        [
            "activity:traced_step < orchestration:traced",
            "activity:traced_step < orchestration:traced_child",
            "create_orchestration:traced < function begin_trace",
            "entity:traced_counter:add < entity:traced_counter:add",
            "entity:traced_counter:add < orchestration:traced",
            "function begin_trace < caller",
            "orchestration:traced < create_orchestration:traced",
            "orchestration:traced_child < orchestration:traced",
            "work < activity:traced_step",
            "work < activity:traced_step",
        ]
    );
    let orchestration = find(&spans, "orchestration:traced");
    assert_eq!(orchestration.span_kind, SpanKind::Server);
    assert_eq!(
        attribute(orchestration, "durabletask.task.instance_id").as_deref(),
        Some("traced")
    );
    assert_eq!(
        attribute(orchestration, "durabletask.task.status").as_deref(),
        Some("Completed")
    );
    let took = orchestration.end_time.duration_since(orchestration.start_time).unwrap();
    assert!(
        took >= Duration::from_hours(72),
        "it is as long as the instance: {took:?}"
    );
    let step = find(&spans, "activity:traced_step");
    assert_eq!(
        attribute(step, "durabletask.task.instance_id").as_deref(),
        Some("traced")
    );
    assert_eq!(
        find(&spans, "create_orchestration:traced").span_kind,
        SpanKind::Producer
    );
}

#[test]
fn a_failed_orchestration_has_a_failed_span() {
    let trace = "11111111111111111111111111111111";
    let host = host(Wire::Protobuf);
    begin(&host, trace, "traced_failure");
    assert!(host.instance("traced_failure").failure().ends_with("no luck"));
    let spans = spans_of(trace);
    let failed = find(&spans, "orchestration:traced_failure");
    assert_eq!(failed.status, Status::error("no luck"));
    assert_eq!(attribute(failed, "durabletask.task.status").as_deref(), Some("Failed"));
}

#[test]
fn a_rewound_orchestration_has_a_span_for_each_end() {
    let trace = "44444444444444444444444444444444";
    let host = host(Wire::Protobuf);
    begin(&host, trace, "traced_again");
    let instance = host.instance("traced_again");
    assert!(instance.failure().ends_with("no luck"));
    instance.rewind("luck");
    // It waits for the timer, and goes on from what is on disk.
    host.restart();
    assert_eq!(instance.runtime_status(), OrchestrationRuntimeStatus::Running);
    host.advance(Duration::from_hours(2));
    assert_eq!(instance.output::<u64>(), 1);
    let spans = spans_of(trace);
    let ends: Vec<_> = spans
        .iter()
        .filter(|span| span.name == "orchestration:traced_again")
        .map(|span| {
            let status = attribute(span, "durabletask.task.status").unwrap();
            (status, span.span_context.span_id())
        })
        .collect();
    let [(failed, first), (completed, second)] = &ends[..] else {
        panic!("{ends:?}");
    };
    assert_eq!((&**failed, &**completed), ("Failed", "Completed"));
    assert_ne!(first, second, "the first one has been exported");
    assert_eq!(
        tree(&spans),
        [
            "activity:traced_once_unlucky < orchestration:traced_again",
            "activity:traced_once_unlucky < orchestration:traced_again",
            "create_orchestration:traced_again < function begin_trace",
            "function begin_trace < caller",
            "orchestration:traced_again < create_orchestration:traced_again",
            "orchestration:traced_again < create_orchestration:traced_again",
        ]
    );
}

#[test]
fn what_a_layer_answers_for_a_function_is_how_its_span_ends() {
    let trace = "55555555555555555555555555555555";
    exporter();
    let limited = || with_journal().layer(TimeoutLayer::new(Duration::from_millis(20)));
    let host = TestHost::builder().app(limited).build();
    let request = HttpRequest::build().header("traceparent", format!("00-{trace}-{CALLER}-01"));
    host.call("never_ends", &request.finish()).unwrap_err();
    let spans = spans_of(trace);
    let span = find(&spans, "function never_ends");
    assert_eq!(span.status, Status::error("request timed out"));
}

#[test]
fn each_execution_of_an_instance_that_continues_as_new_has_a_span() {
    let trace = "22222222222222222222222222222222";
    let host = host(Wire::Protobuf);
    begin(&host, trace, "traced_twice");
    assert_eq!(host.instance("traced_twice").output::<u64>(), 2);
    assert_eq!(
        tree(&spans_of(trace)),
        [
            "activity:traced_step < orchestration:traced_twice",
            "activity:traced_step < orchestration:traced_twice",
            "create_orchestration:traced_twice < function begin_trace",
            "function begin_trace < caller",
            "orchestration:traced_twice < create_orchestration:traced_twice",
            "orchestration:traced_twice < create_orchestration:traced_twice",
            "work < activity:traced_step",
            "work < activity:traced_step",
        ]
    );
}

/// That wire has no place for the span of an orchestration.
#[test]
fn on_the_json_wire_activities_and_children_are_below_the_start() {
    let trace = "33333333333333333333333333333333";
    let host = host(Wire::Json);
    begin(&host, trace, "traced");
    assert_eq!(host.instance("traced").output::<u64>(), 5);
    assert_eq!(
        tree(&spans_of(trace)),
        [
            "activity:traced_step < create_orchestration:traced",
            "activity:traced_step < create_orchestration:traced",
            "create_orchestration:traced < function begin_trace",
            "function begin_trace < caller",
            "work < activity:traced_step",
            "work < activity:traced_step",
        ]
    );
}

#[test]
fn a_malformed_trace_parent_of_a_caller_begins_a_new_trace() {
    let host = host(Wire::Protobuf);
    let begun = SystemTime::now();
    let request = HttpRequest::build().header("traceparent", "00-a-b-01");
    host.call("begin_trace", &request.body("traced_twice")).unwrap();
    assert_eq!(host.instance("traced_twice").output::<u64>(), 2);
    let spans = exporter().get_finished_spans().unwrap();
    let root = spans
        .iter()
        .find(|span| span.name == "function begin_trace" && span.start_time >= begun && !span.parent_span_is_remote)
        .unwrap();
    assert!(root.span_context.trace_id() != opentelemetry::TraceId::INVALID);
}
