//! The client over gRPC: which address and headers it uses, what it repeats, and what it makes of hosts that do not answer as they
//! should.

use crate::grpc_host::{GrpcHost, Reply, answers};
use azure_functions_durable::{
    ClientWire, EntityId, Exchange, HistoryEventKind, OrchestrationClient, OrchestrationClientError as Error,
    OrchestrationRuntimeStatus as Status, Retries, StatusQuery, TraceContext, Transport, WaitOutcome, protobuf,
};
use bytes::Bytes;
use prost::Message as _;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::sync::Semaphore;

const MINUTE: Duration = Duration::from_secs(60);

fn state(id: &str, status: Status) -> protobuf::OrchestrationState {
    protobuf::OrchestrationState {
        instance_id: id.to_owned(),
        name: "f".to_owned(),
        orchestration_status: status.code(),
        ..protobuf::OrchestrationState::default()
    }
}

fn instance(id: &str, status: Status) -> Reply {
    answers(&protobuf::GetInstanceResponse {
        exists: true,
        orchestration_state: Some(state(id, status)),
    })
}

fn completed() -> Vec<u8> {
    prost::Message::encode_to_vec(&protobuf::GetInstanceResponse {
        exists: true,
        orchestration_state: Some(state("a", Status::Completed)),
    })
}

fn nothing() -> Reply {
    Reply::Answers(vec![Vec::new()])
}

/// Says the same to every call.
async fn always(reply: Reply) -> (OrchestrationClient, GrpcHost) {
    GrpcHost::start(move |_| reply.clone()).await
}

/// Replies one after the other; the last one again and again.
async fn in_turn(replies: impl IntoIterator<Item = Reply>) -> (OrchestrationClient, GrpcHost) {
    let replies: Vec<_> = replies.into_iter().collect();
    let count = AtomicUsize::new(0);
    GrpcHost::start(move |_| {
        let number = count.fetch_add(1, Ordering::Relaxed);
        replies[number.min(replies.len() - 1)].clone()
    })
    .await
}

#[tokio::test]
async fn hub_and_connection_of_the_binding_are_in_every_call() {
    let (client, host) = always(nothing()).await;
    assert_eq!(client.wire(), ClientWire::Grpc);
    assert_eq!(client.task_hub(), "MyHub");
    client.raise_event("a", "go", ()).await.unwrap();
    assert_eq!(host.last().headers["durable-taskhub"], "MyHub");
    assert!(!host.last().headers.contains_key("durable-connectionname"));
    client.raise_event_for_hub("OtherHub", "a", "go", ()).await.unwrap();
    assert_eq!(host.last().headers["durable-taskhub"], "OtherHub");

    let mut binding = host.binding();
    binding["connectionName"] = "Storage".into();
    let client = OrchestrationClient::from_binding(&binding.to_string()).unwrap();
    client.suspend("a", "").await.unwrap();
    assert_eq!(host.last().headers["durable-connectionname"], "Storage");
    assert_eq!(host.last().message, [b"\n\x01a".as_slice()].concat(), "no reason");

    let error = client.raise_event_for_hub("Hub\n", "a", "go", ()).await.unwrap_err();
    assert!(matches!(error, Error::InvalidInput { .. }), "{error:?}");
}

#[tokio::test]
async fn starts_and_signals_carry_the_trace_of_the_client_in_their_messages() {
    let (client, host) = always(answers(&protobuf::CreateInstanceResponse::default())).await;
    let counter = EntityId::new("counter", "1").unwrap();
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let traced = client.clone();
    let traced = traced.with_trace_context(TraceContext::parse(parent, Some("vendor=1")).unwrap());
    let expected = protobuf::TraceContext {
        trace_parent: parent.to_owned(),
        span_id: String::new(),
        trace_state: Some("vendor=1".to_owned()),
    };
    for (client, expected) in [(client, None), (traced, Some(expected))] {
        client.start_orchestration("f", 1).await.unwrap();
        let start = protobuf::CreateInstanceRequest::decode(host.last().message).unwrap();
        assert_eq!(start.parent_trace_context, expected);
        client.signal_entity(&counter, "add", 1).await.unwrap();
        let signal = protobuf::SignalEntityRequest::decode(host.last().message).unwrap();
        assert_eq!(signal.parent_trace_context, expected);
    }
}

