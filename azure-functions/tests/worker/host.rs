//! A scripted host: speaks the other half of the stream over loopback TCP, and does what a test or benchmark tells it.

use azure_functions::rpc::{
    FunctionLoadRequest, FunctionLoadRequestCollection, FunctionsMetadataRequest, InvocationRequest, ParameterBinding,
    RpcFunctionMetadata, StreamingMessage, TypedData, WorkerInitRequest, parameter_binding::RpcData,
    streaming_message::Content, typed_data::Data,
};
use std::{
    collections::HashMap,
    convert::Infallible,
    future::{Future, Ready, ready},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{net::TcpListener, sync::mpsc, time::timeout};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{
    Request, Response, Status, Streaming,
    server::{Grpc, NamedService, StreamingService},
    transport::{Server, server::TcpIncoming},
};
use tonic_prost::ProstCodec;

/// Nothing here takes this long; a test that waits for more has failed.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) struct Host {
    pub(crate) uri: String,
    connections: mpsc::UnboundedReceiver<Connection>,
    #[allow(dead_code, reason = "only the legacy arguments name it")]
    pub(crate) port: u16,
}

/// The stream of one worker.
pub(crate) struct Connection {
    pub(crate) to_worker: mpsc::UnboundedSender<Result<StreamingMessage, Status>>,
    pub(crate) from_worker: Streaming<StreamingMessage>,
    #[allow(dead_code, reason = "only one test looks at it")]
    pub(crate) secret: Option<String>,
}

impl Host {
    pub(crate) async fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, connections) = mpsc::unbounded_channel();
        let service = EventStream { connections: sender };
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        tokio::spawn(Server::builder().add_service(service).serve_with_incoming(incoming));
        Self {
            uri: format!("http://127.0.0.1:{port}/"),
            connections,
            port,
        }
    }

    /// Arguments of the current style.
    #[allow(dead_code, reason = "the benchmark has no use for it")]
    pub(crate) fn arguments(&self) -> Vec<String> {
        let arguments = format!(
            "--functions-uri {} --functions-worker-id worker-1 --functions-request-id request-1",
            self.uri
        );
        arguments.split(' ').map(str::to_owned).collect()
    }

    pub(crate) async fn accept(&mut self) -> Connection {
        timeout(DEADLINE, self.connections.recv())
            .await
            .expect("a worker connects")
            .unwrap()
    }
}

impl Connection {
    pub(crate) fn send(&self, request_id: &str, content: Content) {
        let message = StreamingMessage {
            request_id: request_id.to_owned(),
            content: Some(content),
        };
        self.to_worker.send(Ok(message)).unwrap();
    }

    /// The next message; `None` when the worker has ended the stream.
    pub(crate) async fn receive(&mut self) -> Option<StreamingMessage> {
        let message = timeout(DEADLINE, self.from_worker.message())
            .await
            .expect("the worker answers");
        message.expect("the stream is whole")
    }

    /// The next message, which must have this kind of content.
    pub(crate) async fn expect<T>(&mut self, pick: impl Fn(Content) -> Option<T>) -> (String, T) {
        let message = self.receive().await.expect("the stream goes on");
        let content = message.content.expect("the worker sends no empty message");
        let told = format!("{content:?}");
        (
            message.request_id,
            pick(content).unwrap_or_else(|| panic!("unexpected {told}")),
        )
    }

    /// Handshake up to the point where every function may be called; gives the ids of the functions by name.
    pub(crate) async fn start(&mut self, init: WorkerInitRequest) -> HashMap<String, String> {
        self.expect(|c| matches!(c, Content::StartStream(_)).then_some(()))
            .await;
        self.send("", Content::WorkerInitRequest(init));
        self.expect(|c| matches!(c, Content::WorkerInitResponse(_)).then_some(()))
            .await;
        self.send(
            "",
            Content::FunctionsMetadataRequest(FunctionsMetadataRequest::default()),
        );
        let (_, functions) = self
            .expect(|c| match c {
                Content::FunctionMetadataResponse(r) => Some(r.function_metadata_results),
                _ => None,
            })
            .await;
        let ids: HashMap<_, _> = functions.into_iter().map(|f| (f.name, f.function_id)).collect();
        let requests = ids.iter().map(|(name, id)| load_request(name, id)).collect();
        self.send(
            "",
            Content::FunctionLoadRequestCollection(FunctionLoadRequestCollection {
                function_load_requests: requests,
            }),
        );
        self.expect(|c| matches!(c, Content::FunctionLoadResponseCollection(_)).then_some(()))
            .await;
        ids
    }
}

pub(crate) fn load_request(name: &str, id: &str) -> FunctionLoadRequest {
    FunctionLoadRequest {
        function_id: id.to_owned(),
        metadata: Some(RpcFunctionMetadata {
            name: name.to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    }
}

#[allow(dead_code, reason = "the benchmark sends its own")]
pub(crate) fn invocation(id: &str, function_id: &str, input: &str) -> InvocationRequest {
    InvocationRequest {
        invocation_id: id.to_owned(),
        function_id: function_id.to_owned(),
        input_data: vec![ParameterBinding {
            name: "input".to_owned(),
            rpc_data: Some(RpcData::Data(TypedData {
                data: Some(Data::String(input.to_owned())),
            })),
        }],
        ..Default::default()
    }
}

#[derive(Clone)]
struct EventStream {
    connections: mpsc::UnboundedSender<Connection>,
}

impl NamedService for EventStream {
    const NAME: &'static str = "AzureFunctionsRpcMessages.FunctionRpc";
}

impl tonic::codegen::Service<http::Request<tonic::body::Body>> for EventStream {
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        assert_eq!(
            request.uri().path(),
            "/AzureFunctionsRpcMessages.FunctionRpc/EventStream"
        );
        let service = self.clone();
        Box::pin(async move {
            let mut grpc = Grpc::new(ProstCodec::default()).max_decoding_message_size(i32::MAX as usize);
            Ok(grpc.streaming(service, request).await)
        })
    }
}

impl StreamingService<StreamingMessage> for EventStream {
    type Response = StreamingMessage;
    type ResponseStream = UnboundedReceiverStream<Result<StreamingMessage, Status>>;
    type Future = Ready<Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<Streaming<StreamingMessage>>) -> Self::Future {
        let (to_worker, outgoing) = mpsc::unbounded_channel();
        let secret = request.metadata().get("azure-functions-worker-secret");
        let connection = Connection {
            to_worker,
            secret: secret.map(|value| value.to_str().unwrap().to_owned()),
            from_worker: request.into_inner(),
        };
        let _ = self.connections.send(connection);
        ready(Ok(Response::new(UnboundedReceiverStream::new(outgoing))))
    }
}
