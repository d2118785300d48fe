//! A scripted worker: dials the host's gRPC server as a process would, and says what the test tells it to.

use super::described::{failure, success};
use crate::host::{
    output::Log,
    process::{Ending, Launch, LaunchError, Running},
    rpc::messages::{
        Data, FunctionLoadResponse, FunctionMetadataResponse, InvocationRequest, InvocationResponse,
        RpcFunctionMetadata, RpcLog, StartStream, StreamingMessage, TypedData, WorkerInitResponse,
        rpc_log::{Level, RpcLogCategory},
        streaming_message::Content,
    },
    rpc::server::{Invitation, SECRET_METADATA},
};
use futures_util::{StreamExt, future::BoxFuture};
use std::{pin::Pin, sync::Arc};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic_prost::ProstCodec;

type Script = Arc<dyn Fn(FakeWorker) -> BoxFuture<'static, String> + Send + Sync>;

/// Starts scripted workers: the text that a script ends with is the exit status of its "process".
#[derive(Clone)]
pub(crate) struct FakeLauncher {
    script: Script,
}

impl FakeLauncher {
    pub(crate) fn new<F: Future<Output = String> + Send + 'static>(
        script: impl Fn(FakeWorker) -> F + Send + Sync + 'static,
    ) -> Self {
        Self {
            script: Arc::new(move |worker| Box::pin(script(worker))),
        }
    }
}

impl Launch for FakeLauncher {
    fn launch(&self, invitation: &Invitation, _: &Log) -> Result<Box<dyn Running>, LaunchError> {
        let script = Arc::clone(&self.script);
        let (port, worker_id) = (invitation.port, invitation.worker_id.clone());
        let secret = invitation.secret.reveal().to_owned();
        let task = tokio::spawn(async move {
            let worker = FakeWorker::connect(port, &worker_id, Some(&secret)).await;
            script(worker).await
        });
        Ok(Box::new(FakeProcess {
            task: Some(task),
            status: String::new(),
        }))
    }
}

struct FakeProcess {
    task: Option<JoinHandle<String>>,
    status: String,
}

/// As for a real process.
impl Drop for FakeProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Running for FakeProcess {
    fn ended(&mut self) -> Pin<Box<dyn Future<Output = Ending> + Send + '_>> {
        Box::pin(async {
            if let Some(task) = &mut self.task {
                self.status = task.await.unwrap_or_else(|_| "killed by signal 9".to_owned());
                self.task = None;
            }
            Ending {
                status: self.status.clone(),
                exited: format!("app exited with {}", self.status.trim_start_matches("exit ")),
                code: self
                    .status
                    .strip_prefix("exit code ")
                    .and_then(|code| code.parse().ok()),
                ..Ending::default()
            }
        })
    }

    fn kill(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }

    fn id(&self) -> Option<u32> {
        None
    }
}

/// The worker's end of the stream.
pub(crate) struct FakeWorker {
    outbound: mpsc::UnboundedSender<StreamingMessage>,
    inbound: tonic::Streaming<StreamingMessage>,
}

impl FakeWorker {
    pub(crate) async fn connect(port: u16, worker_id: &str, secret: Option<&str>) -> Self {
        let start = StartStream {
            worker_id: worker_id.to_owned(),
        };
        Self::open(port, Some(start), secret).await
    }

    /// Opens a stream and says nothing.
    pub(crate) async fn connect_silently(port: u16) -> Self {
        Self::open(port, None, None).await
    }

    async fn open(port: u16, start: Option<StartStream>, secret: Option<&str>) -> Self {
        let address = format!("http://127.0.0.1:{port}");
        let channel = tonic::transport::Endpoint::from_shared(address)
            .unwrap()
            .connect()
            .await
            .unwrap();
        let mut client = tonic::client::Grpc::new(channel).max_decoding_message_size(usize::MAX);
        client.ready().await.unwrap();
        let (outbound, messages) = mpsc::unbounded_channel();
        if let Some(start) = start {
            outbound.send(message(Content::StartStream(start))).unwrap();
        }
        let path = http::uri::PathAndQuery::from_static("/AzureFunctionsRpcMessages.FunctionRpc/EventStream");
        let codec = ProstCodec::<StreamingMessage, StreamingMessage>::default();
        let mut messages = tonic::Request::new(UnboundedReceiverStream::new(messages));
        if let Some(secret) = secret {
            messages.metadata_mut().insert(SECRET_METADATA, secret.parse().unwrap());
        }
        let inbound = client.streaming(messages, path, codec).await.unwrap().into_inner();
        Self { outbound, inbound }
    }

