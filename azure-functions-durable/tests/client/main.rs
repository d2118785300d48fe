//! The client against a scripted host over TCP: what every status code of every operation means to a caller, for both
//! vintages of hosts.
#![cfg(feature = "client")]

#[cfg(feature = "grpc")]
mod grpc;
#[cfg(feature = "grpc")]
mod grpc_host;
#[cfg(feature = "grpc")]
mod recorded;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use azure_functions_durable::{
    ClientWire, EntityId, EntityQuery, OrchestrationClient, OrchestrationClientError as Error,
    OrchestrationRuntimeStatus as Status, StatusQuery, TraceContext, WaitOutcome,
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Clone, Debug)]
struct Seen {
    line: String,
    body: String,
    continuation_token: Option<String>,
    /// `traceparent` and `tracestate`.
    trace: [Option<String>; 2],
    peer: SocketAddr,
}

struct Answer {
    status: u16,
    body: String,
    continuation_token: &'static str,
}

// By value, for the sake of the many calls.
#[allow(clippy::needless_pass_by_value)]
fn answer(status: u16, body: impl ToString) -> Answer {
    Answer {
        status,
        body: body.to_string(),
        continuation_token: "",
    }
}

type Script = Arc<dyn Fn(&Seen) -> Answer + Send + Sync>;

