//! A host that says what a real one said, from the first message to the last, to a process of the worker.
//!
//! A part of two test binaries: only `environment` is a process that can be specialized.

mod app;
mod messages;
mod real_host;

use crate::host::{Connection, DEADLINE, Host, load_request};
use azure_functions::rpc::{
    FunctionLoadRequestCollection, InvocationRequest, InvocationResponse, ParameterBinding, RpcHttp, StreamingMessage,
    TypedData, parameter_binding::RpcData, streaming_message::Content, typed_data::Data,
};
use messages::Recorded;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener},
    process::Child,
};
use tokio::time::timeout;

/// How the host starts a worker.
#[derive(Clone, Copy, PartialEq)]
#[allow(dead_code, reason = "each of the two test binaries plays one")]
pub(crate) enum Start {
    /// For its app.
    Plain,
    /// Before it knows the app, whose environment it gives the worker later (specialization).
    Placeholder,
}

/// Plays every recording, but those of the other start, to a process that `spawn` starts with these arguments.
pub(crate) async fn play(start: Start, spawn: impl FnOnce(&[String]) -> Child) {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().canonicalize().unwrap();
    let recorded = Recorded::read(root.to_str().unwrap());
    let mut host = Host::listen().await;
    let mut child = spawn(&host.arguments());
    let connection = host.accept().await;
    let mut player = Player {
        recorded,
        connection,
        played: BTreeSet::new(),
    };
    player
        .connection
        .expect(|c| matches!(c, Content::StartStream(_)).then_some(()))
        .await;
    match start {
        Start::Plain => player.start("WorkerInitRequest").await,
        Start::Placeholder => player.start_as_placeholder().await,
    }
    player.index_and_load().await;
    player.status_request().await;
    player.timers().await;
    player.http().await;
    player.caller_that_goes_away().await;
    player.durable().await;
    player.durable_client().await;
    if start == Start::Placeholder {
        player.surroundings(&root).await;
    }
    player.terminate().await;

    let other_start: &[_] = match start {
        Start::Placeholder => &["WorkerInitRequest"],
        Start::Plain => &[
            "FunctionEnvironmentReloadRequest",
            "FunctionEnvironmentReloadResponse.worker",
            "WorkerInitRequest.placeholder",
        ],
    };
    let forgotten: Vec<_> = player
        .recorded
        .names()
        .filter(|name| !player.played.contains(*name) && !other_start.contains(name))
        .collect();
    assert_eq!(forgotten, [""; 0]);
    drop(player);
    let ended = tokio::task::spawn_blocking(move || child.wait().unwrap());
    let ended = timeout(DEADLINE, ended).await.expect("the process ends").unwrap();
    assert_eq!(ended.code(), Some(0));
}

struct Player {
    recorded: Recorded,
    connection: Connection,
    /// Names of recordings.
    played: BTreeSet<String>,
}

impl Player {
    fn send(&mut self, name: &str) -> Content {
        self.played.insert(name.to_owned());
        let message = self.recorded.get(name).clone();
        let content = message.content.clone().unwrap();
        self.connection.to_worker.send(Ok(message)).unwrap();
        content
    }

    /// What the worker said then, with what is another value in every build.
    fn expected(&mut self, name: &str) -> Content {
        self.played.insert(name.to_owned());
        self.recorded.content(name)
    }

    async fn receive(&mut self) -> StreamingMessage {
        self.connection.receive().await.expect("the stream goes on")
    }

    async fn start(&mut self, request: &str) {
        self.send(request);
        let answer = self.receive().await.content.unwrap();
        let (Content::WorkerInitResponse(answer), Content::WorkerInitResponse(mut then)) =
            (answer, self.expected("WorkerInitResponse.worker"))
        else {
            panic!("no answer to {request}");
        };
        let (metadata, result) = (answer.worker_metadata.as_ref(), answer.result.as_ref());
        assert_eq!(
            real_host::takes_the_worker(metadata, &answer.capabilities, result),
            Ok(())
        );
        // Recorded before the worker said the version of its runtime, without which the host refuses it.
        let metadata = then.worker_metadata.as_ref();
        let refusal = real_host::takes_the_worker(metadata, &then.capabilities, then.result.as_ref());
        assert!(refusal.unwrap_err().contains("RuntimeVersion"));
        then.worker_version = env!("CARGO_PKG_VERSION").to_owned();
        then.worker_metadata.clone_from(&answer.worker_metadata);
        assert_eq!(answer, then);
    }