#[tokio::test]
async fn clients_of_one_address_share_a_connection_and_another_address_has_its_own() {
    let (_, host) = always(nothing()).await;
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let client = host.client();
            tokio::spawn(async move { client.suspend("a", "r").await })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert!(host.seen().iter().all(|seen| seen.connection == 0));
    let (client, other) = always(nothing()).await;
    client.suspend("a", "r").await.unwrap();
    assert_eq!((host.seen().len(), other.seen().len()), (20, 1));
}

#[test]
fn a_grpc_connection_of_a_runtime_that_is_gone_is_not_used_again() {
    let new_runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let host_runtime = tokio::runtime::Runtime::new().unwrap();
    let (client, host) = host_runtime.block_on(always(nothing()));
    for _ in 0..20 {
        new_runtime().block_on(client.terminate("a", "r")).unwrap();
    }
    assert_eq!(host.seen().len(), 20);
}

#[tokio::test]
async fn a_port_without_a_listener_is_a_transport_error_with_its_address() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let binding = json!({"taskHubName": "MyHub", "rpcBaseUrl": format!("http://{address}")});
    let client = OrchestrationClient::from_binding(&binding.to_string()).unwrap();
    let client = client.with_retries(Retries::new().attempts(3).first_delay(Duration::from_millis(1)));
    let error = client.start_new("f", None, ()).await.unwrap_err();
    assert!(matches!(error, Error::Transport { sent: false, .. }), "{error:?}");
    assert!(!error.may_have_had_its_effect());
    let text = error.to_string().to_lowercase();
    let expected = format!("cannot start orchestration `f`: no answer from http://{address} (");
    assert!(text.starts_with(&expected) && text.contains("refused"), "{text}");
}

#[tokio::test]
async fn a_start_that_may_have_happened_is_not_made_again() {
    for reply in [Reply::HangsUp, Reply::Refuses(14, "shutting down")] {
        let (client, host) = in_turn([reply, nothing()]).await;
        let entity = EntityId::new("counter", "a").unwrap();
        let start = client.start_new("f", Some("a"), ()).await.unwrap_err();
        assert_eq!(host.methods(), ["StartInstance"], "{start:?}");
        let unknown = matches!(
            start,
            Error::Transport { sent: true, .. } | Error::UnexpectedGrpc { code: 14, .. }
        );
        assert!(unknown, "{start:?}");
        assert!(start.may_have_had_its_effect(), "{start:?}");
        // What comes after is another call.
        client.signal_entity(&entity, "add", 1).await.unwrap();
    }
}

#[tokio::test]
async fn what_only_reads_is_asked_again_until_there_is_an_answer() {
    let busy = Reply::Refuses(8, "too many requests");
    let replies = [Reply::HangsUp, Reply::Refuses(14, "starting"), busy, nothing()];
    let (client, host) = in_turn(replies).await;
    assert_eq!(client.status("a").await.unwrap(), None);
    assert_eq!(host.methods(), ["GetInstance"; 4]);
}

#[tokio::test]
async fn a_start_that_the_host_did_not_take_is_made_again_up_to_five_times() {
    let busy = Reply::Refuses(8, "too many requests");
    let (client, host) = in_turn([busy.clone(), busy.clone(), nothing()]).await;
    client.start_new("f", Some("a"), ()).await.unwrap();
    assert_eq!(host.methods().len(), 3);

    let (client, host) = always(busy).await;
    let error = client.start_new("f", Some("a"), ()).await.unwrap_err();
    assert_eq!(host.methods().len(), 5);
    let text =
        "cannot start orchestration `f`: the host answered with gRPC status 8 (RESOURCE_EXHAUSTED): too many requests";
    assert_eq!(error.to_string(), text);
    let once = client.with_retries(Retries::none());
    once.start_new("f", Some("a"), ()).await.unwrap_err();
    assert_eq!(host.methods().len(), 6);
}

