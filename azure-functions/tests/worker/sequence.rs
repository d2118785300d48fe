//! The messages around invocations.

use crate::{
    Worker, exit_code, failure, functions,
    host::{Host, invocation, load_request},
    text,
};
use azure_functions::rpc::{status_result::Status, streaming_message::Content, *};
use std::collections::{HashMap, HashSet};

#[tokio::test]
async fn start_and_initialisation_follow_the_protocol() {
    let mut host = Host::listen().await;
    let arguments = host.arguments();
    let worker = std::thread::spawn(move || azure_functions::app().run_with(&arguments));
    let mut connection = host.accept().await;

    let (request_id, start) = connection.expect(start_stream).await;
    assert_eq!(
        (request_id.as_str(), start.worker_id.as_str()),
        ("request-1", "worker-1")
    );

    connection.send("init-1", Content::WorkerInitRequest(WorkerInitRequest::default()));
    let (request_id, init) = connection.expect(init_response).await;
    assert_eq!(request_id, "init-1");
    assert_eq!(init.result.unwrap().status(), Status::Success);
    assert_eq!(init.worker_version, env!("CARGO_PKG_VERSION"));
    assert_complete(&init.worker_metadata.unwrap());
    let mut capabilities: Vec<_> = init.capabilities.keys().map(String::as_str).collect();
    capabilities.sort_unstable();
    let expected = [
        "EnableUserCodeException",
        "HandlesInvocationCancelMessage",
        "HandlesWorkerTerminateMessage",
        "HandlesWorkerWarmupMessage",
        "IncludeEmptyEntriesInMessagePayload",
        "RawHttpBodyBytes",
        "RpcHttpBodyOnly",
        "RpcHttpTriggerMetadataRemoved",
        "SupportsLoadResponseCollection",
        "TypedDataCollection",
        "UseNullableValueDictionaryForHttp",
        "WorkerStatus",
    ];
    assert_eq!(capabilities, expected);

    drop(connection);
    assert_eq!(exit_code(worker).await, 0, "an ended stream is an orderly end");
}

/// The real host refuses a worker without a version of its runtime.
fn assert_complete(metadata: &WorkerMetadata) {
    assert_eq!(metadata.runtime_name, "rust");
    let numbers: Vec<_> = metadata.runtime_version.split(['.', '-']).take(3).collect();
    assert!(
        numbers.len() == 3 && numbers.iter().all(|n| n.parse::<u32>().is_ok()),
        "the compiler's version: {metadata:?}"
    );
    assert_eq!(metadata.worker_version, env!("CARGO_PKG_VERSION"));
    assert_eq!(metadata.worker_bitness, std::env::consts::ARCH);
}

fn start_stream(content: Content) -> Option<StartStream> {
    match content {
        Content::StartStream(start) => Some(start),
        _ => None,
    }
}

fn init_response(content: Content) -> Option<WorkerInitResponse> {
    match content {
        Content::WorkerInitResponse(init) => Some(init),
        _ => None,
    }
}

#[tokio::test]
async fn the_legacy_arguments_reach_the_same_host() {
    let mut host = Host::listen().await;
    let legacy = format!(
        "run --host 127.0.0.1 --port {} --workerId w --requestId r --grpcMaxMessageLength 2147483647 --later x",
        host.port
    );
    let legacy: Vec<_> = legacy.split(' ').map(str::to_owned).collect();
    let worker = std::thread::spawn(move || azure_functions::app().run_with(&legacy));
    let mut connection = host.accept().await;
    let (request_id, start) = connection.expect(start_stream).await;
    assert_eq!((request_id.as_str(), start.worker_id.as_str()), ("r", "w"));
    drop(connection);
    assert_eq!(exit_code(worker).await, 0);
}