    async fn start_as_placeholder(&mut self) {
        self.start("WorkerInitRequest.placeholder").await;
        self.send("FunctionEnvironmentReloadRequest");
        let answer = self.receive().await.content.unwrap();
        let (Content::FunctionEnvironmentReloadResponse(answer), Content::FunctionEnvironmentReloadResponse(mut then)) =
            (answer, self.expected("FunctionEnvironmentReloadResponse.worker"))
        else {
            panic!("no answer to the reload");
        };
        let (metadata, result) = (answer.worker_metadata.as_ref(), answer.result.as_ref());
        assert_eq!(
            real_host::takes_the_worker(metadata, &answer.capabilities, result),
            Ok(())
        );
        then.worker_metadata.clone_from(&answer.worker_metadata);
        assert_eq!(answer, then);
    }

    async fn index_and_load(&mut self) {
        self.send("FunctionsMetadataRequest");
        let Some(Content::FunctionMetadataResponse(functions)) = self.receive().await.content else {
            panic!("no metadata");
        };
        assert_eq!(real_host::takes_the_functions(&functions), Ok(()));
        assert!(!functions.use_default_metadata_indexing);
        for app in ["durable", "entity", "http-and-timer"] {
            let Content::FunctionLoadRequestCollection(requests) =
                self.send(&format!("FunctionLoadRequestCollection.{app}"))
            else {
                panic!("no loads");
            };
            for request in &requests.function_load_requests {
                let name = &request.metadata.as_ref().unwrap().name;
                let function = functions.function_metadata_results.iter().find(|f| f.name == *name);
                assert_eq!(function.unwrap().function_id, request.function_id, "{name}");
            }
            self.loaded(&requests).await;
        }
        // The recorded lists are shortened, so the rest follows.
        let rest = functions.function_metadata_results.iter();
        let requests = FunctionLoadRequestCollection {
            function_load_requests: rest.map(|f| load_request(&f.name, &f.function_id)).collect(),
        };
        self.connection
            .send("", Content::FunctionLoadRequestCollection(requests.clone()));
        self.loaded(&requests).await;
    }

    async fn loaded(&mut self, requests: &FunctionLoadRequestCollection) {
        let Some(Content::FunctionLoadResponseCollection(responses)) = self.receive().await.content else {
            panic!("no answer to the loads");
        };
        assert_eq!(real_host::takes_the_loads(requests, &responses), Ok(()));
    }

    async fn status_request(&mut self) {
        self.send("WorkerStatusRequest");
        let answer = self.receive().await;
        self.played.insert("WorkerStatusResponse.worker".to_owned());
        assert_eq!(answer, *self.recorded.get("WorkerStatusResponse.worker"));
    }

    async fn timers(&mut self) {
        self.send("InvocationRequest.timer-run-on-startup");
        // A record of no invocation takes another way, but is sent first.
        for name in ["RpcLog.outside-an-invocation.worker", "RpcLog.user.worker"] {
            let told = self.receive().await.content.unwrap();
            assert_eq!(told, self.expected(name));
        }
        self.succeeds("timer-run-on-startup").await;
        let (logs, _) = self.call("timer-by-hand").await;
        assert_eq!(logs, ["next at 2026-11-29 20:00:00 UTC"]);
        self.fails_as_then("timer-by-hand-without-input").await;
    }

