mod http_answers;

use super::*;
use crate::{
    host::{
        rpc::messages::{Data, InvocationRequest, parameter_binding::RpcData, streaming_message::Content},
        tests::{
            captured::Captured,
            described::{ACTIVITY, DURABLE_CLIENT, HTTP, HTTP_RETURN, metadata},
            fake_worker::{FakeLauncher, FakeWorker},
        },
    },
    project::{HostJson, LocalSettings, Settings},
};
use azure_functions_durable::OrchestrationClient;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use std::time::Instant;
use tempfile::TempDir;
use tokio::{
    net::TcpStream,
    sync::{
        Semaphore,
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    },
};

/// Ends a test that waits for what never comes.
const TEST_LIMIT: Duration = Duration::from_secs(30);
const ORCHESTRATION: &str = r#"{"type":"orchestrationTrigger","name":"context","direction":"in"}"#;

#[test]
fn urls_lead_to_the_address_that_is_bound_and_say_https_for_names_of_others() {
    let site = |address: &str| site_name(address.parse().unwrap());
    assert_eq!(site("127.0.0.1:7071"), "localhost:7071");
    assert_eq!(site("0.0.0.0:80"), "localhost:80");
    assert_eq!(site("[::]:80"), "localhost:80");
    assert_eq!(site("[::ffff:127.0.0.1]:80"), "localhost:80");
    assert_eq!(site("[::ffff:192.168.0.9]:80"), "192.168.0.9:80");
    assert_eq!(site("127.0.0.2:80"), "127.0.0.2:80");
    assert_eq!(site("[::1]:80"), "[::1]:80");
    assert_eq!(origin(&site("[::1]:1")), "http://[::1]:1");
    assert_eq!(site("192.168.0.9:1"), "192.168.0.9:1");
    assert_eq!(origin(&site("192.168.0.9:1")), "http://192.168.0.9:1");
    assert_eq!(origin(&site("[fe80::1]:1")), "http://[fe80::1]:1");
    assert_eq!(origin("tunnel.example"), "https://tunnel.example");
}

fn options(folder: &TempDir) -> LocalHostOptions {
    let local = LocalSettings::parse(
        "local.settings.json",
        r#"{"IsEncrypted":false,"Values":{"HUB":"BlueHub"}}"#,
    );
    let settings = Settings::new([], &local.unwrap());
    let text = r#"{"version":"2.0","extensions":{"durableTask":{"hubName":"BlueHub"}}}"#;
    let host_json = HostJson::parse("host.json", text, &settings).unwrap();
    let worker = WorkerCommand::new("/nowhere/worker", folder.path());
    LocalHostOptions::new(worker, settings, host_json, folder.path().join("data"))
        .address(SocketAddr::from(([127, 0, 0, 1], 0)))
        .record(Some(folder.path().join("record")))
}

async fn start(folder: &TempDir) -> (LocalHost, Arc<Captured>) {
    start_with(options(folder), FakeLauncher::new(greeter)).await
}

async fn start_with(options: LocalHostOptions, launcher: FakeLauncher) -> (LocalHost, Arc<Captured>) {
    let captured = Arc::new(Captured::default());
    let output: Arc<dyn HostOutput> = Arc::<Captured>::clone(&captured);
    let launcher = |_| -> Box<dyn Launch> { Box::new(launcher) };
    let host = LocalHost::start_with(options, output, launcher).await.unwrap();
    (host, captured)
}