#[tokio::test]
async fn a_host_that_is_slow_is_a_timeout() {
    let (client, _host) = always(Reply::Keeps).await;
    let client = client.with_request_timeout(Duration::from_millis(20));
    let error = client.terminate("a", "r").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot terminate instance `a`: no answer within 0.02 s"
    );
    assert!(matches!(error, Error::Timeout { .. }) && error.may_have_had_its_effect());
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_is_an_invalid_response_in_one_sentence() {
    let cut = Reply::Raw(vec![0, 0, 0, 0, 9, 1]);
    let compressed = Reply::Raw(vec![1, 0, 0, 0, 1, 1]);
    let flag = Reply::Raw(vec![9, 0, 0, 0, 0]);
    let huge = Reply::Raw(vec![0, 255, 255, 255, 255, 1, 2, 3]);
    for (name, reply) in [
        ("no message", Reply::Answers(vec![vec![0xff; 40]])),
        ("none", Reply::Answers(Vec::new())),
        ("cut off", cut),
        ("compressed", compressed),
        ("flag", flag),
        ("too large", huge),
        ("404", Reply::Http(404)),
        ("200", Reply::Http(200)),
    ] {
        let (client, host) = always(reply).await;
        let error = client.start_new("f", None, ()).await.unwrap_err();
        assert!(matches!(error, Error::InvalidResponse { .. }), "{name}: {error:?}");
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(
            source.contains("Durable Task extension") && !source.contains('\n'),
            "{name}: {source}"
        );
        assert_eq!(host.seen().len(), 1);
    }
}

#[tokio::test]
async fn what_does_not_speak_http_2_is_a_transport_error() {
    // Answers as a server of HTTP/1 does.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream
                .write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
                .await;
        }
    });
    let binding = json!({"taskHubName": "MyHub", "rpcBaseUrl": format!("http://{address}")});
    let client = OrchestrationClient::from_binding(&binding.to_string()).unwrap();
    let error = client.start_new("f", None, ()).await.unwrap_err();
    assert!(matches!(error, Error::Transport { .. }), "{error:?}");
    assert!(
        error
            .to_string()
            .starts_with("cannot start orchestration `f`: no answer from http://127.0.0.1:"),
        "{error}"
    );

    let binding = json!({"taskHubName": "MyHub", "rpcBaseUrl": "https://localhost:1"});
    let client = OrchestrationClient::from_binding(&binding.to_string()).unwrap();
    let error = client.status("a").await.unwrap_err();
    assert!(matches!(error, Error::TlsUnavailable { .. }), "{error:?}");
}

#[tokio::test]
async fn large_messages_pass_in_both_directions() {
    let text = format!("\"{}\"", "x".repeat(9 << 20));
    let output = text.clone();
    let (client, host) = GrpcHost::start(move |seen| match seen.method.as_str() {
        "StartInstance" => nothing(),
        _ => answers(&protobuf::GetInstanceResponse {
            exists: true,
            orchestration_state: Some(protobuf::OrchestrationState {
                output: Some(output.clone()),
                ..state("a", Status::Completed)
            }),
        }),
    })
    .await;
    let input = &text[1..text.len() - 1];
    client.start_new("f", Some("a"), input).await.unwrap();
    assert!(host.last().message.len() > 9 << 20);
    assert_eq!(client.status("a").await.unwrap().unwrap().output, input);
}

