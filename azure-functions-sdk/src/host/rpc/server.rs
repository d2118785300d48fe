//! The gRPC server that workers dial: plain HTTP/2 on a free loopback port, one bidirectional stream a worker.
//!
//! A stream says with its first message which worker it is from. Streams of workers that are not expected are ended
//! without an error, as the real host does.
//!
//! Worker ids are no secret: they stand on a command line, which every user of the machine can read. So a worker is also
//! told a secret, in its environment, which it sends with the request that opens the stream. The real host knows no such
//! thing; see [`Proof`] for workers that were written for it only.

use super::super::{secret::Secret, seldom::Seldom};
use super::{
    first_message::FirstMessage,
    messages::{
        StreamingMessage,
        function_rpc_server::{FunctionRpc, FunctionRpcServer},
        streaming_message::Content,
    },
    newcomers::{Newcomer, Newcomers, PROOF_LIMIT},
};
use futures_util::{Stream, StreamExt};
use log::Level;
use std::{
    collections::HashMap,
    fmt, io,
    net::Ipv4Addr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
    task::AbortHandle,
    time::timeout,
};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Request, Response, Status, Streaming};

/// The largest message of either side; the worker is told the same number on its command line.
pub(crate) const MAX_MESSAGE_LENGTH: usize = i32::MAX as usize;
/// Histories of durable instances are megabytes: a small window would cost a round trip every 64 KiB.
const WINDOW: u32 = 16 << 20;

/// A worker needs one stream.
const STREAMS: u32 = 8;

/// From the start of a worker process to its first message.
pub(crate) const CONNECT_LIMIT: Duration = Duration::from_secs(60);

/// The name under which a worker sends its secret, in the metadata of the request that opens the stream.
pub(crate) const SECRET_METADATA: &str = "azure-functions-worker-secret";

/// Whether a worker proves that it is the process that was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// It must send the secret.
    Required,
    /// It may not know of the secret, as workers of other languages: its id will do.
    Id,
}

/// What a worker is told so that it finds its host.
#[derive(Debug)]
pub(crate) struct Invitation {
    pub(crate) worker_id: String,
    pub(crate) port: u16,
    pub(crate) secret: Secret,
}

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
    /// Starts to listen; takes so many connections at a time that have not proved to be the worker's.
    pub(crate) async fn start(newcomers: usize) -> io::Result<Self> {
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
            .max_concurrent_streams(STREAMS)
            .add_service(FirstMessage(service))
            .serve_with_incoming(Newcomers::new(listener, newcomers).connections());
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

    /// Invites a worker. Gives its stream when it comes; a second stream of the same worker is ended.
    pub(crate) fn invite(&self, proof: Proof) -> (Invitation, oneshot::Receiver<WorkerStream>) {
        let (sender, receiver) = oneshot::channel();
        let invitation = Invitation {
            worker_id: uuid::Uuid::new_v4().to_string(),
            port: self.port,
            secret: Secret::new(),
        };
        let mut waiting = self.expected.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        // For workers that never came, no start waits any more.
        waiting.retain(|_, guest| !guest.stream.is_closed());
        let guest = Guest {
            proof,
            secret: invitation.secret.clone(),
            stream: sender,
        };
        waiting.insert(invitation.worker_id.clone(), guest);
        (invitation, receiver)
    }
}

#[derive(Debug, Default)]
struct Expected {
    waiting: Mutex<HashMap<String, Guest>>,
    /// Every user of the machine can connect, as often as they like.
    strangers: Mutex<Seldom>,
}

#[derive(Debug)]
struct Guest {
    proof: Proof,
    secret: Secret,
    stream: oneshot::Sender<WorkerStream>,
}

