//! Which wire a host is asked for, and what an app says and does when another one comes.

use crate::{
    Worker, failure,
    host::{Host, invocation, load_request},
    orchestrations::payload,
    process::{app_command, wait},
};
use azure_functions::{
    durable::Wire,
    rpc::{FunctionsMetadataRequest, TypedData, WorkerInitRequest, streaming_message::Content, typed_data::Data},
};
use azure_functions_durable::protobuf::{EntityBatchRequest, EntityBatchResult, OperationRequest};
use base64::{Engine, prelude::BASE64_STANDARD};
use prost::Message;
use serde_json::{Value, json};

const TOO_OLD: &str = "the host is too old for the protobuf wire";

async fn announced(app: azure_functions::App) -> Value {
    let mut worker = Worker::start_app(app, WorkerInitRequest::default()).await;
    let request = FunctionsMetadataRequest::default();
    worker.connection.send("m", Content::FunctionsMetadataRequest(request));
    let pick = |c| match c {
        Content::FunctionMetadataResponse(metadata) => Some(metadata),
        _ => None,
    };
    let (_, metadata) = worker.connection.expect(pick).await;
    assert_eq!(worker.end().await, 0);
    let functions = metadata.function_metadata_results;
    let counts = functions.iter().find(|f| f.name == "counts").unwrap();
    serde_json::from_str(&counts.raw_bindings[0]).unwrap()
}

#[tokio::test]
async fn the_host_is_asked_for_protobuf_unless_the_app_wants_json() {
    let expected = json!({
        "name": "input", "type": "entityTrigger", "direction": "in", "entityName": "counts",
        "durableRequiresGrpc": true,
        "durableSdkName": "azure-functions",
        "durableSdkVersion": env!("CARGO_PKG_VERSION"),
    });
    assert_eq!(announced(azure_functions::app()).await, expected);
    let expected = json!({"name": "input", "type": "entityTrigger", "direction": "in", "entityName": "counts"});
    assert_eq!(
        announced(azure_functions::app().durable_wire(Wire::Json)).await,
        expected
    );
}

#[test]
fn the_environment_has_the_last_word_and_init_says_the_same() {
    let requires = |wire: &str| {
        let root = tempfile::tempdir().unwrap();
        let arguments = [
            "init",
            "--function-json",
            "--script-root",
            root.path().to_str().unwrap(),
        ];
        let mut command = app_command(&arguments.map(str::to_owned));
        let output = command.env("AZURE_FUNCTIONS_DURABLE_WIRE", wire).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = std::fs::read_to_string(root.path().join("counts/function.json")).unwrap();
        let function: Value = serde_json::from_str(&text).unwrap();
        function["bindings"][0]["durableRequiresGrpc"].clone()
    };
    // The app itself asks for JSON.
    assert_eq!(requires("protobuf"), true);
    assert_eq!(requires("json"), Value::Null);
    assert_eq!(requires(""), Value::Null);
}

#[tokio::test]
async fn a_setting_that_names_no_wire_is_told_to_the_host_in_place_of_the_functions() {
    let mut host = Host::listen().await;
    let child = app_command(&host.arguments())
        .env("AZURE_FUNCTIONS_DURABLE_WIRE", "grpc")
        .spawn()
        .unwrap();
    let mut connection = host.accept().await;
    connection
        .expect(|content| matches!(content, Content::StartStream(_)).then_some(()))
        .await;
    let request = FunctionsMetadataRequest::default();
    connection.send("m", Content::FunctionsMetadataRequest(request));
    let pick = |content| match content {
        Content::FunctionMetadataResponse(metadata) => Some(metadata),
        _ => None,
    };
    let (_, metadata) = connection.expect(pick).await;
    assert!(metadata.function_metadata_results.is_empty());
    let message = metadata.result.unwrap().exception.unwrap().message;
    assert_eq!(
        message,
        "the setting AZURE_FUNCTIONS_DURABLE_WIRE is `grpc`: set it to `protobuf` or `json`, or remove it"
    );
    drop(connection);
    wait(child).await;

    let mut command = app_command(&["functions".to_owned()]);
    let output = command.env("AZURE_FUNCTIONS_DURABLE_WIRE", "grpc").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains(&message), "{said}");
}