#[tokio::test]
async fn every_grpc_status_means_the_same_on_every_call() {
    for (code, expected) in [
        (3, "BadRequest"),
        (5, "NotFound"),
        (7, "Unauthorized"),
        (12, "Unsupported"),
        (13, "UnexpectedGrpc"),
        (16, "Unauthorized"),
        (99, "UnexpectedGrpc"),
    ] {
        let (client, _host) = always(Reply::Refuses(code, "No. (?code=s3cr3t)")).await;
        let client = client.with_retries(Retries::none());
        for error in [
            client.raise_event("a", "go", 1).await.unwrap_err(),
            client.terminate("a", "r").await.unwrap_err(),
            client.resume("a", "r").await.unwrap_err(),
            client.rewind("a", "r").await.unwrap_err(),
            client.restart("a", true).await.unwrap_err(),
            client.purge_history("a").await.unwrap_err(),
            client.status("a").await.unwrap_err(),
            client.stream_history("a").await.unwrap_err(),
            client.wait_for_completion("a", MINUTE, MINUTE).await.unwrap_err(),
        ] {
            let debug = format!("{error:?}");
            assert!(debug.starts_with(expected), "{code}: {debug}");
            assert!(
                !debug.contains("s3cr3t") && !error.to_string().contains("s3cr3t"),
                "{debug}"
            );
        }
    }
    let (client, _host) = always(Reply::Refuses(16, "The header durable-connectionname is wrong.")).await;
    assert_eq!(
        client.terminate("a", "r").await.unwrap_err().to_string(),
        "cannot terminate instance `a`: the host refused the key (UNAUTHENTICATED: The header durable-connectionname is wrong.); make the \
         client of a fresh durable client binding"
    );
    let (client, _host) = always(Reply::Refuses(12, "entities are not supported")).await;
    let entity = EntityId::new("counter", "a").unwrap();
    let error = client.read_entity_state::<Value>(&entity).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Unsupported {
                wire: ClientWire::Grpc,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(error.to_string().contains("over gRPC"), "{error}");
}

#[tokio::test]
async fn a_suspended_instance_is_not_an_ended_one() {
    let text = "InvalidOperationException: Cannot suspend the orchestration instance a because instance is in the Suspended state.";
    let (client, _host) = always(Reply::Refuses(9, text)).await;
    let error = client.suspend("a", "r").await.unwrap_err();
    assert!(
        matches!(&error, Error::Conflict { status: 409, message, .. } if message.starts_with("Cannot suspend")),
        "{error:?}"
    );
    let restart = client.restart("a", false).await.unwrap_err();
    assert!(matches!(restart, Error::Conflict { status: 409, .. }), "{restart:?}");
}

#[tokio::test]
async fn a_wait_is_held_by_the_host_and_ends_with_the_instance() {
    let (client, host) = in_turn([instance("a", Status::Running), instance("a", Status::Failed)]).await;
    let outcome = client.wait_for_completion("a", MINUTE, MINUTE).await.unwrap();
    assert!(matches!(outcome, WaitOutcome::Finished(status) if status.runtime_status == Status::Failed));
    assert_eq!(host.methods(), ["GetInstance", "WaitForInstanceCompletion"]);

    let (client, host) = GrpcHost::start(|seen| match seen.method.as_str() {
        "GetInstance" => instance("a", Status::Running),
        _ => Reply::Keeps,
    })
    .await;
    let outcome = client
        .wait_for_completion("a", Duration::from_millis(20), MINUTE)
        .await
        .unwrap();
    assert!(matches!(outcome, WaitOutcome::TimedOut(status) if status.runtime_status == Status::Running));
    // Time for the calls that the host keeps, and one more look at the end.
    let looks = host
        .methods()
        .into_iter()
        .filter(|method| method == "GetInstance")
        .count();
    assert_eq!(looks, 2);

    let (client, host) = always(nothing()).await;
    let error = client.wait_for_completion("a", MINUTE, MINUTE).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
    assert_eq!(host.methods(), ["GetInstance"], "a host waits for what is not there");
}

#[tokio::test]
async fn a_wait_that_the_host_gives_up_looks_again_and_goes_on() {
    // The wait ends early, twice, and the instance later.
    let running = instance("a", Status::Running);
    let replies = [
        running.clone(),
        running.clone(),
        running.clone(),
        running,
        instance("a", Status::Completed),
    ];
    let (client, host) = in_turn(replies).await;
    let outcome = client
        .wait_for_completion("a", MINUTE, Duration::from_millis(1))
        .await
        .unwrap();
    assert!(outcome.is_finished());
    assert_eq!(host.seen().len(), 5);
}

#[tokio::test]
async fn many_waits_leave_room_for_other_calls() {
    // More than one connection carries at a time.
    const WAITS: usize = 200;
    let leave = Arc::new(Semaphore::new(0));
    let ended = leave.clone();
    let (client, host) = GrpcHost::start(move |seen| match (seen.method.as_str(), ended.available_permits()) {
        ("GetInstance", 0) => instance("a", Status::Running),
        ("GetInstance", _) => instance("a", Status::Completed),
        ("WaitForInstanceCompletion", _) => Reply::Waits(ended.clone(), completed()),
        _ => nothing(),
    })
    .await;
    let waits: Vec<_> = (0..WAITS)
        .map(|_| {
            // As each invocation has its own.
            let client = host.client();
            tokio::spawn(async move { client.wait_for_completion("a", MINUTE, Duration::from_millis(5)).await })
        })
        .collect();
    let held = |host: &GrpcHost| {
        host.methods()
            .iter()
            .filter(|method| *method == "WaitForInstanceCompletion")
            .count()
    };
    while host.seen().len() < WAITS + 100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(held(&host), 50);
    client.start_new("f", Some("b"), ()).await.unwrap();
    leave.add_permits(WAITS);
    for wait in waits {
        assert!(wait.await.unwrap().unwrap().is_finished());
    }
}

#[tokio::test]
async fn a_history_comes_in_chunks_and_may_break_off() {
    let chunk = |id: i32| {
        let scheduled = protobuf::TaskScheduledEvent {
            name: format!("step {id}"),
            ..protobuf::TaskScheduledEvent::default()
        };
        prost::Message::encode_to_vec(&protobuf::HistoryChunk {
            events: vec![protobuf::HistoryEvent {
                event_id: id,
                timestamp: None,
                event_type: Some(protobuf::history_event::EventType::TaskScheduled(scheduled)),
            }],
        })
    };
    let (client, _host) = always(Reply::Breaks(vec![chunk(0), chunk(1)], 13, "the disk is gone")).await;
    let mut history = client.stream_history("a").await.unwrap();
    for id in 0..2 {
        let event = history.next_event().await.unwrap().unwrap();
        assert_eq!(event.event_id, id);
        assert!(matches!(event.kind, HistoryEventKind::TaskScheduled { name, .. } if name == format!("step {id}")));
    }
    let error = history.next_event().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot read the history of instance `a`: the host answered with gRPC status 13 (INTERNAL): the disk is gone"
    );
    assert_eq!(history.next_event().await.unwrap(), None);
}

