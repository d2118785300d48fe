//! What the client sends, in each of the three ways to address a host, through a transport that writes it down.

mod entities;

use super::*;
use crate::OrchestrationRuntimeStatus as Status;
use chrono::{DateTime, Utc};
use http::Response;
use serde_json::{Value, json};
use std::future::Future;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

/// Answers by a function of the request's number, and remembers the requests.
struct Recorder {
    requests: Mutex<Vec<Request<Bytes>>>,
    answer: Box<dyn Fn(usize) -> (u16, String) + Send + Sync>,
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recorder")
    }
}

impl Transport for Recorder {
    fn send(&self, request: Request<Bytes>, _: Duration) -> Exchange {
        let mut requests = self.requests.lock().unwrap();
        requests.push(request);
        let (status, body) = (self.answer)(requests.len());
        Box::pin(async move { Ok(Response::builder().status(status).body(body.into()).unwrap()) })
    }
}

impl Recorder {
    fn lines(&self) -> Vec<String> {
        self.requests
            .lock()
            .unwrap()
            .iter()
            .map(|request| format!("{} {}", request.method(), request.uri()))
            .collect()
    }
}

fn client(
    binding: &Value,
    answer: impl Fn(usize) -> (u16, String) + Send + Sync + 'static,
) -> (OrchestrationClient, Arc<Recorder>) {
    let recorder = Arc::new(Recorder {
        requests: Mutex::default(),
        answer: Box::new(answer),
    });
    let client = OrchestrationClient::from_binding(&binding.to_string()).unwrap();
    let client = client.with_transport(recorder.clone());
    (client, recorder)
}

/// What a host with the loopback listener gives.
fn rpc_binding() -> Value {
    let mut binding = template_binding();
    binding["connectionName"] = "Storage".into();
    binding["baseUrl"] = "http://localhost:7071/runtime/webhooks/durabletask".into();
    binding["requiredQueryStringParameters"] = "code=k/==".into();
    binding["rpcBaseUrl"] = "http://127.0.0.1:17071/durabletask".into();
    binding
}

/// The same without the listener.
fn webhook_binding() -> Value {
    let mut binding = rpc_binding();
    binding["rpcBaseUrl"] = Value::Null;
    binding
}

/// What the oldest hosts give: no base, and not every member.
fn template_binding() -> Value {
    const BASE: &str = "http://localhost:7071/runtime/webhooks/durabletask";
    const QUERY: &str = "taskHub=MyHub&connection=Storage&code=k/==";
    json!({
        "taskHubName": "MyHub",
        "creationUrls": {
            "createNewInstancePostUri": format!("{BASE}/orchestrators/{{functionName}}[/{{instanceId}}]?code=k/=="),
            "createAndWaitOnNewInstancePostUri": format!("{BASE}/orchestrators/{{functionName}}[/{{instanceId}}]?timeout={{timeoutInSeconds}}&pollingInterval={{intervalInSeconds}}&code=k/=="),
        },
        "managementUrls": {
            "id": "INSTANCEID",
            "statusQueryGetUri": format!("{BASE}/instances/INSTANCEID?{QUERY}"),
            "sendEventPostUri": format!("{BASE}/instances/INSTANCEID/raiseEvent/{{eventName}}?{QUERY}"),
            "terminatePostUri": format!("{BASE}/instances/INSTANCEID/terminate?reason={{text}}&{QUERY}"),
            "rewindPostUri": format!("{BASE}/instances/INSTANCEID/rewind?reason={{text}}&{QUERY}"),
            "purgeHistoryDeleteUri": format!("{BASE}/instances/INSTANCEID?{QUERY}"),
        },
    })
}