impl Expected {
    /// Whether the one who opens a stream can be a worker that was invited: what it sends is not looked at before.
    fn may_speak(&self, secret: Option<&str>) -> Result<(), &'static str> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let knows = |guest: &Guest| match secret {
            Some(given) => guest.secret.is(given),
            None => guest.proof == Proof::Id,
        };
        match (waiting.values().any(knows), secret) {
            (true, _) => Ok(()),
            _ if waiting.is_empty() => Err("that was not asked for"),
            (false, Some(_)) => Err("with a wrong secret"),
            (false, None) => Err("without the secret that the host told it"),
        }
    }

    /// The one who waits for this worker, if it is the worker that was invited.
    fn admit(&self, worker_id: &str, secret: Option<&str>) -> Result<oneshot::Sender<WorkerStream>, &'static str> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let guest = waiting.get(worker_id).ok_or("that was not asked for")?;
        match (secret, guest.proof) {
            (Some(given), _) if !guest.secret.is(given) => return Err("with a wrong secret"),
            (None, Proof::Required) => return Err("without the secret that the host told it"),
            _ => {}
        }
        waiting
            .remove(worker_id)
            .map(|guest| guest.stream)
            .ok_or("that was not asked for")
    }

    /// Warns of a worker that was not admitted; true if the warning was logged.
    fn warn(&self, why: &str) -> bool {
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        strangers.log(Level::Warn, format_args!("a worker {why} connected and was sent away"))
    }
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
        let secret = request.metadata().get(SECRET_METADATA);
        // What is not text is no secret of ours.
        let secret = secret.map(|value| value.to_str().unwrap_or_default().to_owned());
        if let Err(why) = self.expected.may_speak(secret.as_deref()) {
            self.expected.warn(why);
            // Its end is all that comes.
            return Ok(Response::new(UnboundedReceiverStream::new(messages)));
        }
        let newcomer = request.extensions().get::<Newcomer>().cloned().unwrap_or_default();
        let mut inbound = request.into_inner();
        let expected = Arc::clone(&self.expected);
        // Some clients send nothing before they have seen the response's headers, so the first message is awaited elsewhere.
        tokio::spawn(async move {
            let Ok(Some(Ok(StreamingMessage {
                content: Some(Content::StartStream(start)),
                ..
            }))) = timeout(PROOF_LIMIT, inbound.next()).await
            else {
                return;
            };
            match expected.admit(&start.worker_id, secret.as_deref()) {
                Ok(waiting) => {
                    newcomer.has_proved();
                    // No start waits any more: the stream ends as both halves are dropped.
                    let _ = waiting.send(WorkerStream {
                        inbound: Box::pin(inbound),
                        outbound,
                    });
                }
                Err(why) => {
                    expected.warn(why);
                }
            }
        });
        Ok(Response::new(UnboundedReceiverStream::new(messages)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{rpc::messages::RpcLog, tests::fake_worker::FakeWorker};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
    };

    #[test]
    fn a_thousand_strangers_are_one_line_of_the_log() {
        let expected = Expected::default();
        let mut lines = 0;
        for _ in 0..1000 {
            let why = expected.admit("stranger", None).unwrap_err();
            lines += usize::from(expected.warn(why));
        }
        // A slow machine may take more than a second.
        assert!((1..100).contains(&lines), "{lines}");
    }

    #[tokio::test]
    async fn a_stream_without_a_first_message_is_ended() {
        let server = RpcServer::start(8).await.unwrap();
        // One that need not know a secret is listened to.
        let _guest = server.invite(Proof::Id);
        let mut silent = FakeWorker::connect_silently(server.port).await;
        tokio::time::pause();
        tokio::time::advance(PROOF_LIMIT + Duration::from_secs(1)).await;
        tokio::time::resume();
        let ended = timeout(Duration::from_secs(30), silent.next()).await;
        assert_eq!(ended.expect("the stream ends"), None);
    }

    #[tokio::test]
    async fn a_stream_without_the_secret_is_ended_before_its_first_message() {
        let server = RpcServer::start(8).await.unwrap();
        let _guest = server.invite(Proof::Required);
        let mut silent = FakeWorker::connect_silently(server.port).await;
        let ended = timeout(PROOF_LIMIT / 2, silent.next()).await;
        assert_eq!(ended.expect("the stream ends at once"), None);
    }

    #[tokio::test]
    async fn a_long_first_message_ends_the_stream_before_it_has_come() {
        let server = RpcServer::start(8).await.unwrap();
        let _guest = server.invite(Proof::Id);
        let mut stranger = FakeWorker::connect_silently(server.port).await;
        stranger.send(Content::RpcLog(RpcLog {
            message: "x".repeat(1 << 20),
            ..RpcLog::default()
        }));
        let ended = timeout(PROOF_LIMIT / 2, stranger.next()).await;
        assert_eq!(ended.expect("the stream ends at once"), None);
    }

    #[tokio::test]
    async fn a_connection_that_proves_nothing_is_closed_after_a_few_seconds() {
        let server = RpcServer::start(8).await.unwrap();
        let mut silent = TcpStream::connect((Ipv4Addr::LOCALHOST, server.port)).await.unwrap();
        // What opens HTTP/2, with settings that are empty.
        silent
            .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
            .await
            .unwrap();
        assert!(silent.read(&mut [0; 9]).await.unwrap() > 0);
        tokio::time::pause();
        tokio::time::advance(PROOF_LIMIT + Duration::from_secs(1)).await;
        tokio::time::resume();
        let closed = timeout(Duration::from_secs(30), silent.read_to_end(&mut Vec::new())).await;
        // With or without an error.
        assert!(closed.is_ok());
    }

    #[tokio::test]
    async fn a_worker_gets_in_beside_more_silent_connections_than_are_taken() {
        const TAKEN: usize = 8;
        const SILENT: usize = 100;
        let server = RpcServer::start(TAKEN).await.unwrap();
        let mut silent = Vec::new();
        for _ in 0..SILENT {
            silent.push(TcpStream::connect((Ipv4Addr::LOCALHOST, server.port)).await.unwrap());
        }
        let (mine, expected) = server.invite(Proof::Required);
        let worker = FakeWorker::connect(mine.port, &mine.worker_id, Some(mine.secret.reveal())).await;
        let stream = timeout(Duration::from_secs(30), expected).await.unwrap().unwrap();
        for (number, connection) in silent.iter_mut().take(SILENT - TAKEN).enumerate() {
            // With or without an error; its settings the server has sent.
            let closed = timeout(PROOF_LIMIT / 2, connection.read_to_end(&mut Vec::new())).await;
            assert!(closed.is_ok(), "{number}");
        }
        drop((worker, stream));
    }
}