#[tokio::test]
async fn a_status_with_history_shows_it_as_http_does() {
    use protobuf::history_event::EventType;
    let started: prost_types::Timestamp = "2031-05-06T07:08:09Z".parse().unwrap();
    let event = |event_id: i32, event_type| protobuf::HistoryEvent {
        event_id,
        timestamp: Some(started),
        event_type: Some(event_type),
    };
    let events = vec![
        event(
            -1,
            EventType::OrchestratorStarted(protobuf::OrchestratorStartedEvent {}),
        ),
        event(
            -1,
            EventType::ExecutionStarted(protobuf::ExecutionStartedEvent {
                name: "f".to_owned(),
                input: Some("1".to_owned()),
                ..protobuf::ExecutionStartedEvent::default()
            }),
        ),
        event(
            0,
            EventType::TaskScheduled(protobuf::TaskScheduledEvent {
                name: "square".to_owned(),
                ..protobuf::TaskScheduledEvent::default()
            }),
        ),
        event(
            1,
            EventType::TaskScheduled(protobuf::TaskScheduledEvent {
                name: "late".to_owned(),
                ..protobuf::TaskScheduledEvent::default()
            }),
        ),
        event(
            -1,
            EventType::TaskCompleted(protobuf::TaskCompletedEvent {
                task_scheduled_id: 0,
                result: Some("{\"n\":4}".to_owned()),
            }),
        ),
    ];
    let (client, _host) = GrpcHost::start(move |seen| match seen.method.as_str() {
        "GetInstance" => instance("a", Status::Running),
        _ => answers(&protobuf::HistoryChunk { events: events.clone() }),
    })
    .await;
    let at = "2031-05-06T07:08:09Z";
    let shown = client.query_status("a", true, true, false).await.unwrap().unwrap();
    assert_eq!(
        Value::from(shown.history_events.unwrap()),
        json!([
            {"EventType": "ExecutionStarted", "Timestamp": at, "FunctionName": "f", "ScheduledStartTime": null},
            {"EventType": "TaskScheduled", "Timestamp": at, "Name": "late"},
            {"EventType": "TaskCompleted", "Timestamp": at, "ScheduledTime": at, "FunctionName": "square", "Result": {"n": 4}},
        ])
    );
    let shown = client.status("a").with_history().with_input().await.unwrap().unwrap();
    let events = shown.history_events.unwrap();
    assert_eq!(events[0]["Input"], "1");
    assert_eq!(events[2].get("Result"), None);
    assert_eq!(client.status("a").await.unwrap().unwrap().history_events, None);
}

#[tokio::test]
async fn instances_are_listed_by_tag_with_a_look_at_each() {
    let (client, host) = GrpcHost::start(|seen| match seen.method.as_str() {
        "QueryInstances" => answers(&protobuf::QueryInstancesResponse {
            orchestration_state: ["a", "b", "gone"].map(|id| state(id, Status::Running)).to_vec(),
            continuation_token: None,
        }),
        _ => {
            let asked: protobuf::GetInstanceRequest = prost::Message::decode(seen.message.clone()).unwrap();
            assert!(!asked.get_inputs_and_outputs);
            if asked.instance_id == "gone" {
                return nothing();
            }
            let color = if asked.instance_id == "a" { "red" } else { "blue" };
            answers(&protobuf::GetInstanceResponse {
                exists: true,
                orchestration_state: Some(protobuf::OrchestrationState {
                    tags: [("color".to_owned(), color.to_owned())].into(),
                    ..state(&asked.instance_id, Status::Running)
                }),
            })
        }
    })
    .await;
    let blue = client
        .instances(StatusQuery::new().tag("color", "blue"))
        .into_vec()
        .await
        .unwrap();
    let ids: Vec<_> = blue.iter().map(|status| status.instance_id.as_str()).collect();
    assert_eq!(ids, ["b"]);
    assert_eq!(blue[0].tags["color"], "blue");
    assert_eq!(
        host.methods(),
        ["QueryInstances", "GetInstance", "GetInstance", "GetInstance"]
    );
}