fn time(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

/// Calls every method once; the answers do not matter here.
async fn call_everything(client: &OrchestrationClient) {
    const ID: &str = "a +b";
    let (from, to) = (time("2031-05-06T07:08:09Z"), time("2031-05-07T00:00:00Z"));
    let second = Duration::from_secs(1);
    let _ = client.start_new("hello_world", None, ()).await;
    let _ = client.start_new("hello world", Some(ID), json!({"n": 1})).await;
    let _ = client
        .start_new_and_wait("hello_world", ID, (), second * 5, second / 2)
        .await;
    let _ = client.query_status(ID, true, false, true).await;
    let _ = client.query_all_statuses().await;
    let _ = client
        .query_statuses(from, Some(to), [Status::Running, Status::Failed])
        .await;
    let query = StatusQuery::new().instance_id_prefix("a&b").show_input(false).top(7);
    let _ = client.query_page(&query).await;
    let _ = client.purge_history(ID).await;
    let _ = client.purge_histories(from, None, []).await;
    let _ = client.raise_event(ID, "it's done?", 1).await;
    let _ = client.raise_event_for_hub("OtherHub", ID, "go", "now").await;
    let _ = client.terminate(ID, "50% & more").await;
    let _ = client.suspend(ID, "").await;
    let _ = client.resume(ID, "ok").await;
    let _ = client.rewind(ID, "fixed").await;
    let _ = client.restart(ID, false).await;
}

async fn everything(binding: &Value) -> Vec<String> {
    let (client, recorder) = client(binding, |_| (404, String::new()));
    call_everything(&client).await;
    recorder.lines()
}

#[tokio::test]
async fn requests_on_loopback_name_hub_and_connection_and_need_no_key() {
    const B: &str = "http://127.0.0.1:17071/durabletask";
    const Q: &str = "taskHub=MyHub&connection=Storage";
    assert_eq!(
        everything(&rpc_binding()).await,
        [
            format!("POST {B}/orchestrators/hello_world?{Q}"),
            format!("POST {B}/orchestrators/hello%20world/a%20%2Bb?{Q}"),
            format!("POST {B}/orchestrators/hello_world/a%20%2Bb?timeout=5&pollingInterval=0.5&{Q}"),
            format!("GET {B}/instances/a%20%2Bb?showHistory=true&showHistoryOutput=false&showInput=true&{Q}"),
            format!("GET {B}/instances/?showInput=true&{Q}"),
            format!(
                "GET {B}/instances/?createdTimeFrom=2031-05-06T07%3A08%3A09.000000Z&createdTimeTo=2031-05-07T00%3A00%3A00.000000Z&runtimeStatus=Running,Failed&showInput=true&{Q}"
            ),
            format!("GET {B}/instances/?instanceIdPrefix=a%26b&showInput=false&top=7&{Q}"),
            format!("DELETE {B}/instances/a%20%2Bb?{Q}"),
            format!(
                "DELETE {B}/instances/?createdTimeFrom=2031-05-06T07%3A08%3A09.000000Z&runtimeStatus=Completed,Failed,Canceled,Terminated&{Q}"
            ),
            format!("POST {B}/instances/a%20%2Bb/raiseEvent/it%27s%20done%3F?{Q}"),
            format!("POST {B}/instances/a%20%2Bb/raiseEvent/go?taskHub=OtherHub&connection=Storage"),
            format!("POST {B}/instances/a%20%2Bb/terminate?reason=50%25%20%26%20more&{Q}"),
            format!("POST {B}/instances/a%20%2Bb/suspend?reason=&{Q}"),
            format!("POST {B}/instances/a%20%2Bb/resume?reason=ok&{Q}"),
            format!("POST {B}/instances/a%20%2Bb/rewind?reason=fixed&{Q}"),
            format!("POST {B}/instances/a%20%2Bb/restart?restartWithNewInstanceId=false&{Q}"),
        ]
    );
}

#[tokio::test]
async fn requests_to_the_webhook_are_the_same_with_the_key_verbatim_at_the_end() {
    let expected: Vec<_> = everything(&rpc_binding())
        .await
        .into_iter()
        .map(|line| {
            line.replace(
                "http://127.0.0.1:17071/durabletask",
                "http://localhost:7071/runtime/webhooks/durabletask",
            ) + "&code=k/=="
        })
        .collect();
    assert_eq!(everything(&webhook_binding()).await, expected);
}

#[tokio::test]
async fn row_095_requests_by_template_keep_the_hosts_query_and_derive_what_it_does_not_name() {
    const B: &str = "http://localhost:7071/runtime/webhooks/durabletask";
    const Q: &str = "taskHub=MyHub&connection=Storage&code=k/==";
    assert_eq!(
        everything(&template_binding()).await,
        [
            format!("POST {B}/orchestrators/hello_world?code=k/=="),
            format!("POST {B}/orchestrators/hello%20world/a%20%2Bb?code=k/=="),
            format!("POST {B}/orchestrators/hello_world/a%20%2Bb?timeout=5&pollingInterval=0.5&code=k/=="),
            format!("GET {B}/instances/a%20%2Bb?{Q}&showHistory=true&showHistoryOutput=false&showInput=true"),
            format!("GET {B}/instances/?{Q}&showInput=true"),
            format!(
                "GET {B}/instances/?{Q}&createdTimeFrom=2031-05-06T07%3A08%3A09.000000Z&createdTimeTo=2031-05-07T00%3A00%3A00.000000Z&runtimeStatus=Running,Failed&showInput=true"
            ),
            format!("GET {B}/instances/?{Q}&instanceIdPrefix=a%26b&showInput=false&top=7"),
            format!("DELETE {B}/instances/a%20%2Bb?{Q}"),
            format!(
                "DELETE {B}/instances/?{Q}&createdTimeFrom=2031-05-06T07%3A08%3A09.000000Z&runtimeStatus=Completed,Failed,Canceled,Terminated"
            ),
            format!("POST {B}/instances/a%20%2Bb/raiseEvent/it%27s%20done%3F?{Q}"),
            format!("POST {B}/instances/a%20%2Bb/raiseEvent/go?connection=Storage&code=k/==&taskHub=OtherHub"),
            format!("POST {B}/instances/a%20%2Bb/terminate?reason=50%25%20%26%20more&{Q}"),
            format!("POST {B}/instances/a%20%2Bb/suspend?{Q}&reason="),
            format!("POST {B}/instances/a%20%2Bb/resume?{Q}&reason=ok"),
            format!("POST {B}/instances/a%20%2Bb/rewind?reason=fixed&{Q}"),
            format!("POST {B}/instances/a%20%2Bb/restart?{Q}&restartWithNewInstanceId=false"),
        ]
    );
}

#[tokio::test]
async fn row_098_a_url_with_the_id_of_another_instance_acts_on_the_one_asked_for() {
    let text = template_binding().to_string().replace("INSTANCEID", "abc123");
    let binding: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(everything(&binding).await, everything(&template_binding()).await);
}

#[tokio::test]
async fn bodies_are_json_once_and_say_so() {
    let (client, recorder) = client(&rpc_binding(), |_| (404, String::new()));
    let _ = client.start_new("f", None, Value::Null).await;
    let _ = client.start_new("f", None, "text").await;
    let _ = client.raise_event("a", "e", json!({"n": [1, 2]})).await;
    let _ = client.terminate("a", "r").await;
    let requests = recorder.requests.lock().unwrap();
    let bodies: Vec<_> = requests.iter().map(|r| r.body().as_ref()).collect();
    assert_eq!(bodies, [b"null".as_slice(), b"\"text\"", b"{\"n\":[1,2]}", b""]);
    assert!(
        requests
            .iter()
            .all(|r| r.headers()["content-type"] == "application/json")
    );
}

#[tokio::test]
async fn what_a_route_cannot_carry_is_refused_before_anything_is_sent() {
    let (client, recorder) = client(&rpc_binding(), |_| (202, String::new()));
    let refused = [
        client.start_new("", None, ()).await.map(drop),
        client.start_new("a/b", None, ()).await.map(drop),
        client.start_new("f", Some("@e@k"), ()).await.map(drop),
        client.start_new("f", Some(&"x".repeat(257)), ()).await.map(drop),
        client
            .start_new("f", None, std::collections::BTreeMap::from([((1, 2), 3)]))
            .await
            .map(drop),
        client.query_status("a?b", false, false, false).await.map(drop),
        client.purge_history("").await.map(drop),
        client.raise_event("a", "x/y", ()).await,
        client.raise_event_for_hub(" ", "a", "x", ()).await,
        client.restart("a#b", true).await.map(drop),
        client.rewind("..", "").await,
        client
            .query_statuses(Utc::now(), None, [Status::Unknown])
            .await
            .map(drop),
        client
            .query_page(&StatusQuery::new().continuation_token(Some("a\nb".to_owned())))
            .await
            .map(drop),
    ];
    for (index, result) in refused.into_iter().enumerate() {
        assert!(
            matches!(result, Err(OrchestrationClientError::InvalidInput { .. })),
            "{index}: {result:?}"
        );
    }
    assert_eq!(recorder.lines(), [""; 0]);
}

#[tokio::test]
async fn a_purge_by_filter_never_asks_for_instances_that_have_not_ended() {
    let (client, recorder) = client(&rpc_binding(), |_| (200, r#"{"instancesDeleted":2}"#.to_owned()));
    let from = time("2031-05-06T07:08:09Z");
    let purged = client
        .purge_histories(from, None, [Status::Running, Status::Pending])
        .await;
    assert_eq!(purged.unwrap().instances_deleted, 0);
    assert_eq!(recorder.lines(), [""; 0]);
    let purged = client
        .purge_histories(from, None, [Status::Running, Status::Failed])
        .await;
    assert_eq!(purged.unwrap().instances_deleted, 2);
    assert!(
        recorder.lines()[0].contains("runtimeStatus=Failed&"),
        "{:?}",
        recorder.lines()
    );
}

#[tokio::test]
async fn an_https_address_is_an_error_that_says_what_to_do() {
    let binding = json!({"taskHubName": "MyHub", "baseUrl": "https://example.org/runtime/webhooks/durabletask",
        "requiredQueryStringParameters": "code=s3cr3t"});
    let over_tcp = OrchestrationClient::from_binding(&binding.to_string()).unwrap();
    let error = over_tcp.query_all_statuses().await.unwrap_err();
    assert!(matches!(error, OrchestrationClientError::TlsUnavailable { .. }));
    assert!(error.to_string().contains("https://example.org needs TLS"), "{error}");
    assert!(!format!("{error} {error:?} {over_tcp:?}").contains("s3cr3t"));
    // Another transport may well have TLS, or no need of it.
    let (client, recorder) = client(&binding, |_| (200, "[]".to_owned()));
    assert!(client.query_all_statuses().await.unwrap().is_empty());
    assert_eq!(recorder.lines().len(), 1);
}

/// A transport with a time of its own: an hour passes when the test says so.
#[derive(Clone, Debug, Default)]
struct OwnTime(Arc<Mutex<(Duration, Vec<Duration>)>>);

impl Transport for OwnTime {
    fn send(&self, _: Request<Bytes>, limit: Duration) -> Exchange {
        self.0.lock().unwrap().1.push(limit);
        Box::pin(async { Ok(Response::new(status(Status::Running).into())) })
    }

    fn sleep(&self, time: Duration) -> Pause {
        let clock = Arc::clone(&self.0);
        let due = clock.lock().unwrap().0.saturating_add(time);
        Box::pin(std::future::poll_fn(move |_| match clock.lock().unwrap().0 >= due {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }))
    }
}

/// Without any runtime: tokio's time would panic.
#[test]
fn a_wait_takes_the_time_of_its_transport() {
    let (minute, own) = (Duration::from_secs(60), OwnTime::default());
    let client = OrchestrationClient::from_binding(&rpc_binding().to_string()).unwrap();
    let client = client
        .with_transport(Arc::new(own.clone()))
        .with_request_timeout(minute / 2);
    let mut wait = Box::pin(client.wait_for_completion("a", minute * 5 / 2, minute));
    let mut context = Context::from_waker(Waker::noop());
    let mut polls = 0;
    let outcome = loop {
        match wait.as_mut().poll(&mut context) {
            Poll::Ready(outcome) => break outcome.unwrap(),
            Poll::Pending => own.0.lock().unwrap().0 += minute / 2,
        }
        polls += 1;
    };
    assert_eq!(outcome.finished(), None);
    assert_eq!(polls, 5);
    // At once, after one and two minutes, and when the time is up; each with the client's limit.
    assert_eq!(own.0.lock().unwrap().1, [minute / 2; 4]);
}

#[tokio::test]
async fn what_a_transport_reports_becomes_the_error_of_the_operation() {
    #[derive(Debug)]
    struct Broken(fn() -> TransportError);
    impl Transport for Broken {
        fn send(&self, _: Request<Bytes>, _: Duration) -> Exchange {
            let error = self.0();
            Box::pin(async { Err(error) })
        }
    }
    for (report, message) in [
        (
            (|| TransportError::failed("no host there")) as fn() -> _,
            "cannot query instances: no answer from http://127.0.0.1:17071 (no host there)",
        ),
        (
            || TransportError::Timeout,
            "cannot query instances: no answer within 100 s",
        ),
    ] {
        let client = OrchestrationClient::from_binding(&rpc_binding().to_string()).unwrap();
        let client = client.with_transport(Arc::new(Broken(report)));
        assert_eq!(client.query_all_statuses().await.unwrap_err().to_string(), message);
    }
}

fn status(status: Status) -> String {
    json!({"name": "f", "instanceId": "a", "runtimeStatus": status, "input": null, "output": {"n": 1}}).to_string()
}

#[tokio::test(start_paused = true)]
async fn a_wait_looks_at_once_then_in_steps_then_once_at_the_end() {
    let (client, recorder) = client(&rpc_binding(), |_| (202, status(Status::Running)));
    let start = tokio::time::Instant::now();
    let outcome = client
        .wait_for_completion("a", Duration::from_millis(2500), Duration::from_secs(1))
        .await
        .unwrap();
    assert!(!outcome.is_finished());
    assert_eq!(outcome.status().runtime_status, Status::Running);
    assert!(start.elapsed() >= Duration::from_millis(2500) && start.elapsed() < Duration::from_millis(2600));
    assert_eq!(recorder.lines().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_with_the_instance_whatever_the_status_code_says() {
    for (code, ended) in [
        (200, Status::Completed),
        (200, Status::Terminated),
        (500, Status::Failed),
        (202, Status::Canceled),
    ] {
        let (client, recorder) = client(&rpc_binding(), move |number| match number {
            3 => (code, status(ended)),
            _ => (202, status(Status::Running)),
        });
        let outcome = client
            .wait_for_completion("a", Duration::MAX, Duration::from_secs(1))
            .await;
        assert_eq!(outcome.unwrap().finished().unwrap().runtime_status, ended);
        assert_eq!(recorder.lines().len(), 3);
    }
}

#[tokio::test]
async fn a_wait_for_no_instance_is_not_found() {
    let (client, _) = client(&rpc_binding(), |_| (404, String::new()));
    let error = client
        .wait_for_completion("a", Duration::MAX, Duration::from_secs(1))
        .await
        .unwrap_err();
    assert!(matches!(error, OrchestrationClientError::NotFound { .. }));
    assert_eq!(error.instance_id(), Some("a"));
    assert_eq!(
        error.to_string(),
        "cannot wait for instance `a`: task hub `MyHub` has no such instance"
    );
}

#[tokio::test(start_paused = true)]
async fn row_104_wait_or_check_status_answers_by_how_the_instance_ended() {
    let second = Duration::from_secs(1);
    for (ended, code) in [
        (Status::Completed, 200),
        (Status::Canceled, 200),
        (Status::Terminated, 200),
        (Status::Failed, 500),
        (Status::Running, 202),
    ] {
        let (client, _) = client(&rpc_binding(), move |_| (200, status(ended)));
        let start = tokio::time::Instant::now();
        let response = client
            .wait_for_completion_or_create_check_status_response(None, "a", second * 10, second)
            .await
            .unwrap();
        assert_eq!(response.status, code);
        assert_eq!(start.elapsed().as_secs(), if code == 202 { 10 } else { 0 });
        assert_eq!(response.header("content-type"), Some("application/json"));
        match ended {
            Status::Completed => assert_eq!(response.body, json!({"n": 1})),
            Status::Running => assert_eq!(response.body["id"], "a"),
            _ => assert_eq!(response.body["runtimeStatus"], ended.as_str()),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn wait_or_check_status_refuses_a_bad_interval_and_caps_the_timeout() {
    let (client, recorder) = client(&rpc_binding(), |_| (202, status(Status::Running)));
    for (timeout, interval) in [(1, 2), (1, 0)] {
        let (timeout, interval) = (Duration::from_secs(timeout), Duration::from_secs(interval));
        let waited = client
            .wait_for_completion_or_create_check_status_response(None, "a", timeout, interval)
            .await;
        assert!(matches!(waited, Err(OrchestrationClientError::InvalidInput { .. })));
        let waited = client.start_new_and_wait("f", "a", (), timeout, interval).await;
        assert!(matches!(waited, Err(OrchestrationClientError::InvalidInput { .. })));
    }
    assert_eq!(recorder.lines(), [""; 0]);

    let start = tokio::time::Instant::now();
    let (hour, minute) = (Duration::from_secs(3600), Duration::from_secs(60));
    let response = client
        .wait_for_completion_or_create_check_status_response(None, "a", hour, minute)
        .await;
    assert_eq!(response.unwrap().status, 202);
    assert_eq!(start.elapsed().as_secs(), 230);
}

#[test]
fn row_103_check_status_links_follow_the_request_and_keep_their_places() {
    let (client, _) = client(&rpc_binding(), |_| (200, String::new()));
    let response = client.create_check_status_response(Some("https://app.example.org/api/start?x=1"), "a b");
    const B: &str = "https://app.example.org/runtime/webhooks/durabletask/instances/a%20b";
    const Q: &str = "taskHub=MyHub&connection=Storage&code=k/==";
    assert_eq!(
        response.body,
        json!({
            "id": "a b",
            "statusQueryGetUri": format!("{B}?{Q}"),
            "sendEventPostUri": format!("{B}/raiseEvent/{{eventName}}?{Q}"),
            "terminatePostUri": format!("{B}/terminate?reason={{text}}&{Q}"),
            "rewindPostUri": format!("{B}/rewind?reason={{text}}&{Q}"),
            "purgeHistoryDeleteUri": format!("{B}?{Q}"),
            "restartPostUri": format!("{B}/restart?{Q}"),
            "suspendPostUri": format!("{B}/suspend?{Q}&reason={{text}}"),
            "resumePostUri": format!("{B}/resume?{Q}&reason={{text}}"),
        })
    );
    assert_eq!(response.status, 202);
    assert_eq!(response.header("location"), response.body["statusQueryGetUri"].as_str());
    assert_eq!(response.header("retry-after"), Some("10"));
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert!(!format!("{response:?}").contains("code="));
}

#[test]
fn check_status_links_begin_with_the_public_base_if_there_is_one() {
    let location = |client: &OrchestrationClient, request: Option<&str>| {
        let response = client.create_check_status_response(request, "a");
        let location = response.header("Location").unwrap();
        location[..location.find("/runtime").unwrap()].to_owned()
    };
    let (client, _) = client(&webhook_binding(), |_| (200, String::new()));
    assert_eq!(location(&client, None), "http://localhost:7071");
    assert_eq!(location(&client, Some("/api/start")), "http://localhost:7071");
    assert_eq!(
        location(&client, Some("http://10.0.0.1:8080/api/start")),
        "http://10.0.0.1:8080"
    );
    let client = client.with_public_base("https://example.org/front/").unwrap();
    assert_eq!(
        location(&client, Some("http://10.0.0.1:8080/api/start")),
        "https://example.org/front"
    );
    assert!(client.with_public_base("example.org").is_err());
}

#[test]
fn check_status_links_are_built_where_the_binding_has_none() {
    let binding = json!({"taskHubName": "MyHub", "baseUrl": "http://h:1/base", "requiredQueryStringParameters": ""});
    let (client, _) = client(&binding, |_| (200, String::new()));
    let body = client.create_check_status_response(None, "a").body;
    assert_eq!(body["statusQueryGetUri"], "http://h:1/base/instances/a?taskHub=MyHub");
    assert_eq!(
        body["rewindPostUri"],
        "http://h:1/base/instances/a/rewind?reason={text}&taskHub=MyHub"
    );
}

#[test]
fn a_call_is_a_send_future_and_the_client_is_shareable() {
    fn check<T: Send + Sync + Clone + 'static>(_: &T) {}
    fn check_future<T: Send>(_: T) {}
    let (client, _) = client(&rpc_binding(), |_| (200, String::new()));
    check(&client);
    check_future(client.start_new("f", Some("a"), json!(1)));
    check_future(client.query_all_statuses());
    check_future(client.wait_for_completion("a", Duration::ZERO, Duration::ZERO));
}