    async fn http(&mut self) {
        let (_, get) = self.call("http-get").await;
        let expected = json!({
            "method": "GET",
            "url": "http://localhost:7071/api/show/one/two?x=1&y=%C3%BC&x=2&empty=",
            "params": { "a": "one", "b": "two" },
            "query": { "x": "1,2", "y": "ü", "empty": "" },
            "probe": "yes",
            "empty": "",
            "flavour": "vanilla",
            "body": "",
        });
        assert_eq!(json_of(&get), expected);
        let (_, form) = self.call("http-form").await;
        let form = json_of(&form);
        assert_eq!(
            (&form["method"], &form["body"]),
            (&json!("POST"), &json!("a=1&b=%C3%BC"))
        );
        assert_eq!(form["params"], json!({ "a": "form" }));
        let (_, order) = self.call("http-json").await;
        assert_eq!(json_of(&order), json!({ "a": [1, 1.0] }));
        let (_, bytes) = self.call("http-bytes").await;
        assert_eq!(body_of(&bytes), [0, 0xff]);

        let (_, fancy) = self.call("http-fancy").await;
        let mut then = self.then("http-fancy");
        // Its value was not ASCII, of which the host made a 500; the worker refuses it now.
        assert!(http_of_mut(&mut then).headers.remove("x-utf").is_some());
        assert_eq!(fancy, then);
    }

    async fn caller_that_goes_away(&mut self) {
        self.send("InvocationRequest.http-raw-socket");
        assert!(matches!(self.receive().await.content, Some(Content::RpcLog(log)) if log.message == "begun"));
        self.send("InvocationCancel");
        let (_, answer) = self.answer("http-raw-socket").await;
        assert_eq!(body_of(&answer), b"cancelled");
    }

    async fn durable(&mut self) {
        for case in [
            "activity",
            "orchestration-first-episode",
            "orchestration-last-episode",
            "orchestration-that-called-an-entity",
        ] {
            let (_, answer) = self.call(case).await;
            assert_eq!(answer, self.then(case));
        }
        for case in ["entity-first-call", "entity-with-state"] {
            let (_, mut answer) = self.call(case).await;
            // Milliseconds.
            let mut batch = answer_json(&answer);
            let duration = batch["results"][0]["duration"].take();
            assert!(duration.is_number(), "{batch}");
            batch["results"][0]["duration"] = 0.into();
            let then = self.then(case);
            assert_eq!(batch, answer_json(&then));
            answer.return_value.clone_from(&then.return_value);
            assert_eq!(answer, then);
        }
        self.fails_as_then("activity-that-fails").await;
    }

    /// The extension's HTTP API is played by a server for one request.
    async fn durable_client(&mut self) {
        let case = "http-with-durable-client";
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let extension = listener.local_addr().unwrap();
        let started = std::thread::spawn(move || start_request(&listener));
        let mut request = self.recorded.invocation(case);
        self.played.insert(format!("InvocationRequest.{case}"));
        point_the_client_at(extension, &mut request);
        self.connection.send("", Content::InvocationRequest(request));
        let (_, answer) = self.answer(case).await;
        let started = started.join().unwrap();
        assert!(
            started.starts_with("POST /durabletask/orchestrators/fan_out/sum") && started.ends_with("\r\n\r\n3"),
            "{started}"
        );
        assert_eq!(answer, self.then(case));
    }

    async fn surroundings(&mut self, root: &std::path::Path) {
        let id = "surroundings";
        let mut request = self.recorded.invocation("http-fancy");
        request.invocation_id = id.to_owned();
        request.function_id = uuid_of("surroundings");
        self.connection.send("", Content::InvocationRequest(request));
        let Some(Content::InvocationResponse(answer)) = self.receive().await.content else {
            panic!("no answer");
        };
        let told = json_of(&answer);
        let Content::FunctionEnvironmentReloadRequest(reload) =
            self.recorded.content("FunctionEnvironmentReloadRequest")
        else {
            panic!("no reload");
        };
        assert_eq!(told["variables"], json!(reload.environment_variables));
        assert_eq!(told["directory"], json!(root));
    }

    async fn terminate(&mut self) {
        self.send("WorkerTerminate");
        assert!(self.connection.receive().await.is_none(), "the worker ends the stream");
    }

    /// Log records and the answer.
    async fn call(&mut self, case: &str) -> (Vec<String>, InvocationResponse) {
        self.send(&format!("InvocationRequest.{case}"));
        self.answer(case).await
    }

