//! HTTP calls of an orchestration, from its code to a server and back: the replay core, a task hub on disk with its own HTTP
//! client, real time, and a server on a socket. Only the processes and the stream between them are left out.

use std::{
    future::{Future, ready},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{Router, extract::State, http::HeaderMap, response::IntoResponse, routing::get};
use azure_functions::{
    __private::{Function, Handler, inventory, run_episode},
    durable::DurableHttpRequest,
    prelude::*,
};
use azure_functions_sdk::durable::{
    HubName, TaskHub, TaskHubOptions, Via,
    work::{DurableFunctions, ReturnValue, WorkError, WorkItem, WorkKind, WorkResult, Worker},
};
use bytes::Bytes;
use http::{Request, StatusCode};
use serde_json::{Value, json};

/// Asks for what the input is the address of.
#[func]
async fn asks_a_server(context: DurableOrchestrationContext<String>) -> Result<OrchestrationOutput, CallError> {
    let request = DurableHttpRequest::get(context.input()).header("x-key", "k-1");
    let response = context.call_http(request).await?;
    Ok(json!([response.status(), response.header("X-Trace"), response.text()]).into())
}

/// The functions of this process, without a worker around them.
struct InThisProcess;

impl Worker for InThisProcess {
    fn run(&self, item: WorkItem) -> Pin<Box<dyn Future<Output = Result<WorkResult, WorkError>> + Send>> {
        let function = inventory::iter::<Function>
            .into_iter()
            .find(|function| function.name == item.function);
        let Some(Handler::Orchestration(orchestrator)) = function.map(|function| function.handler) else {
            panic!("'{}' is no orchestration", item.function)
        };
        let answer = run_episode(item.payload.unwrap_or_default(), &item.function, orchestrator);
        Box::pin(ready(Ok(match answer {
            Ok(json) => WorkResult::Succeeded(ReturnValue::Json(json)),
            Err(message) => WorkResult::Failed(message),
        })))
    }
}

/// Counts who knows the key and how often the job was looked at.
#[derive(Clone, Default)]
struct Seen {
    keys: Arc<AtomicUsize>,
    looks: Arc<AtomicUsize>,
}

impl Seen {
    fn note(&self, headers: &HeaderMap) {
        let knows = headers.get("x-key").is_some_and(|key| key == "k-1");
        self.keys.fetch_add(usize::from(knows), Ordering::Relaxed);
    }
}

/// `/now` answers at once; `/job` is accepted, and done when `/job/status` is asked for the second time.
async fn server(seen: Seen) -> String {
    let router = Router::new()
        .route(
            "/now",
            get(|State(seen): State<Seen>, headers: HeaderMap| async move {
                seen.note(&headers);
                (StatusCode::IM_A_TEAPOT, [("x-trace", "t-7")], "short and stout")
            }),
        )
        .route(
            "/job",
            get(|State(seen): State<Seen>, headers: HeaderMap| async move {
                seen.note(&headers);
                let headers = [("location", "/job/status"), ("retry-after", "1")];
                (StatusCode::ACCEPTED, headers, "wait")
            }),
        )
        .route(
            "/job/status",
            get(|State(seen): State<Seen>| async move {
                match seen.looks.fetch_add(1, Ordering::Relaxed) {
                    0 => {
                        let headers = [("location", "/job/status"), ("retry-after", "1")];
                        (StatusCode::ACCEPTED, headers, "still").into_response()
                    }
                    _ => (StatusCode::OK, [("x-trace", "t-8")], "done").into_response(),
                }
            }),
        )
        .with_state(seen);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, router).into_future());
    format!("http://{address}")
}

async fn send(hub: &TaskHub, method: &str, path: &str, body: String) -> Value {
    let request = Request::builder().method(method).uri(path);
    let request = request
        .header("content-type", "application/json")
        .body(Bytes::from(body))
        .unwrap();
    let via = Via::webhook("http://localhost/runtime/webhooks/durabletask");
    let body = hub.handle(request, &via).await.into_body();
    serde_json::from_slice(&body).unwrap_or_default()
}

/// Lets an instance run to its end; its status, with history.
async fn ended(hub: &TaskHub, id: &str, address: String) -> Value {
    send(
        hub,
        "POST",
        &format!("/orchestrators/asks_a_server/{id}"),
        json!(address).to_string(),
    )
    .await;
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let status = send(hub, "GET", &format!("/instances/{id}?showHistory=true"), String::new()).await;
        if ["Completed", "Failed"]
            .iter()
            .any(|end| status["runtimeStatus"] == *end)
        {
            return status;
        }
        assert!(Instant::now() < deadline, "{status:#}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The durable timers to the second are in `tests/testing/entities.rs`, in virtual time.
#[tokio::test]
async fn row_078_an_http_call_has_status_headers_and_body_and_polls_what_was_accepted_with_timers() {
    let seen = Seen::default();
    let address = server(seen.clone()).await;
    let folder = tempfile::tempdir().unwrap();
    let options = TaskHubOptions::new(HubName::new("Calls").unwrap(), folder.path());
    let hub = TaskHub::open(options, Arc::new(InThisProcess)).unwrap();
    let name = "asks_a_server".to_owned();
    hub.set_functions(DurableFunctions {
        functions: [((WorkKind::Orchestration, name.clone()), name)].into(),
        ..DurableFunctions::default()
    });

    let now = ended(&hub, "now", format!("{address}/now")).await;
    assert_eq!(now["output"], json!([418, "t-7", "short and stout"]), "{now:#}");

    let begun = Instant::now();
    let job = ended(&hub, "job", format!("{address}/job")).await;
    assert_eq!(job["output"], json!([200, "t-8", "done"]), "{job:#}");
    assert!(
        begun.elapsed() > Duration::from_millis(1_900),
        "about a second before each look"
    );
    let timers = job["historyEvents"].as_array().unwrap().iter();
    assert_eq!(timers.filter(|event| event["EventType"] == "TimerFired").count(), 2);
    assert_eq!(seen.looks.load(Ordering::Relaxed), 2);
    assert_eq!(seen.keys.load(Ordering::Relaxed), 2, "the header went along");
}
