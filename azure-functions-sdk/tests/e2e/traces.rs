//! One trace over a Durable Task server: from a client to what two workers run, one after the other.

use crate::host::until;
use azure_functions::{
    durable::{OrchestrationClient, WaitOutcome},
    durable_task::{ServerAddress, Worker},
    opentelemetry::SpanIds,
    prelude::*,
};
use azure_functions_sdk::{
    durable::HubName,
    host::{HubHost, HubHostOptions},
};
use opentelemetry::{
    Context, global,
    trace::{FutureExt, TraceContextExt, Tracer},
};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
use std::{collections::HashMap, time::Duration};
use tokio::sync::oneshot;

#[func(orchestration)]
async fn traced_flow(context: DurableOrchestrationContext<u64>) -> Result<u64, CallError> {
    let first = context.call::<traced_work>(context.input()).await?;
    context.wait_for_event("go").await;
    context.call_sub::<traced_part>(first).await
}

#[func(orchestration)]
async fn traced_part(context: DurableOrchestrationContext<u64>) -> Result<u64, CallError> {
    context.call::<traced_work>(context.input()).await
}

#[func(activity)]
fn traced_work(number: u64) -> u64 {
    number + 1
}

/// A worker, until it is told to stop.
struct Running {
    stop: oneshot::Sender<()>,
    worker: tokio::task::JoinHandle<()>,
}

impl Running {
    fn start(server: &ServerAddress) -> Self {
        let (stop, stopped) = oneshot::channel();
        let worker = Worker::new(server.clone()).run_until(async {
            let _ = stopped.await;
        });
        Self {
            stop,
            worker: tokio::spawn(async move { worker.await.unwrap() }),
        }
    }

    async fn end(self) {
        let _ = self.stop.send(());
        self.worker.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_leads_over_a_server_and_two_workers_with_a_span_for_each_real_execution() {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder()
        .with_id_generator(SpanIds::default())
        .with_simple_exporter(exporter.clone())
        .build();
    global::set_tracer_provider(provider);
    let folder = tempfile::tempdir().unwrap();
    let options = HubHostOptions::new(HubName::new("default").unwrap(), folder.path())
        .port(0)
        .grpc_port(Some(0));
    let hub = HubHost::start(options).await.unwrap();
    let server: ServerAddress = hub.grpc_address().parse().unwrap();
    let client = OrchestrationClient::open(&server).unwrap();
    let caller = Context::new().with_span(global::tracer("test").start("caller"));
    let trace = caller.span().span_context().trace_id();

    let first = Running::start(&server);
    let id = async { client.start_orchestration("traced_flow", 1).await.unwrap() };
    let id = id.with_context(caller.clone()).await;
    let work = |exporter: &InMemorySpanExporter| {
        let spans = exporter.get_finished_spans().unwrap();
        spans.iter().filter(|span| span.name == "activity:traced_work").count()
    };
    until("the first activity has run", || work(&exporter) == 1);
    first.end().await;
    let second = Running::start(&server);
    client.raise_event(&id, "go", ()).await.unwrap();
    let limit = Duration::from_secs(60);
    let pause = Duration::from_millis(10);
    match client.wait_for_completion(&id, limit, pause).await.unwrap() {
        WaitOutcome::Finished(status) => assert_eq!(status.output, 3),
        other => panic!("{other:?}"),
    }
    second.end().await;
    caller.span().end();

    let spans = exporter.get_finished_spans().unwrap();
    let spans: Vec<_> = spans
        .iter()
        .filter(|span| span.span_context.trace_id() == trace)
        .collect();
    let names: HashMap<_, _> = spans
        .iter()
        .map(|span| (span.span_context.span_id(), &span.name))
        .collect();
    let mut tree: Vec<_> = spans
        .iter()
        .map(|span| {
            let parent = names.get(&span.parent_span_id).map_or("nothing", |name| name.as_ref());
            format!("{} < {parent}", span.name)
        })
        .collect();
    tree.sort();
    assert_eq!(
        tree,
        [
            "activity:traced_work < orchestration:traced_flow",
            "activity:traced_work < orchestration:traced_part",
            "caller < nothing",
            "create_orchestration:traced_flow < caller",
            "orchestration:traced_flow < create_orchestration:traced_flow",
            "orchestration:traced_part < orchestration:traced_flow",
        ]
    );
    drop(hub);
}