/// Says what the worker says of a durable invocation on the JSON wire.
async fn told(app: azure_functions::App, init: WorkerInitRequest) -> Vec<String> {
    let mut worker = Worker::start_app(app, init).await;
    let mut said = Vec::new();
    for id in ["first", "second"] {
        worker.begin_as(id, "greets", &payload("greets", &[]));
        loop {
            match worker.connection.receive().await.unwrap().content.unwrap() {
                Content::RpcLog(log) => said.push(log.message),
                Content::InvocationResponse(_) => break,
                other => panic!("unexpected {other:?}"),
            }
        }
    }
    assert_eq!(worker.end().await, 0);
    said.retain(|text| text.contains("too old"));
    said
}

#[tokio::test]
async fn a_host_that_is_too_old_is_told_of_once() {
    let said = told(azure_functions::app(), WorkerInitRequest::default()).await;
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with(TOO_OLD), "{said:?}");
    let app = azure_functions::app().durable_wire(Wire::Json);
    assert!(told(app, WorkerInitRequest::default()).await.is_empty());
    // The local host speaks what it was told to.
    let mut local = WorkerInitRequest::default();
    local
        .capabilities
        .insert("ShowsSystemLogs".to_owned(), "true".to_owned());
    assert!(told(azure_functions::app(), local).await.is_empty());
}

fn batch() -> String {
    let request = EntityBatchRequest {
        instance_id: "@counts@a".to_owned(),
        operations: vec![OperationRequest {
            operation: "add".to_owned(),
            input: Some("2".to_owned()),
            ..OperationRequest::default()
        }],
        ..EntityBatchRequest::default()
    };
    BASE64_STANDARD.encode(request.encode_to_vec())
}

#[tokio::test]
async fn an_activity_fails_in_the_form_of_the_wire_that_the_host_speaks() {
    let mut worker = Worker::start_app(azure_functions::app(), WorkerInitRequest::default()).await;
    let details = |message: &str| serde_json::from_str::<Value>(message).ok();
    // What the host speaks is not known yet: it was asked for protobuf.
    let response = worker.call("fails_as_an_activity", "\"no\"").await;
    let found = details(failure(&response).1).unwrap();
    assert_eq!(found["errorMessage"], "no, for key=1");
    assert_eq!(found["properties"]["rustError"], "{\"Refused\":\"no\"}");
    assert!(
        !failure(&response).1.contains('='),
        "nothing looks like a secret: {response:?}"
    );

    worker.call("greets", &payload("greets", &[])).await;
    let response = worker.call("fails_as_an_activity", "\"no\"").await;
    assert_eq!(
        failure(&response).1,
        "no, for key=1\n\n<rust-error>{\"Refused\":\"no\"}</rust-error>"
    );

    let response = worker.call("counts", &batch()).await;
    let Some(TypedData {
        data: Some(Data::String(text)),
    }) = response.return_value
    else {
        panic!("{response:?}");
    };
    let result = EntityBatchResult::decode(BASE64_STANDARD.decode(text).unwrap().as_slice()).unwrap();
    assert_eq!(result.entity_state.as_deref(), Some("2"));
    let response = worker.call("fails_as_an_activity", "\"no\"").await;
    assert!(details(failure(&response).1).is_some(), "{response:?}");
    assert_eq!(worker.end().await, 0);
}

/// Under the runtime names to which the extension speaks protobuf whatever the app asks for.
#[tokio::test]
async fn the_runtime_decides_the_wire_too() {
    let mut host = Host::listen().await;
    let child = app_command(&host.arguments())
        .env("FUNCTIONS_WORKER_RUNTIME", "Dotnet-Isolated")
        .spawn()
        .unwrap();
    let mut connection = host.accept().await;
    let ids = connection.start(WorkerInitRequest::default()).await;
    let id = &ids["fails_as_an_activity"];
    connection.send(
        "",
        Content::FunctionLoadRequest(load_request("fails_as_an_activity", id)),
    );
    connection.send("", Content::InvocationRequest(invocation("a", id, "\"no\"")));
    let response = loop {
        match connection.receive().await.unwrap().content.unwrap() {
            Content::InvocationResponse(response) => break response,
            Content::RpcLog(_) | Content::FunctionLoadResponse(_) => {}
            other => panic!("unexpected {other:?}"),
        }
    };
    assert!(failure(&response).1.starts_with("{\"errorType\""), "{response:?}");
    drop(connection);
    assert_eq!(wait(child).await, 0);
}