/// The app of `greeter`, but the activity answers when `gate` has a permit. Tells what reaches it.
fn gated(gate: &Arc<Semaphore>, told: &UnboundedSender<&'static str>) -> FakeLauncher {
    let (gate, told) = (Arc::clone(gate), told.clone());
    FakeLauncher::new(move |mut worker| {
        let (gate, told) = (Arc::clone(&gate), told.clone());
        async move {
            let functions = vec![metadata("flow", &[ORCHESTRATION]), metadata("say_hello", &[ACTIVITY])];
            worker.start(&["HandlesWorkerTerminateMessage"], functions).await;
            while let Some(content) = worker.next().await {
                match content {
                    Content::InvocationRequest(request) => {
                        if request.function_id == "id-of-say_hello" {
                            told.send("activity").unwrap();
                            gate.acquire().await.unwrap().forget();
                        }
                        let answer = answer(&request);
                        worker.answer(&request, Some(answer));
                    }
                    Content::WorkerTerminate(_) => {
                        told.send("terminate").unwrap();
                        return "exit code 0".to_owned();
                    }
                    _ => {}
                }
            }
            "lost its host".to_owned()
        }
    })
}

/// A host whose activity runs.
async fn busy(
    options: LocalHostOptions,
    gate: &Arc<Semaphore>,
) -> (LocalHost, Arc<Captured>, UnboundedReceiver<&'static str>) {
    let (told, mut seen) = unbounded_channel();
    let (host, captured) = start_with(options, gated(gate, &told)).await;
    let start = "/runtime/webhooks/durabletask/orchestrators/flow/one";
    assert_eq!(send(host.address(), "POST", start, "").await.0, 202);
    assert_eq!(seen.recv().await, Some("activity"));
    (host, captured, seen)
}

/// Goes on with the instance of `busy` until it completes; gives how often the activity ran after the restart.
async fn runs_after_restart(folder: &TempDir) -> usize {
    let (told, mut seen) = unbounded_channel();
    let gate = Arc::new(Semaphore::new(10));
    let (host, _) = start_with(options(folder), gated(&gate, &told)).await;
    let status = "/runtime/webhooks/durabletask/instances/one";
    until("the instance completes", async || {
        send(host.address(), "GET", status, "").await.1.contains("Hello Tokyo!")
    })
    .await;
    host.shutdown().await;
    let mut runs = 0;
    while let Ok(what) = seen.try_recv() {
        runs += usize::from(what == "activity");
    }
    runs
}