/// A host that answers by a script and remembers what it was asked.
#[derive(Clone)]
struct Stub {
    script: Script,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Stub {
    async fn start(script: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> (OrchestrationClient, Self) {
        let stub = Self {
            script: Arc::new(script),
            seen: Arc::default(),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = Router::new()
            .fallback(Self::handle)
            .with_state(stub.clone())
            .into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        let binding = json!({
            "taskHubName": "MyHub",
            "creationUrls": {}, "managementUrls": {},
            "rpcBaseUrl": format!("http://{address}/durabletask/"),
        });
        (OrchestrationClient::from_binding(&binding.to_string()).unwrap(), stub)
    }

    async fn handle(
        State(stub): State<Self>,
        axum::extract::ConnectInfo(peer): axum::extract::ConnectInfo<SocketAddr>,
        method: Method,
        uri: Uri,
        headers: HeaderMap,
        body: Bytes,
    ) -> (StatusCode, HeaderMap, String) {
        let seen = Seen {
            line: format!("{method} {}", uri.path_and_query().unwrap()),
            body: String::from_utf8(body.to_vec()).unwrap(),
            continuation_token: headers
                .get("x-ms-continuation-token")
                .map(|token| token.to_str().unwrap().to_owned()),
            trace: ["traceparent", "tracestate"].map(|name| Some(headers.get(name)?.to_str().unwrap().to_owned())),
            peer,
        };
        let answer = (stub.script)(&seen);
        stub.seen.lock().unwrap().push(seen);
        let mut headers = HeaderMap::new();
        headers.insert("content-type", "application/json; charset=utf-8".parse().unwrap());
        headers.insert("x-ms-continuation-token", answer.continuation_token.parse().unwrap());
        (StatusCode::from_u16(answer.status).unwrap(), headers, answer.body)
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

/// A client whose host gives always the same answer.
async fn always(status: u16, body: impl ToString) -> OrchestrationClient {
    let body = body.to_string();
    Stub::start(move |_| answer(status, &body)).await.0
}

fn status(id: &str, status: &str) -> Value {
    json!({"name": "f", "instanceId": id, "runtimeStatus": status, "input": null, "customStatus": null,
        "output": null, "createdTime": "2031-05-06T07:08:09Z", "lastUpdatedTime": "2031-05-06T07:08:10Z"})
}

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

#[tokio::test]
async fn start_returns_the_id_that_the_host_gives() {
    let (client, stub) = Stub::start(|_| answer(202, json!({"id": "abc", "statusQueryGetUri": "http://h/x"}))).await;
    assert_eq!(client.task_hub(), "MyHub");
    assert_eq!(client.start_new("hello_world", None, json!([1])).await.unwrap(), "abc");
    let seen = stub.seen();
    assert_eq!(
        seen[0].line,
        "POST /durabletask/orchestrators/hello_world?taskHub=MyHub"
    );
    assert_eq!(seen[0].body, "[1]");
}

#[tokio::test]
async fn start_of_an_unknown_orchestration_says_so_with_the_exact_message() {
    const TEXT: &str = "The function 'x' doesn't exist, is disabled, or is not an orchestrator function.";
    let client = always(
        400,
        json!({"Message": "One or more of the arguments submitted is incorrect",
            "ExceptionMessage": TEXT, "ExceptionType": "System.ArgumentException"}),
    )
    .await;
    let error = client.start_new("x", None, ()).await.unwrap_err();
    assert!(matches!(&error, Error::UnknownOrchestration { message, .. } if message == TEXT));
    assert_eq!(error.to_string(), format!("cannot start orchestration `x`: {TEXT}"));
    assert_eq!(error.status_code(), Some(400));

    let client = always(400, json!({"Message": "too bad"})).await;
    let error = client.start_new("x", None, ()).await.unwrap_err();
    assert!(matches!(error, Error::BadRequest { message, .. } if message == "too bad"));
}

#[tokio::test]
async fn start_with_a_taken_id_already_exists_on_both_vintages() {
    const TEXT: &str = "An Orchestration instance with the status Running already exists.";
    for client in [
        always(409, json!({"Message": TEXT})).await,
        always(
            500,
            json!({"Message": "Something went wrong", "ExceptionMessage": TEXT}),
        )
        .await,
    ] {
        let error = client.start_new("f", Some("a"), ()).await.unwrap_err();
        assert!(
            matches!(&error, Error::AlreadyExists { instance_id, .. } if instance_id == "a"),
            "{error:?}"
        );
    }
    let client = always(500, json!({"Message": "Something went wrong"})).await;
    let error = client.start_new("f", Some("a"), ()).await.unwrap_err();
    assert!(matches!(error, Error::Unexpected { status: 500, .. }));
}

#[tokio::test]
async fn an_answer_without_an_id_is_an_invalid_response() {
    for body in ["", "{}", "<html>", "[]"] {
        let error = always(202, body).await.start_new("f", None, ()).await.unwrap_err();
        assert!(matches!(error, Error::InvalidResponse { .. }));
        assert!(std::error::Error::source(&error).is_some());
    }
}

#[tokio::test]
async fn a_status_is_read_from_any_code_that_brings_one() {
    for (code, name) in [
        (200, "Completed"),
        (202, "Suspended"),
        (500, "Failed"),
        (500, "Hibernating"),
    ] {
        let client = always(code, status("a", name)).await;
        let status = client.query_status("a", true, true, true).await.unwrap().unwrap();
        assert_eq!(status.instance_id, "a");
        assert_eq!(status.runtime_status, name.parse().unwrap_or(Status::Unknown));
    }
    let none = always(404, "")
        .await
        .query_status("a", false, false, false)
        .await
        .unwrap();
    assert_eq!(none, None);
}

#[tokio::test]
async fn a_status_query_that_fails_keeps_code_and_text_but_no_key() {
    let client = always(500, json!({"Message": "failed at http://h/x?code=s3cr3t&y=1"})).await;
    let error = client.query_status("a", false, false, false).await.unwrap_err();
    assert!(matches!(&error, Error::Unexpected { status: 500, body, .. } if body.ends_with("?code=***&y=1")));
    assert_eq!(error.status_code(), Some(500));
    let client = always(503, "<html>busy</html>").await;
    let error = client.query_status("a", false, false, false).await.unwrap_err();
    assert!(matches!(&error, Error::Unexpected { status: 503, body, .. } if body == "<html>busy</html>"));
    let client = always(200, "nonsense").await;
    let error = client.query_status("a", false, false, false).await.unwrap_err();
    assert!(matches!(error, Error::InvalidResponse { .. }));
}

#[tokio::test]
async fn lists_follow_the_continuation_token_to_the_end_and_leave_out_entities() {
    let (client, stub) = Stub::start(|seen| {
        let (ids, continuation_token): (&[&str], _) = match seen.continuation_token.as_deref() {
            None => (&["a", "@counter@x"], "page 2"),
            Some("page 2") => (&["@counter@y"], "page 3"),
            _ => (&["b", "c"], ""),
        };
        let body = Value::from_iter(ids.iter().map(|id| status(id, "Running")));
        Answer {
            continuation_token,
            ..answer(200, body)
        }
    })
    .await;
    let ids = |statuses: Vec<azure_functions_durable::OrchestrationStatusQueryResult>| {
        statuses.into_iter().map(|s| s.instance_id).collect::<Vec<_>>()
    };
    assert_eq!(ids(client.query_all_statuses().await.unwrap()), ["a", "b", "c"]);
    let found = client
        .query_statuses(time("2031-05-06T07:08:09Z"), None, [Status::Running])
        .await;
    assert_eq!(ids(found.unwrap()), ["a", "b", "c"]);
    let tokens: Vec<_> = stub.seen().into_iter().map(|s| s.continuation_token).collect();
    let expected = [None, Some("page 2".to_owned()), Some("page 3".to_owned())];
    assert_eq!(tokens, [expected.clone(), expected].concat());

    let page = client.query_page(&StatusQuery::new().top(2)).await.unwrap();
    assert_eq!(page.continuation_token.as_deref(), Some("page 2"));
    assert_eq!(ids(page.statuses), ["a"]);
    let next = StatusQuery::new().top(2).continuation_token(Some("page 3".to_owned()));
    let page = client.query_page(&next).await.unwrap();
    assert_eq!(page.continuation_token, None);
    assert_eq!(ids(page.statuses), ["b", "c"]);
}

#[tokio::test]
async fn a_list_that_goes_in_a_circle_ends_with_an_error() {
    let (client, stub) = Stub::start(|_| Answer {
        continuation_token: "again",
        ..answer(200, "[]")
    })
    .await;
    let error = client.query_all_statuses().await.unwrap_err();
    assert!(matches!(error, Error::InvalidResponse { .. }));
    assert_eq!(stub.seen().len(), 2);
}

#[tokio::test]
async fn purges_count_and_nothing_to_purge_is_zero() {
    let from = time("2031-05-06T07:08:09Z");
    let client = always(200, json!({"instancesDeleted": 3})).await;
    assert_eq!(client.purge_history("a").await.unwrap().instances_deleted, 3);
    assert_eq!(
        client
            .purge_histories(from, Some(from), [])
            .await
            .unwrap()
            .instances_deleted,
        3
    );
    let client = always(404, "").await;
    assert_eq!(client.purge_history("a").await.unwrap().instances_deleted, 0);
    assert_eq!(
        client.purge_histories(from, None, []).await.unwrap().instances_deleted,
        0
    );
    let client = always(412, "\"still runs\"").await;
    let error = client.purge_history("a").await.unwrap_err();
    assert!(
        matches!(&error, Error::Conflict { status: 412, message, .. } if message == "still runs"),
        "{error:?}"
    );
    let client = always(400, "\"no createdTimeFrom\"").await;
    let error = client.purge_histories(from, None, []).await.unwrap_err();
    assert!(matches!(error, Error::BadRequest { message, .. } if message == "no createdTimeFrom"));
}

#[tokio::test]
async fn every_operation_knows_missing_and_ended_instances() {
    for (code, body) in [
        (202, ""),
        (404, ""),
        (404, "\"No instance\""),
        (410, ""),
        (400, "{}"),
        (501, ""),
    ] {
        let client = always(code, body).await;
        let results = [
            client.raise_event("a", "e", 1).await,
            client.raise_event_for_hub("OtherHub", "a", "e", 1).await,
            client.terminate("a", "r").await.map(drop),
            client.suspend("a", "r").await,
            client.resume("a", "r").await,
            client.rewind("a", "r").await,
        ];
        for (index, result) in results.into_iter().enumerate() {
            let hub = if index == 1 { "OtherHub" } else { "MyHub" };
            match (code, &result) {
                (202, Ok(()))
                | (410, Err(Error::AlreadyDone { .. }))
                | (400, Err(Error::BadRequest { .. }))
                | (501, Err(Error::Unexpected { status: 501, .. })) => {}
                (404, Err(Error::NotFound { task_hub, .. })) => assert_eq!(task_hub, hub),
                _ => panic!("{code} of operation {index} became {result:?}"),
            }
        }
    }
}

#[tokio::test]
async fn row_090_an_event_for_another_hub_names_it() {
    let (client, stub) = Stub::start(|_| answer(202, "")).await;
    client
        .raise_event_for_hub("OtherHub", "a", "go", json!({"n": 1}))
        .await
        .unwrap();
    assert_eq!(
        stub.seen()[0].line,
        "POST /durabletask/instances/a/raiseEvent/go?taskHub=OtherHub"
    );
    assert_eq!(stub.seen()[0].body, r#"{"n":1}"#);
}

#[tokio::test]
async fn row_094_errors_tell_what_to_do_apart() {
    fn is_error(error: Error) -> Box<dyn std::error::Error + Send + Sync> {
        Box::new(error)
    }
    let not_found = always(404, "").await.terminate("a", "r").await.unwrap_err();
    assert!(matches!(not_found, Error::NotFound { .. }), "{not_found:?}");
    let done = always(410, "").await.terminate("a", "r").await.unwrap_err();
    assert!(matches!(done, Error::AlreadyDone { .. }), "{done:?}");
    let bad = always(400, json!({"Message": "Invalid JSON content"})).await;
    let bad = bad.raise_event("a", "e", 1).await.unwrap_err();
    assert!(matches!(bad, Error::BadRequest { .. }), "{bad:?}");
    let no_host = OrchestrationClient::from_binding(
        r#"{"taskHubName": "MyHub", "creationUrls": {}, "rpcBaseUrl": "http://127.0.0.1:1/"}"#,
    );
    let transport = no_host.unwrap().terminate("a", "r").await.unwrap_err();
    assert!(matches!(transport, Error::Transport { .. }), "{transport:?}");

    let codes = [&not_found, &done, &bad, &transport].map(Error::status_code);
    assert_eq!(codes, [Some(404), Some(410), Some(400), None]);
    for error in [not_found, done, bad, transport] {
        assert!(is_error(error).to_string().starts_with("cannot "));
    }
}

/// A host that refuses with 500 as the older ones do, for an instance in this state.
async fn refusing(state: &'static str) -> OrchestrationClient {
    let script = move |seen: &Seen| match seen.line.starts_with("GET") {
        true => answer(202, status("a", state)),
        false => answer(500, json!({"Message": "Something went wrong"})),
    };
    Stub::start(script).await.0
}

#[tokio::test]
async fn a_wrong_state_is_a_conflict_on_both_vintages() {
    let client = always(412, "\"not failed\"").await;
    assert!(matches!(
        client.rewind("a", "r").await,
        Err(Error::Conflict { status: 412, .. })
    ));
    let client = always(409, json!({"Message": "still runs"})).await;
    assert!(matches!(
        client.restart("a", false).await,
        Err(Error::Conflict { status: 409, .. })
    ));

    let client = refusing("Running").await;
    assert!(matches!(
        client.rewind("a", "r").await,
        Err(Error::Conflict { status: 500, .. })
    ));
    assert!(matches!(client.resume("a", "r").await, Err(Error::Conflict { .. })));
    assert!(matches!(client.restart("a", false).await, Err(Error::Conflict { .. })));
    assert!(matches!(
        client.suspend("a", "r").await,
        Err(Error::Unexpected { status: 500, .. })
    ));
    let client = refusing("Suspended").await;
    assert!(matches!(client.suspend("a", "r").await, Err(Error::Conflict { .. })));
    assert!(matches!(client.resume("a", "r").await, Err(Error::Unexpected { .. })));
    let client = refusing("Failed").await;
    assert!(matches!(
        client.rewind("a", "r").await,
        Err(Error::Unexpected { status: 500, .. })
    ));
}

#[tokio::test]
async fn restart_returns_the_id_of_what_it_started() {
    let (client, stub) = Stub::start(|_| answer(202, json!({"id": "b"}))).await;
    assert_eq!(client.restart("a", true).await.unwrap(), "b");
    assert_eq!(
        stub.seen()[0].line,
        "POST /durabletask/instances/a/restart?restartWithNewInstanceId=true&taskHub=MyHub"
    );
    let text = "InstanceId does not match a valid orchestration instance.";
    for client in [
        always(400, json!({"Message": "generic", "ExceptionMessage": text})).await,
        always(404, "").await,
    ] {
        assert!(matches!(client.restart("a", true).await, Err(Error::NotFound { .. })));
    }
}

#[tokio::test]
async fn a_refused_key_is_unauthorized_on_every_operation() {
    for code in [401, 403] {
        let client = always(code, "").await;
        assert!(matches!(
            client.start_new("f", None, ()).await,
            Err(Error::Unauthorized { .. })
        ));
        assert!(matches!(
            client.query_all_statuses().await,
            Err(Error::Unauthorized { .. })
        ));
        assert!(matches!(
            client.terminate("a", "").await,
            Err(Error::Unauthorized { .. })
        ));
        let error = client.status("a").await.unwrap_err();
        assert!(error.to_string().contains(&format!("(HTTP {code});")), "{error}");
    }
}

#[tokio::test]
async fn waiting_sees_the_end_or_the_last_status() {
    let count = Mutex::new(0);
    let (client, _) = Stub::start(move |_| {
        let mut count = count.lock().unwrap();
        *count += 1;
        match *count {
            3 => answer(200, status("a", "Completed")),
            _ => answer(202, status("a", "Running")),
        }
    })
    .await;
    let (long, tick) = (Duration::from_secs(60), Duration::from_millis(1));
    let outcome = client.wait_for_completion("a", long, tick).await.unwrap();
    assert!(matches!(outcome, WaitOutcome::Finished(status) if status.runtime_status == Status::Completed));
    let outcome = client.wait_for_completion("a", Duration::ZERO, tick).await.unwrap();
    assert!(matches!(outcome, WaitOutcome::TimedOut(status) if status.runtime_status == Status::Running));
}

#[tokio::test]
async fn start_and_wait_asks_for_the_status_since_the_answer_may_be_the_bare_output() {
    let (client, stub) = Stub::start(|seen| match seen.line.starts_with("POST") {
        true => answer(200, "[\"bare\"]"),
        false => answer(200, status("a", "Completed")),
    })
    .await;
    let second = Duration::from_secs(1);
    let outcome = client
        .start_new_and_wait("f", "a", (), second * 5, second)
        .await
        .unwrap();
    assert!(outcome.is_finished());
    assert_eq!(
        stub.seen()[0].line,
        "POST /durabletask/orchestrators/f/a?timeout=5&pollingInterval=1&taskHub=MyHub"
    );
}

#[tokio::test]
async fn clients_of_one_process_share_a_connection() {
    let (client, stub) = Stub::start(|_| answer(202, "")).await;
    for index in 0..8 {
        client.clone().terminate("a", &index.to_string()).await.unwrap();
    }
    let peers: std::collections::BTreeSet<_> = stub.seen().into_iter().map(|seen| seen.peer).collect();
    assert_eq!(peers.len(), 1);
}

#[test]
fn a_connection_of_a_runtime_that_is_gone_is_not_used_again() {
    let new_runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let host = tokio::runtime::Runtime::new().unwrap();
    let (client, stub) = host.block_on(Stub::start(|_| answer(202, "")));
    for _ in 0..20 {
        new_runtime().block_on(client.terminate("a", "r")).unwrap();
    }
    assert_eq!(stub.seen().len(), 20);
}

#[tokio::test]
async fn a_host_that_is_not_there_is_a_transport_error_with_its_address_and_cause() {
    // Bound and dropped: there is no listener on this port.
    let address = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let binding = json!({"taskHubName": "MyHub", "creationUrls": {}, "rpcBaseUrl": format!("http://{address}/")});
    let client = OrchestrationClient::from_binding(&binding.to_string()).unwrap();
    let error = client.terminate("a", "r").await.unwrap_err();
    assert!(matches!(error, Error::Transport { .. }), "{error:?}");
    let text = error.to_string().to_lowercase();
    assert!(
        text.contains(&format!("http://{address}")) && text.contains("refused"),
        "{text}"
    );
    assert!(std::error::Error::source(&error).is_some());
}

#[tokio::test]
async fn a_host_that_does_not_answer_is_a_timeout() {
    // Accepts connections (in its backlog) and never reads from them.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let binding = json!({"taskHubName": "MyHub", "creationUrls": {}, "rpcBaseUrl": format!("http://{address}/")});
    let client = OrchestrationClient::from_binding(&binding.to_string())
        .unwrap()
        .with_request_timeout(Duration::from_millis(20));
    let error = client.terminate("a", "r").await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "cannot terminate instance `a`: no answer within 0.02 s"
    );
}

#[tokio::test]
async fn lists_of_entities_follow_the_continuation_token_to_the_end() {
    let (client, stub) = Stub::start(|seen| {
        let (keys, continuation_token): (&[&str], _) = match seen.continuation_token.as_deref() {
            None => (&["a", ""], "page 2"),
            Some("page 2") => (&[], "page 3"),
            _ => (&["B"], ""),
        };
        let entities: Vec<_> = keys
            .iter()
            .map(|key| {
                json!({"entityId": {"name": "counter", "key": key}, "lastOperationTime": "2031-05-06T07:08:09.1Z", "state": 3})
            })
            .collect();
        Answer {
            continuation_token,
            ..answer(200, json!(entities))
        }
    })
    .await;
    let query = EntityQuery::new().name("Counter").fetch_state(true);
    let entities = client.list_entities(&query).await.unwrap();
    let ids: Vec<_> = entities.iter().map(|entity| entity.entity_id.to_string()).collect();
    assert_eq!(ids, ["@counter@a", "@counter@", "@counter@B"]);
    assert!(entities.iter().all(|entity| entity.state_as::<u8>().unwrap() == 3));
    let tokens: Vec<_> = stub.seen().into_iter().map(|s| s.continuation_token).collect();
    assert_eq!(tokens, [None, Some("page 2".to_owned()), Some("page 3".to_owned())]);
    let page = client.list_entities_page(&query).await.unwrap();
    assert_eq!(
        (page.entities.len(), page.continuation_token.as_deref()),
        (2, Some("page 2"))
    );

    let (client, _) = Stub::start(|_| Answer {
        continuation_token: "again",
        ..answer(200, json!([]))
    })
    .await;
    let error = client.list_entities(&EntityQuery::new()).await.unwrap_err();
    assert!(matches!(error, Error::InvalidResponse { .. }), "{error}");
}

#[tokio::test]
async fn what_http_cannot_carry_is_refused_and_not_sent() {
    let (client, stub) = Stub::start(|_| answer(200, "")).await;
    assert_eq!(client.wire(), ClientWire::Http);
    let entity = EntityId::new("counter", "a").unwrap();
    let keys = EntityQuery::new().name("counter").key_prefix("a");
    let transient = EntityQuery::new().include_transient(true);
    let at = time("2031-05-06T07:08:09Z");
    let refused: [(&str, Result<(), Error>); 10] = [
        (
            "tags",
            client.start_orchestration("f", ()).tag("a", "b").await.map(drop),
        ),
        (
            "a start time",
            client.start_orchestration("f", ()).start_at(at).await.map(drop),
        ),
        (
            "instances to keep",
            client.start_orchestration("f", ()).keep_existing([]).await.map(drop),
        ),
        ("history", client.stream_history("a").await.map(drop)),
        ("purges", client.purge_history_recursive("a").await.map(drop)),
        (
            "tags",
            client.query_page(&StatusQuery::new().tag("a", "b")).await.map(drop),
        ),
        ("no such operation", client.clean_entity_storage().await.map(drop)),
        (
            "signals at once only",
            client.signal_entity_at(&entity, "add", at, 1).await,
        ),
        ("prefix", client.list_entities_page(&keys).await.map(drop)),
        ("prefix", client.list_entities_page(&transient).await.map(drop)),
    ];
    for (word, refused) in refused {
        let error = refused.unwrap_err();
        assert!(
            matches!(
                error,
                Error::Unsupported {
                    wire: ClientWire::Http,
                    ..
                }
            ),
            "{error:?}"
        );
        let text = error.to_string();
        assert!(text.contains(" over HTTP: ") && text.contains(word), "{text}");
    }
    assert!(stub.seen().is_empty());
}

#[tokio::test]
async fn starts_and_signals_carry_the_trace_of_the_client_in_their_headers() {
    let (client, stub) = Stub::start(|_| answer(202, json!({"id": "a"}))).await;
    let counter = EntityId::new("counter", "1").unwrap();
    client.start_orchestration("f", 1).await.unwrap();
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let client = client.with_trace_context(TraceContext::parse(parent, Some("vendor=1")).unwrap());
    client.start_orchestration("f", 1).await.unwrap();
    client.signal_entity(&counter, "add", 1).await.unwrap();
    client.raise_event("a", "go", ()).await.unwrap();
    let seen: Vec<_> = stub.seen().into_iter().map(|seen| seen.trace).collect();
    let traced = [Some(parent.to_owned()), Some("vendor=1".to_owned())];
    assert_eq!(seen, [[None, None], traced.clone(), traced, [None, None]]);
}

#[tokio::test]
async fn a_version_goes_into_the_query_of_a_start() {
    let (client, stub) = Stub::start(|_| answer(202, json!({"id": "a"}))).await;
    let start = client.start_orchestration("f", 1).instance_id("a").version("2.1 beta");
    assert_eq!(start.await.unwrap(), "a");
    assert_eq!(
        stub.seen()[0].line,
        "POST /durabletask/orchestrators/f/a?version=2.1%20beta&taskHub=MyHub"
    );
}

#[tokio::test]
async fn a_status_without_payloads_has_neither_output_nor_custom_status() {
    let mut whole = status("a", "Completed");
    whole["output"] = json!("large");
    whole["customStatus"] = json!("large");
    let client = always(200, whole).await;
    let found = client.status("a").without_payloads().await.unwrap().unwrap();
    assert_eq!((found.output, found.custom_status), (Value::Null, Value::Null));
    assert_eq!(client.status("a").await.unwrap().unwrap().output, "large");
}

#[tokio::test]
async fn a_reason_may_be_any_value() {
    let (client, stub) = Stub::start(|_| answer(202, "")).await;
    client.terminate("a", json!({"n": 1})).await.unwrap();
    client.terminate("a", ()).await.unwrap();
    let lines: Vec<_> = stub.seen().into_iter().map(|seen| seen.line).collect();
    assert_eq!(
        lines,
        [
            "POST /durabletask/instances/a/terminate?reason=%7B%22n%22%3A1%7D&taskHub=MyHub",
            "POST /durabletask/instances/a/terminate?reason=&taskHub=MyHub"
        ]
    );
}

#[tokio::test]
async fn a_listing_asks_for_a_page_when_the_last_one_is_used_up_and_ends_with_an_error() {
    let (client, stub) = Stub::start(|seen| match seen.continuation_token.as_deref() {
        None => Answer {
            continuation_token: "page 2",
            ..answer(200, json!([status("a", "Running"), status("b", "Running")]))
        },
        _ => answer(503, "busy"),
    })
    .await;
    let mut listing = client.instances(StatusQuery::new());
    assert!(stub.seen().is_empty());
    for id in ["a", "b"] {
        assert_eq!(listing.next_entry().await.unwrap().unwrap().instance_id, id);
        assert_eq!(stub.seen().len(), 1);
    }
    assert!(matches!(
        listing.next_entry().await,
        Err(Error::Unexpected { status: 503, .. })
    ));
    assert_eq!(listing.next_entry().await.unwrap(), None);
    assert_eq!(stub.seen().len(), 2);
}

#[tokio::test]
async fn a_start_is_waited_for_until_the_instance_is_not_pending() {
    let count = Mutex::new(0);
    let (client, _) = Stub::start(move |_| {
        let mut count = count.lock().unwrap();
        *count += 1;
        answer(202, status("a", if *count < 2 { "Pending" } else { "Running" }))
    })
    .await;
    let begun = client
        .wait_for_start("a", Duration::from_secs(60))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(begun.runtime_status, Status::Running);
    let pending = always(202, status("a", "Pending")).await;
    assert_eq!(pending.wait_for_start("a", Duration::ZERO).await.unwrap(), None);
    let no_host = always(404, "")
        .await
        .wait_for_start("a", Duration::ZERO)
        .await
        .unwrap_err();
    assert!(matches!(no_host, Error::NotFound { .. }));
}

#[tokio::test]
async fn an_entity_is_looked_at_with_what_http_tells() {
    let entity = EntityId::new("counter", "a").unwrap();
    let client = always(200, "3").await;
    let found = client.get_entity(&entity, true).await.unwrap().unwrap();
    assert_eq!((found.state_as::<u8>().unwrap(), found.backlog_queue_size), (3, None));
    assert_eq!(
        client.get_entity(&entity, false).await.unwrap().unwrap().state,
        Value::Null
    );
    assert_eq!(always(404, "").await.get_entity(&entity, true).await.unwrap(), None);
}
