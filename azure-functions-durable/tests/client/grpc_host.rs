//! A host that answers gRPC calls by a script, byte for byte, over HTTP/2 on loopback.

use azure_functions_durable::{OrchestrationClient, Retries};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::Semaphore;

/// A call as it came in.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// The last part of the path.
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    /// The message, without the five bytes of its frame.
    pub(crate) message: Bytes,
    /// Which connection it came by, from 0.
    pub(crate) connection: usize,
}

/// What the host does with a call.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Answers(Vec<Vec<u8>>),
    Refuses(u16, &'static str),
    /// Messages, and then this status.
    Breaks(Vec<Vec<u8>>, u16, &'static str),
    /// These bytes instead of framed messages.
    Raw(Vec<u8>),
    /// An HTTP status and nothing of gRPC.
    Http(u16),
    /// Closes the connection.
    HangsUp,
    /// Answers never.
    Keeps,
    /// Answers when there is leave to.
    Waits(Arc<Semaphore>, Vec<u8>),
}

pub(crate) fn answers(message: &impl prost::Message) -> Reply {
    Reply::Answers(vec![message.encode_to_vec()])
}

type Script = Arc<dyn Fn(&Seen) -> Reply + Send + Sync>;

#[derive(Clone)]
pub(crate) struct GrpcHost {
    pub(crate) address: SocketAddr,
    script: Script,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl GrpcHost {
    pub(crate) async fn start(script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> (OrchestrationClient, Self) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = Self {
            address: listener.local_addr().unwrap(),
            script: Arc::new(script),
            seen: Arc::default(),
        };
        tokio::spawn(host.clone().serve(listener));
        (host.client(), host)
    }

    /// What the extension gives a binding, with this host's address.
    pub(crate) fn binding(&self) -> serde_json::Value {
        json!({"taskHubName": "MyHub", "connectionName": null, "creationUrls": null, "managementUrls": null, "baseUrl": null,
            "requiredQueryStringParameters": "code=realextkey", "rpcBaseUrl": format!("http://{}", self.address),
            "httpBaseUrl": "http://localhost:7171/runtime/webhooks/durabletask", "useForwardedHost": false,
            "maxGrpcMessageSizeInBytes": 4194304, "grpcHttpClientTimeout": "\"00:01:40\""})
    }

    pub(crate) fn client(&self) -> OrchestrationClient {
        OrchestrationClient::from_binding(&self.binding().to_string())
            .unwrap()
            .with_retries(Retries::new().first_delay(Duration::from_millis(1)))
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn methods(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.method).collect()
    }

    /// The last call.
    pub(crate) fn last(&self) -> Seen {
        self.seen().pop().expect("a call was made")
    }

    async fn serve(self, listener: tokio::net::TcpListener) {
        let count = AtomicUsize::new(0);
        while let Ok((stream, _)) = listener.accept().await {
            let connection = count.fetch_add(1, Ordering::Relaxed);
            let host = self.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request| host.clone().answer(connection, request));
                let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .max_concurrent_streams(100)
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    }

    async fn answer(self, connection: usize, request: Request<Incoming>) -> Result<Response<Messages>, Infallible> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let seen = Seen {
            method: head.uri.path().rsplit('/').next().unwrap().to_owned(),
            path: head.uri.path().to_owned(),
            headers: head.headers,
            message: body.slice(5..),
            connection,
        };
        assert_eq!(
            body[..5],
            [&[0_u8][..], &u32::try_from(body.len() - 5).unwrap().to_be_bytes()].concat()
        );
        let reply = (self.script)(&seen);
        self.seen.lock().unwrap().push(seen);
        let mut response = Response::new(Messages::default());
        response
            .headers_mut()
            .insert("content-type", "application/grpc".parse().unwrap());
        let (messages, status, text) = match reply {
            Reply::Answers(messages) => (messages, 0, ""),
            Reply::Breaks(messages, status, text) => (messages, status, text),
            Reply::Refuses(status, text) => {
                // As the extension does: no body, and the status among the headers.
                response.headers_mut().extend(status_headers(status, text));
                return Ok(response);
            }
            Reply::Raw(bytes) => {
                response
                    .body_mut()
                    .0
                    .extend([Frame::data(bytes.into()), Frame::trailers(status_headers(0, ""))]);
                return Ok(response);
            }
            Reply::Http(status) => {
                *response.status_mut() = status.try_into().unwrap();
                return Ok(response);
            }
            // Ends the task of this call, which resets its stream.
            Reply::HangsUp => panic!("the script says so"),
            Reply::Keeps => std::future::pending().await,
            Reply::Waits(leave, message) => {
                leave.acquire().await.unwrap().forget();
                (vec![message], 0, "")
            }
        };
        let frames = &mut response.body_mut().0;
        for message in messages {
            frames.push_back(Frame::data(framed(&message)));
        }
        frames.push_back(Frame::trailers(status_headers(status, text)));
        Ok(response)
    }
}

fn framed(message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0], &length[..], message].concat().into()
}

fn status_headers(status: u16, text: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("grpc-status", status.into());
    if !text.is_empty() {
        headers.insert("grpc-message", text.parse().unwrap());
    }
    headers
}

/// Frames that are there already.
#[derive(Default)]
struct Messages(VecDeque<Frame<Bytes>>);

impl Body for Messages {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }
}