/// An app of three: `start` tells its client binding, `flow` calls `say_hello` once and returns what that returned.
async fn greeter(mut worker: FakeWorker) -> String {
    let functions = vec![
        metadata("start", &[HTTP, HTTP_RETURN, DURABLE_CLIENT]),
        metadata("flow", &[ORCHESTRATION]),
        metadata("say_hello", &[ACTIVITY]),
        metadata(
            "tick",
            &[r#"{"type":"timerTrigger","name":"timer","schedule":"0 0 0 1 1 *","runOnStartup":true}"#],
        ),
    ];
    worker.start(&["HandlesWorkerTerminateMessage"], functions).await;
    while let Some(content) = worker.next().await {
        match content {
            Content::InvocationRequest(request) => {
                let answer = answer(&request);
                worker.answer(&request, Some(answer));
            }
            Content::WorkerTerminate(_) => return "exit code 0".to_owned(),
            _ => {}
        }
    }
    "lost its host".to_owned()
}

fn answer(request: &InvocationRequest) -> Data {
    let text = |place: usize| match &request.input_data[place].rpc_data {
        Some(RpcData::Data(value)) => match &value.data {
            Some(Data::String(text) | Data::Json(text)) => text.clone(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    match request.function_id.as_str() {
        "id-of-start" => Data::String(text(1)),
        "id-of-say_hello" => Data::String(format!("Hello {}!", text(0))),
        "id-of-tick" => Data::Json(text(0)),
        _ => {
            let payload: Value = serde_json::from_str(&text(0)).unwrap();
            let history = payload["history"].as_array().unwrap();
            // EventType 5 is TaskCompleted.
            let completed = history.iter().find(|event| event["EventType"] == 5);
            let output: Value = completed.map_or(Value::Null, |event| {
                serde_json::from_str(event["Result"].as_str().unwrap()).unwrap()
            });
            let call = json!({"actionType": 0, "functionName": "say_hello", "input": "Tokyo"});
            Data::Json(json!({"isDone": completed.is_some(), "actions": [[call]], "output": output}).to_string())
        }
    }
}

/// Status and body.
async fn send(address: SocketAddr, method: &str, path: &str, body: &'static str) -> (u16, String) {
    let stream = TcpStream::connect(address).await.unwrap();
    let io = hyper_util::rt::TokioIo::new(stream);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::builder()
        .method(method)
        .uri(path)
        .header("host", address.to_string());
    let request = request.body(Full::new(Bytes::from_static(body.as_bytes()))).unwrap();
    let response = timeout(TEST_LIMIT, sender.send_request(request))
        .await
        .expect("an answer in time")
        .unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + TEST_LIMIT;
    while !holds().await {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_orchestration_runs_through_front_door_hub_and_worker() {
    let folder = tempfile::tempdir().unwrap();
    let (host, captured) = start(&folder).await;
    let base = "/runtime/webhooks/durabletask";
    let (status, body) = send(host.address(), "POST", &format!("{base}/orchestrators/flow/one"), "").await;
    assert_eq!(status, 202, "{body}");
    let urls: Value = serde_json::from_str(&body).unwrap();
    let status_url = urls["statusQueryGetUri"].as_str().unwrap();
    let origin = format!("http://localhost:{}", host.address().port());
    assert!(
        status_url.starts_with(&format!("{origin}{base}/instances/one?taskHub=BlueHub")),
        "{status_url}"
    );
    let mut last = String::new();
    until("the instance completes", async || {
        last = send(host.address(), "GET", &format!("{base}/instances/one"), "")
            .await
            .1;
        last.contains("\"Completed\"")
    })
    .await;
    assert!(last.contains("Hello Tokyo!"), "{last}");
    host.shutdown().await;

    let lines = captured.lines();
    let line = lines.iter().find(|line| line.contains("Task hub 'BlueHub'")).unwrap();
    assert!(
        line.contains("BlueHub.db") && line.contains("activities at a time") && line.contains(&origin),
        "{line}"
    );
    assert!(lines.contains(&"Worker process started and initialized.".to_owned()));
    assert!(
        lines.contains(&format!("\tstart: [ANY] {origin}/api/start")),
        "{lines:?}"
    );
    assert!(lines.contains(&"\tflow: orchestrationTrigger".to_owned()));
    assert!(captured.contains("4 functions loaded"));
    let recorded = std::fs::read_to_string(folder.path().join("record/flow-one-1.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&recorded).unwrap()["instanceId"], "one");
    assert!(folder.path().join("record/flow-one-2.json").exists());
    let activities = folder.path().join("record/say_hello-one-1.json");
    assert!(!activities.exists(), "what they are given says nothing about a replay");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_093_the_client_binding_names_the_hub_and_leads_to_the_loopback_listener() {
    let folder = tempfile::tempdir().unwrap();
    let (host, _) = start(&folder).await;
    let (status, binding) = send(host.address(), "GET", "/api/start", "").await;
    assert_eq!(status, 200);
    let binding: Value = serde_json::from_str(&binding).unwrap();
    assert_eq!(binding["taskHubName"], "BlueHub");
    assert_eq!(binding["rpcBaseUrl"], host.rpc_base_url());
    let client = OrchestrationClient::from_binding(&binding.to_string()).unwrap();
    assert_eq!(client.task_hub(), "BlueHub", "as `hubName` in host.json");
    let id = client.start_new("flow", None, ()).await.unwrap();
    assert!(client.query_status(&id, false, false, false).await.unwrap().is_some());
    let rpc = url::Url::parse(host.rpc_base_url()).unwrap();
    let path = rpc.path().to_owned();
    assert_eq!(rpc.host_str(), Some("127.0.0.1"));
    let rpc = SocketAddr::from(([127, 0, 0, 1], rpc.port().unwrap()));
    let start = "orchestrators/flow/two";
    assert_eq!(send(rpc, "POST", &format!("{path}{start}"), "").await.0, 202);
    assert_eq!(send(rpc, "GET", &format!("{path}instances/none"), "").await.0, 404);
    assert_eq!(send(rpc, "GET", "/elsewhere", "").await.0, 404);
    // Who has not been told the base reaches nothing.
    assert!(path.len() > 64 && path.ends_with("/durabletask/"), "{path}");
    let guess = format!("/durabletask/{start}");
    assert_eq!(send(rpc, "POST", &guess, "").await.0, 404);
    assert_eq!(
        send(rpc, "POST", &format!("/{}{guess}", "0".repeat(64)), "").await.0,
        404
    );
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn timers_run_and_any_function_can_be_fired_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let (host, captured) = start(&folder).await;
    until("the timer runs at start-up", async || {
        captured.contains("Executed 'Functions.tick' (Succeeded")
    })
    .await;
    let (status, body) = send(
        host.address(),
        "POST",
        "/admin/functions/say_hello",
        r#"{"input":"Oslo"}"#,
    )
    .await;
    assert_eq!(status, 202, "{body}");
    until("the activity runs", async || {
        captured.contains("Executed 'Functions.say_hello' (Succeeded")
    })
    .await;
    assert_eq!(
        send(host.address(), "POST", "/admin/functions/tick", r#"{"input":""}"#)
            .await
            .0,
        202
    );
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_host_on_the_same_hub_is_refused_with_the_holder() {
    let folder = tempfile::tempdir().unwrap();
    let (host, _) = start(&folder).await;
    let output = Arc::new(Captured::default());
    let error = LocalHost::start(options(&folder), output)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains(&format!("task hub in use by pid {}", std::process::id())),
        "{error}"
    );
    let busy = options(&folder).address(host.address());
    let error = LocalHost::start(busy, Arc::new(Captured::default()))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains(&format!("port {}", host.address().port())) && error.contains("--port"),
        "{error}"
    );
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_activity_that_ends_while_the_host_stops_is_recorded_and_not_run_again() {
    let folder = tempfile::tempdir().unwrap();
    let gate = Arc::new(Semaphore::new(0));
    let (host, _, mut seen) = busy(options(&folder), &gate).await;
    let work = host.begin_shutdown();
    assert_eq!(work.to_string(), "1 running activity");
    assert_eq!(work.limit, Duration::from_secs(10));
    let address = host.address();
    let stopping = tokio::spawn(host.shutdown());
    until("the front door closes", async || {
        TcpStream::connect(address).await.is_err()
    })
    .await;
    assert!(seen.try_recv().is_err(), "the worker may go on");
    gate.add_permits(1);
    timeout(TEST_LIMIT, stopping).await.unwrap().unwrap();
    assert_eq!(seen.try_recv(), Ok("terminate"), "the worker is ended in order");
    assert_eq!(runs_after_restart(&folder).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_activity_that_outlives_the_drain_limit_is_given_up_and_runs_again() {
    let folder = tempfile::tempdir().unwrap();
    let gate = Arc::new(Semaphore::new(0));
    let limit = Duration::from_millis(300);
    let (host, captured, _seen) = busy(options(&folder).drain_limit(limit), &gate).await;
    let began = Instant::now();
    host.shutdown().await;
    let took = began.elapsed();
    assert!(took >= limit && took < Duration::from_secs(4), "{took:?}");
    assert!(
        captured.contains("1 running activity: given up"),
        "{:?}",
        captured.lines()
    );
    assert!(!captured.contains("'Functions.say_hello' (Succeeded"));
    assert_eq!(runs_after_restart(&folder).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_word_stops_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let gate = Arc::new(Semaphore::new(0));
    let (host, _, mut seen) = busy(options(&folder), &gate).await;
    let began = Instant::now();
    assert!(
        !host
            .shutdown_unless(tokio::time::sleep(Duration::from_millis(20)))
            .await
    );
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    // The worker is gone, and was not asked to go.
    assert_eq!(timeout(TEST_LIMIT, seen.recv()).await.unwrap(), None);
}
