//! The worker against a scripted host: every message of the protocol, over a real socket.

mod app;
mod commands;
mod durable_wire;
mod entity_batch;
mod functions;
mod histories;
mod host;
mod invocations;
mod logs;
mod orchestrations;
mod process;
mod recorded;
mod sequence;

use azure_functions::durable::Wire;
use azure_functions::rpc::{
    InvocationResponse, RpcLog, WorkerInitRequest, streaming_message::Content, typed_data::Data,
};
use host::{Connection, DEADLINE, Host, invocation};
use std::{
    collections::HashMap,
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// A worker on a thread of this process, ready to be called.
struct Worker {
    connection: Connection,
    ids: HashMap<String, String>,
    thread: JoinHandle<u8>,
}

impl Worker {
    async fn start() -> Self {
        Self::start_with(WorkerInitRequest::default()).await
    }

    /// Most of these hosts speak JSON.
    async fn start_with(init: WorkerInitRequest) -> Self {
        Self::start_app(azure_functions::app().durable_wire(Wire::Json), init).await
    }

    async fn start_app(app: azure_functions::App, init: WorkerInitRequest) -> Self {
        let mut host = Host::listen().await;
        let arguments = host.arguments();
        let thread = std::thread::spawn(move || app.run_with(&arguments));
        let mut connection = host.accept().await;
        let ids = connection.start(init).await;
        Self {
            connection,
            ids,
            thread,
        }
    }

    /// Begins a call; the name of the function is also the invocation's id.
    fn begin(&self, function: &str, input: &str) {
        self.begin_as(function, function, input);
    }

    fn begin_as(&self, id: &str, function: &str, input: &str) {
        let request = invocation(id, &self.ids[function], input);
        self.connection.send("", Content::InvocationRequest(request));
    }

    /// The next message, a log record.
    async fn log(&mut self) -> RpcLog {
        let pick = |c| match c {
            Content::RpcLog(log) => Some(log),
            _ => None,
        };
        self.connection.expect(pick).await.1
    }

    /// The next answer of an invocation, skipping log records.
    async fn answer(&mut self) -> InvocationResponse {
        loop {
            let message = self.connection.receive().await.expect("the stream goes on");
            match message.content {
                Some(Content::InvocationResponse(response)) => return response,
                Some(Content::RpcLog(_)) => {}
                other => panic!("unexpected {other:?}"),
            }
        }
    }

    async fn call(&mut self, function: &str, input: &str) -> InvocationResponse {
        self.begin(function, input);
        self.answer().await
    }

    /// Ends the stream; gives the worker's exit code.
    async fn end(self) -> u8 {
        drop(self.connection);
        exit_code(self.thread).await
    }
}

async fn exit_code(worker: JoinHandle<u8>) -> u8 {
    let begun = Instant::now();
    while !worker.is_finished() {
        assert!(begun.elapsed() < DEADLINE, "the worker ends");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    worker.join().unwrap()
}

fn text(response: &InvocationResponse) -> &str {
    match response.return_value.as_ref().and_then(|v| v.data.as_ref()) {
        Some(Data::String(text)) => text,
        other => panic!("no text: {other:?} in {response:?}"),
    }
}

fn failure(response: &InvocationResponse) -> (i32, &str) {
    let result = response.result.as_ref().expect("every answer has a result");
    let exception = result.exception.as_ref().expect("a failure has an exception");
    (result.status, &exception.message)
}