    async fn answer(&mut self, case: &str) -> (Vec<String>, InvocationResponse) {
        let id = self.recorded.invocation(case).invocation_id;
        let mut logs = Vec::new();
        loop {
            let message = self.receive().await;
            assert_eq!(message.request_id, "", "hosts leave it empty in invocations");
            match message.content {
                Some(Content::RpcLog(log)) => logs.push(log.message),
                Some(Content::InvocationResponse(answer)) => {
                    assert_eq!(answer.invocation_id, id, "{case}");
                    return (logs, answer);
                }
                other => panic!("{case}: {other:?}"),
            }
        }
    }

    async fn succeeds(&mut self, case: &str) {
        let (_, answer) = self.answer(case).await;
        assert_eq!(answer.result.unwrap().status().as_str_name(), "Success", "{case}");
    }

    /// Message and status; a worker of today says more of the error, such as its type.
    async fn fails_as_then(&mut self, case: &str) {
        let (_, answer) = self.call(case).await;
        let (told, then) = (answer.result.unwrap(), self.then(case).result.unwrap());
        assert_eq!(told.status, then.status, "{case}");
        let (told, then) = (told.exception.unwrap(), then.exception.unwrap());
        assert_eq!(
            (told.message, told.is_user_exception),
            (then.message, then.is_user_exception),
            "{case}"
        );
    }

    fn then(&mut self, case: &str) -> InvocationResponse {
        self.played.insert(format!("InvocationResponse.{case}.worker"));
        self.recorded.answer(case)
    }
}

/// Ids of functions are made from their names, as recorded.
fn uuid_of(name: &str) -> String {
    uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, format!("azure-functions/{name}").as_bytes()).to_string()
}

fn http_of_mut(answer: &mut InvocationResponse) -> &mut RpcHttp {
    match answer.return_value.as_mut().and_then(|value| value.data.as_mut()) {
        Some(Data::Http(http)) => http,
        other => panic!("no HTTP: {other:?}"),
    }
}

fn body_of(answer: &InvocationResponse) -> Vec<u8> {
    let mut answer = answer.clone();
    match http_of_mut(&mut answer).body.take().and_then(|body| body.data) {
        Some(Data::Bytes(bytes)) => bytes.to_vec(),
        other => panic!("no bytes: {other:?}"),
    }
}

fn json_of(answer: &InvocationResponse) -> Value {
    serde_json::from_slice(&body_of(answer)).unwrap()
}

fn answer_json(answer: &InvocationResponse) -> Value {
    match answer.return_value.as_ref().and_then(|value| value.data.as_ref()) {
        Some(Data::Json(json)) => serde_json::from_str(json).unwrap(),
        other => panic!("no JSON: {other:?}"),
    }
}

fn point_the_client_at(extension: SocketAddr, request: &mut InvocationRequest) {
    let client = request.input_data.iter_mut().find(|input| input.name == "client");
    let Some(ParameterBinding {
        rpc_data: Some(RpcData::Data(TypedData {
            data: Some(Data::String(text)),
        })),
        ..
    }) = client
    else {
        panic!("no client");
    };
    let recorded = "http://127.0.0.1:17071/";
    assert!(text.contains(recorded), "{text}");
    *text = text.replace(recorded, &format!("http://{extension}/"));
}

/// Takes one request, whose length is told, and answers as the extension does to a start.
fn start_request(listener: &TcpListener) -> String {
    let (mut stream, _) = listener.accept().unwrap();
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).unwrap();
        request.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&request);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length")
                    .then(|| value.trim().parse::<usize>().unwrap())
            });
            if read == 0 || body.len() >= length.unwrap_or_default() {
                break;
            }
        }
    }
    let answer = r#"{"id":"sum"}"#;
    let head = "HTTP/1.1 202 Accepted\r\ncontent-type: application/json\r\nconnection: close\r\n";
    write!(stream, "{head}content-length: {}\r\n\r\n{answer}", answer.len()).unwrap();
    String::from_utf8(request).unwrap()
}
