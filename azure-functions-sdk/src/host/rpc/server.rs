//! The gRPC server that workers dial: plain HTTP/2 on a free loopback port, one bidirectional stream a worker.
//!
//! A stream says with its first message which worker it is from. Streams of workers that nobody expects are ended
//! without an error, as the real host does.

use super::messages::{
    StreamingMessage,
    function_rpc_server::{FunctionRpc, FunctionRpcServer},
    streaming_message::Content,
};
use futures_util::{Stream, StreamExt};
use std::{
    collections::HashMap,
    fmt, io,
    net::Ipv4Addr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
    task::AbortHandle,
};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Request, Response, Status, Streaming, transport::server::TcpIncoming};

/// The largest message of either side; the worker is told the same number on its command line.
pub(crate) const MAX_MESSAGE_LENGTH: usize = i32::MAX as usize;
/// Histories of durable instances are megabytes: a small window would cost a round trip every 64 KiB.
const WINDOW: u32 = 16 << 20;

/// What the worker sends.
pub(crate) type Inbound = Pin<Box<dyn Stream<Item = Result<StreamingMessage, Status>> + Send>>;
/// What the host sends; the stream ends when all of these are dropped.
pub(crate) type Outbound = mpsc::UnboundedSender<Result<StreamingMessage, Status>>;

/// A worker's open stream, after `StartStream`.
pub(crate) struct WorkerStream {
    pub(crate) inbound: Inbound,
    pub(crate) outbound: Outbound,
}

impl fmt::Debug for WorkerStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("WorkerStream").finish_non_exhaustive()
    }
}

/// The server; it stops when this is dropped.
#[derive(Debug)]
pub(crate) struct RpcServer {
    port: u16,
    expected: Arc<Expected>,
    serving: AbortHandle,
}

impl Drop for RpcServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl RpcServer {
    /// Starts to listen.
    pub(crate) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let expected = Arc::new(Expected::default());
        let service = FunctionRpcServer::new(Service {
            expected: Arc::clone(&expected),
        })
        .max_decoding_message_size(MAX_MESSAGE_LENGTH)
        .max_encoding_message_size(MAX_MESSAGE_LENGTH);
        let server = tonic::transport::Server::builder()
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .add_service(service)
            .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)));
        let serving = tokio::spawn(async move {
            if let Err(error) = server.await {
                log::error!("the gRPC server stopped: {error}");
            }
        });
        Ok(Self {
            port,
            expected,
            serving: serving.abort_handle(),
        })
    }

    /// The port that workers dial.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The stream of the worker `worker_id`, when it comes. A second stream with the same id is ended.
    pub(crate) fn expect(&self, worker_id: &str) -> oneshot::Receiver<WorkerStream> {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.expected.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        // Workers that never came have nobody waiting any more.
        waiting.retain(|_, sender| !sender.is_closed());
        waiting.insert(worker_id.to_owned(), sender);
        receiver
    }
}

#[derive(Debug, Default)]
struct Expected {
    waiting: Mutex<HashMap<String, oneshot::Sender<WorkerStream>>>,
}

struct Service {
    expected: Arc<Expected>,
}

#[tonic::async_trait]
impl FunctionRpc for Service {
    type EventStreamStream = UnboundedReceiverStream<Result<StreamingMessage, Status>>;

    async fn event_stream(
        &self,
        request: Request<Streaming<StreamingMessage>>,
    ) -> Result<Response<Self::EventStreamStream>, Status> {
        let (outbound, messages) = mpsc::unbounded_channel();
        let mut inbound = request.into_inner();
        let expected = Arc::clone(&self.expected);
        // Some clients send nothing before they have seen the response's headers, so the first message is awaited elsewhere.
        tokio::spawn(async move {
            let Some(Ok(StreamingMessage {
                content: Some(Content::StartStream(start)),
                ..
            })) = inbound.next().await
            else {
                return;
            };
            let waiting = expected
                .waiting
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(&start.worker_id);
            match waiting {
                Some(waiting) => {
                    // Nobody waits any more: the stream ends as both halves are dropped.
                    let _ = waiting.send(WorkerStream {
                        inbound: Box::pin(inbound),
                        outbound,
                    });
                }
                None => log::warn!("a worker that was not asked for connected and was sent away"),
            }
        });
        Ok(Response::new(UnboundedReceiverStream::new(messages)))
    }
}