    pub(crate) fn send(&self, content: Content) {
        self.outbound.send(message(content)).unwrap();
    }

    /// The next message of the host; `None` when it has ended the stream.
    pub(crate) async fn next(&mut self) -> Option<Content> {
        self.inbound.next().await?.ok()?.content
    }

    /// Waits for the host to end the stream, or forever to be killed.
    pub(crate) async fn until_the_end(&mut self) {
        while self.next().await.is_some() {}
    }

    /// Ends the worker's half of the stream and waits for the host to end its own.
    pub(crate) async fn end(self) {
        let Self { outbound, mut inbound } = self;
        drop(outbound);
        while let Some(Ok(_)) = inbound.next().await {}
    }

    /// Ends the stream as the kernel does for a dead process: what was sent arrives.
    pub(crate) fn end_after_last_message(self) {
        let Self { outbound, mut inbound } = self;
        drop(outbound);
        tokio::spawn(async move { while inbound.next().await.is_some() {} });
    }

    /// Answers init, metadata and load requests.
    pub(crate) async fn start(&mut self, capabilities: &[&str], functions: Vec<RpcFunctionMetadata>) {
        let Some(Content::WorkerInitRequest(init)) = self.next().await else {
            panic!("the host asks the worker to initialise")
        };
        // Else a worker writes to the console what the host shows already.
        assert!(init.capabilities.contains_key("ShowsSystemLogs"));
        self.send(Content::WorkerInitResponse(WorkerInitResponse {
            capabilities: capabilities
                .iter()
                .map(|name| ((*name).to_owned(), "true".to_owned()))
                .collect(),
            result: success(),
            ..Default::default()
        }));
        assert!(matches!(self.next().await, Some(Content::FunctionsMetadataRequest(_))));
        let count = functions.len();
        self.send(Content::FunctionMetadataResponse(FunctionMetadataResponse {
            function_metadata_results: functions,
            result: success(),
            use_default_metadata_indexing: false,
        }));
        for _ in 0..count {
            let Some(Content::FunctionLoadRequest(load)) = self.next().await else {
                panic!("no load request")
            };
            self.send(Content::FunctionLoadResponse(FunctionLoadResponse {
                function_id: load.function_id,
                result: success(),
                is_dependency_downloaded: false,
            }));
        }
    }

    pub(crate) async fn invocation(&mut self) -> InvocationRequest {
        match self.next().await {
            Some(Content::InvocationRequest(request)) => request,
            other => panic!("no invocation but {other:?}"),
        }
    }

    pub(crate) fn answer(&self, request: &InvocationRequest, value: Option<Data>) {
        self.send(Content::InvocationResponse(InvocationResponse {
            invocation_id: request.invocation_id.clone(),
            result: success(),
            return_value: value.map(|data| TypedData { data: Some(data) }),
            ..Default::default()
        }));
    }

    pub(crate) fn fail(&self, request: &InvocationRequest, message: &str) {
        self.send(Content::InvocationResponse(InvocationResponse {
            invocation_id: request.invocation_id.clone(),
            result: failure(message),
            ..Default::default()
        }));
    }

    pub(crate) fn user_log(&self, request: &InvocationRequest, text: &str) {
        self.send(Content::RpcLog(RpcLog {
            invocation_id: request.invocation_id.clone(),
            level: Level::Information.into(),
            log_category: RpcLogCategory::User.into(),
            message: text.to_owned(),
            ..Default::default()
        }));
    }
}

fn message(content: Content) -> StreamingMessage {
    StreamingMessage {
        request_id: "a worker's own".to_owned(),
        content: Some(content),
    }
}