#[tokio::test]
async fn a_failure_that_the_host_keeps_is_told_with_its_cause() {
    let cause = protobuf::TaskFailureDetails {
        error_type: "Inner".to_owned(),
        error_message: "why".to_owned(),
        ..protobuf::TaskFailureDetails::default()
    };
    let (client, _host) = always(answers(&protobuf::GetInstanceResponse {
        exists: true,
        orchestration_state: Some(protobuf::OrchestrationState {
            failure_details: Some(protobuf::TaskFailureDetails {
                error_type: "Outer".to_owned(),
                error_message: "no".to_owned(),
                inner_failure: Some(Box::new(cause)),
                ..protobuf::TaskFailureDetails::default()
            }),
            ..state("a", Status::Failed)
        }),
    }))
    .await;
    let status = client.status("a").await.unwrap().unwrap();
    assert_eq!(status.output, "Outer: no");
    assert_eq!(status.failure.unwrap().inner_failure.unwrap().error_message, "why");
}

/// The links that the .NET client gave for instance `get` (scenario `client_get`).
#[tokio::test]
async fn the_links_of_a_grpc_binding_are_those_of_the_recorded_client() {
    let (_, host) = always(Reply::Keeps).await;
    let client = host.client();
    let response = client.create_check_status_response(None, "get");
    let base = "http://localhost:7171/runtime/webhooks/durabletask/instances/get";
    for (member, path) in [
        ("statusQueryGetUri", "?"),
        ("sendEventPostUri", "/raiseEvent/{eventName}?"),
        ("terminatePostUri", "/terminate?reason={text}&"),
        ("rewindPostUri", "/rewind?reason={text}&"),
        ("purgeHistoryDeleteUri", "?"),
        ("restartPostUri", "/restart?"),
        ("suspendPostUri", "/suspend?reason={text}&"),
        ("resumePostUri", "/resume?reason={text}&"),
    ] {
        // The hub is named besides, since the binding need not be for the default one.
        assert_eq!(
            response.body[member],
            format!("{base}{path}taskHub=MyHub&code=realextkey"),
            "{member}"
        );
    }
    assert_eq!(response.status, 202);
    // The connection of a binding may be what proves a caller to the host.
    let mut binding = host.binding();
    binding["connectionName"] = "Storage/secret".into();
    let named = OrchestrationClient::from_binding(&binding.to_string()).unwrap();
    assert_eq!(named.create_check_status_response(None, "get").body, response.body);
    let public = client.create_check_status_response(Some("https://shop.example/orders"), "get");
    let location = public.header("location").unwrap();
    assert!(
        location.starts_with("https://shop.example/runtime/webhooks/durabletask/instances/get?"),
        "{location}"
    );
}

#[derive(Debug, Default)]
struct WritesDown(Mutex<Vec<String>>);

impl Transport for WritesDown {
    fn send(&self, request: http::Request<Bytes>, _: Duration) -> Exchange {
        self.0.lock().unwrap().push(request.uri().to_string());
        Box::pin(async { Ok(http::Response::builder().status(404).body(Bytes::new()).unwrap()) })
    }
}

#[tokio::test]
async fn a_client_with_another_transport_speaks_http() {
    let (client, host) = always(Reply::Keeps).await;
    let transport = Arc::new(WritesDown::default());
    let client = client.with_transport(transport.clone());
    assert_eq!(client.wire(), ClientWire::Http);
    assert_eq!(client.query_status("a", false, false, false).await.unwrap(), None);
    let base = "http://localhost:7171/runtime/webhooks/durabletask/instances/a?";
    let query = "showHistory=false&showHistoryOutput=false&showInput=false&taskHub=MyHub&code=realextkey";
    assert_eq!(*transport.0.lock().unwrap(), [format!("{base}{query}")]);
    assert!(host.seen().is_empty());
}