#[tokio::test]
async fn functions_are_described_as_the_host_wants_them() {
    let mut worker = Worker::start().await;
    let request = FunctionsMetadataRequest {
        function_app_directory: "/srv/app".into(),
    };
    worker.connection.send("m", Content::FunctionsMetadataRequest(request));
    let pick = |c| match c {
        Content::FunctionMetadataResponse(metadata) => Some(metadata),
        _ => None,
    };
    let (request_id, metadata) = worker.connection.expect(pick).await;
    assert_eq!(request_id, "m");
    assert!(!metadata.use_default_metadata_indexing);
    assert_eq!(metadata.result.unwrap().status(), Status::Success);
    let functions = metadata.function_metadata_results;
    let ids: HashSet<_> = functions.iter().map(|f| f.function_id.to_lowercase()).collect();
    assert_eq!(ids.len(), functions.len(), "ids differ");
    for function in &functions {
        assert_eq!(
            worker.ids[&function.name], function.function_id,
            "an id is the same each time"
        );
        assert!(!function.script_file.is_empty());
        assert_eq!(function.directory, "/srv/app");
        assert_eq!(function.status.as_ref().unwrap().status(), Status::Success);
    }
    let echo = functions.iter().find(|f| f.name == "echo").unwrap();
    let binding: serde_json::Value = serde_json::from_str(&echo.raw_bindings[0]).unwrap();
    assert_eq!(
        (&binding["type"], &binding["queueName"]),
        (&"queueTrigger".into(), &"jobs".into())
    );
    assert_eq!(worker.end().await, 0);
}

#[tokio::test]
async fn functions_load_singly_again_and_under_other_ids() {
    let mut worker = Worker::start().await;
    let loads = [("ECHO", "other-id"), ("echo", "other-id"), ("nobody", "third-id")];
    for (name, id) in loads {
        worker
            .connection
            .send("l", Content::FunctionLoadRequest(load_request(name, id)));
        let pick = |c| match c {
            Content::FunctionLoadResponse(response) => Some(response),
            _ => None,
        };
        let (request_id, response) = worker.connection.expect(pick).await;
        assert_eq!((request_id.as_str(), response.function_id.as_str()), ("l", id));
        let result = response.result.unwrap();
        match name {
            "nobody" => assert!(
                result
                    .exception
                    .unwrap()
                    .message
                    .contains("no function named 'nobody'; it has ")
            ),
            _ => assert_eq!(result.status(), Status::Success),
        }
    }
    let request = invocation("i", "other-id", "hi");
    worker.connection.send("", Content::InvocationRequest(request));
    assert_eq!(text(&worker.answer().await), "hi");
    assert_eq!(
        text(&worker.call("echo", "old ids stay good").await),
        "old ids stay good"
    );

    worker
        .connection
        .send("q", Content::InvocationRequest(invocation("i2", "third-id", "")));
    let response = worker.answer().await;
    assert_eq!(
        failure(&response),
        (Status::Failure.into(), "no function was loaded under the id `third-id`")
    );
    assert_eq!(worker.end().await, 0);
}

#[tokio::test]
async fn a_collection_of_loads_is_answered_with_one_collection() {
    let mut worker = Worker::start().await;
    let requests = FunctionLoadRequestCollection {
        function_load_requests: vec![load_request("echo", "a"), load_request("nobody", "b")],
    };
    worker
        .connection
        .send("c", Content::FunctionLoadRequestCollection(requests));
    let pick = |c| match c {
        Content::FunctionLoadResponseCollection(responses) => Some(responses.function_load_responses),
        _ => None,
    };
    let (request_id, responses) = worker.connection.expect(pick).await;
    assert_eq!(request_id, "c");
    let told: Vec<_> = responses
        .iter()
        .map(|r| (r.function_id.as_str(), r.result.as_ref().unwrap().status()))
        .collect();
    assert_eq!(told, [("a", Status::Success), ("b", Status::Failure)]);
    assert_eq!(worker.end().await, 0);
}

#[tokio::test]
async fn what_the_worker_does_not_know_is_ignored() {
    let mut worker = Worker::start().await;
    worker
        .connection
        .to_worker
        .send(Ok(StreamingMessage::default()))
        .unwrap();
    worker.connection.send("", Content::WorkerHeartbeat(WorkerHeartbeat {}));
    worker
        .connection
        .send("", Content::FileChangeEventRequest(FileChangeEventRequest::default()));
    let close = CloseSharedMemoryResourcesRequest {
        map_names: vec!["m".into()],
    };
    worker
        .connection
        .send("", Content::CloseSharedMemoryResourcesRequest(close));
    let cancel = InvocationCancel {
        invocation_id: "unknown".into(),
        ..Default::default()
    };
    worker.connection.send("", Content::InvocationCancel(cancel));
    assert_eq!(text(&worker.call("echo", "still here").await), "still here");
    assert_eq!(worker.end().await, 0);
}

#[tokio::test]
async fn status_and_warm_up_echo_the_request_id() {
    let mut worker = Worker::start().await;
    worker
        .connection
        .send("s-1", Content::WorkerStatusRequest(WorkerStatusRequest {}));
    let (request_id, ()) = worker.connection.expect(status_response).await;
    assert_eq!(request_id, "s-1");
    worker
        .connection
        .send("w-1", Content::WorkerWarmupRequest(WorkerWarmupRequest::default()));
    let pick = |c| match c {
        Content::WorkerWarmupResponse(response) => response.result,
        _ => None,
    };
    let (request_id, result) = worker.connection.expect(pick).await;
    assert_eq!((request_id.as_str(), result.status()), ("w-1", Status::Success));
    assert_eq!(worker.end().await, 0);
}

#[expect(clippy::needless_pass_by_value, reason = "as `expect` wants it")]
fn status_response(content: Content) -> Option<()> {
    matches!(content, Content::WorkerStatusResponse(_)).then_some(())
}

#[tokio::test]
async fn status_is_answered_while_functions_hold_every_thread() {
    let mut worker = Worker::start().await;
    let threads = std::thread::available_parallelism().unwrap().get();
    for n in 0..threads {
        worker.begin_as(&format!("async-{n}"), "blocks_an_async_thread", "status");
        worker.begin_as(&format!("blocking-{n}"), "waits_at_a_gate", "status");
    }
    let mut begun = 0;
    while begun < 2 * threads {
        let message = worker.log().await.message;
        // A function that blocks its thread for long is warned of, maybe before the others begin.
        if !message.starts_with("function `") {
            assert_eq!(message, "begun");
            begun += 1;
        }
    }
    worker
        .connection
        .send("busy", Content::WorkerStatusRequest(WorkerStatusRequest {}));
    let (request_id, ()) = worker.connection.expect(status_response).await;
    assert_eq!(request_id, "busy");
    functions::open_gate("status");
    for _ in 0..2 * threads {
        assert_eq!(text(&worker.answer().await), "through");
    }
    assert_eq!(worker.end().await, 0);
}

#[tokio::test]
async fn an_environment_that_cannot_be_replaced_soundly_asks_for_a_new_process() {
    let mut worker = Worker::start().await;
    let request = FunctionEnvironmentReloadRequest {
        environment_variables: HashMap::from([("A".into(), "b".into())]),
        ..Default::default()
    };
    worker
        .connection
        .send("e", Content::FunctionEnvironmentReloadRequest(request));
    let pick = |c| match c {
        Content::FunctionEnvironmentReloadResponse(response) => Some(response),
        _ => None,
    };
    let (request_id, response) = worker.connection.expect(pick).await;
    assert_complete(&response.worker_metadata.unwrap());
    let result = response.result.unwrap();
    assert_eq!((request_id.as_str(), result.status()), ("e", Status::Failure));
    assert!(result.exception.unwrap().message.contains("start a new process"));
    assert_eq!(worker.end().await, 0);
}

#[tokio::test]
async fn termination_drains_what_runs_and_answers_for_what_does_not_end() {
    let mut worker = Worker::start().await;
    for function in ["completes_when_cancelled", "never_ends"] {
        worker.begin(function, "");
        assert_eq!(worker.log().await.message, "begun");
    }
    let terminate = WorkerTerminate {
        grace_period: Some("1s".parse().unwrap()),
    };
    worker.connection.send("", Content::WorkerTerminate(terminate));
    let first = worker.answer().await;
    assert_eq!(
        text(&first),
        "done all the same",
        "a function is told of the end, and has the grace to complete"
    );
    let second = worker.answer().await;
    assert_eq!(second.invocation_id, "never_ends");
    assert_eq!(failure(&second).0, i32::from(Status::Cancelled));
    assert!(
        worker.connection.receive().await.is_none(),
        "the worker ends the stream itself"
    );
    assert_eq!(worker.end().await, 0);
}

#[tokio::test]
async fn termination_without_work_is_immediate() {
    let mut worker = Worker::start().await;
    let terminate = WorkerTerminate {
        grace_period: Some("3600s".parse().unwrap()),
    };
    worker.connection.send("", Content::WorkerTerminate(terminate));
    assert!(worker.connection.receive().await.is_none());
    assert_eq!(worker.end().await, 0);
}
