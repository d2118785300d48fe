//! The gRPC listener of a task hub: its service `TaskHubSidecarService`, plain HTTP/2 on a loopback port.
//!
//! A port of loopback is open to every user of the machine. Beside an app, each call has to carry a secret, which is told to
//! the worker only: it stands in the client binding as the name of the connection, which clients of all languages send back
//! with each call. A hub for every language asks for none, as Durable Task SDKs have nothing to show. Web pages are kept out in
//! any case, by the names that the listener answers to and by `Origin`.

use std::{
    convert::Infallible,
    io,
    net::Ipv4Addr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::{Buf, BufMut, Bytes};
use futures_util::{Stream, StreamExt, stream};
use http::{HeaderMap, Request, Response, header};
use tokio::{net::TcpListener, task::AbortHandle};
use tonic::{
    Code, Status,
    body::Body,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    codegen::{BoxFuture, Service},
    server::{Grpc, NamedService, ServerStreamingService},
};

use super::{
    super::{http::HostNames, secret::Secret},
    newcomers::{Newcomer, Newcomers},
};
use crate::durable::{
    TaskHub,
    grpc::{self, Refused},
};

/// The service has no package.
const SERVICE: &str = "TaskHubSidecarService";

/// Calls of one connection at a time: clients wait for instances with calls that do not end.
const CALLS: u32 = 1_000;

/// Serves until it is dropped.
#[derive(Debug)]
pub(crate) struct Sidecar {
    address: String,
    /// `None`: calls need none.
    secret: Option<Secret>,
    serving: AbortHandle,
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Sidecar {
    /// Takes a free port, and asks for a secret. `newcomers`: connections at a time that have not shown it; `message_limit`: bytes
    /// of the largest message of a client.
    pub(crate) async fn start(hub: Arc<TaskHub>, newcomers: usize, message_limit: usize) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        Self::serve(listener, hub, Some(Secret::new()), newcomers, message_limit)
    }

    /// Serves every program of this machine. `newcomers`: connections at a time that have not made a call.
    pub(crate) fn open(
        listener: TcpListener,
        hub: Arc<TaskHub>,
        newcomers: usize,
        message_limit: usize,
    ) -> io::Result<Self> {
        Self::serve(listener, hub, None, newcomers, message_limit)
    }

    fn serve(
        listener: TcpListener,
        hub: Arc<TaskHub>,
        secret: Option<Secret>,
        newcomers: usize,
        message_limit: usize,
    ) -> io::Result<Self> {
        let local = listener.local_addr()?;
        let service = SidecarService(Arc::new(Shared {
            hub,
            secret: secret.clone(),
            names: HostNames::of(local, [""; 0]),
            message_limit,
        }));
        let server = tonic::transport::Server::builder()
            .max_concurrent_streams(CALLS)
            .add_service(service)
            .serve_with_incoming(Newcomers::new(listener, newcomers).connections());
        let serving = tokio::spawn(async move {
            if let Err(error) = server.await {
                log::error!("the gRPC server of the task hub stopped: {error}");
            }
        });
        Ok(Self {
            address: format!("http://127.0.0.1:{}", local.port()),
            secret,
            serving: serving.abort_handle(),
        })
    }

    /// What the binding of clients calls `rpcBaseUrl`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// What clients have to send with each call; empty: nothing.
    pub(crate) fn secret(&self) -> &str {
        self.secret.as_ref().map(Secret::reveal).unwrap_or_default()
    }
}

struct Shared {
    hub: Arc<TaskHub>,
    secret: Option<Secret>,
    names: HostNames,
    message_limit: usize,
}

impl Shared {
    /// Refuses what does not come from a client of this host's worker, or where everyone is served, web pages only.
    fn check(&self, parts: &http::request::Parts) -> Result<(), Status> {
        let refused = |text: &str| Err(Status::permission_denied(text));
        if parts.headers.contains_key(header::ORIGIN) {
            return refused("Web pages cannot call this service.");
        }
        if self.names.check(parts).is_err() {
            return refused("The service answers to names of the loopback address only.");
        }
        let text = |name: &str| text(&parts.headers, name);
        let own = self.hub.name().as_str();
        let asked = match &self.secret {
            Some(secret) => {
                let connection = text("durable-connectionname");
                let shown = connection.rsplit_once('/').map_or(connection, |(_, secret)| secret);
                if !secret.is(shown) {
                    return Err(Status::unauthenticated(
                        "The header durable-connectionname is not the connectionName of this host's client binding.",
                    ));
                }
                text("durable-taskhub")
            }
            // The header of clients of the Durable Task Scheduler, which others do not send.
            None => Some(text("taskhub")).filter(|asked| !asked.is_empty()).unwrap_or(own),
        };
        if !asked.eq_ignore_ascii_case(own) {
            return Err(Status::not_found(format!(
                "The task hub '{asked}' is not the one of this host, which is '{own}'."
            )));
        }
        Ok(())
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default()
}

#[derive(Clone)]
struct SidecarService(Arc<Shared>);

impl NamedService for SidecarService {
    const NAME: &'static str = SERVICE;
}

impl Service<Request<Body>> for SidecarService {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let shared = Arc::clone(&self.0);
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            if let Err(status) = shared.check(&parts) {
                return Ok(status.into_http());
            }
            if let Some(newcomer) = parts.extensions.get::<Newcomer>() {
                newcomer.has_proved();
            }
            let method = parts.uri.path().rsplit('/').next().unwrap_or_default().to_owned();
            let limit = shared.message_limit;
            let mut server = Grpc::new(Raw)
                .max_decoding_message_size(limit)
                .max_encoding_message_size(usize::MAX);
            let call = Method { shared, method };
            Ok(server.server_streaming(call, Request::from_parts(parts, body)).await)
        })
    }
}

/// A method of the service. One that does not stream is answered by one message, which looks the same on the wire.
struct Method {
    shared: Arc<Shared>,
    method: String,
}

type Messages = Pin<Box<dyn Stream<Item = Result<Bytes, Status>> + Send>>;

impl ServerStreamingService<Bytes> for Method {
    type Response = Bytes;
    type ResponseStream = Messages;
    type Future = BoxFuture<tonic::Response<Messages>, Status>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        let (shared, method) = (Arc::clone(&self.shared), self.method.clone());
        Box::pin(async move {
            let message = request.into_inner();
            let messages: Messages = if method == "GetWorkItems" {
                let items = shared.hub.work_items(message).map_err(status)?;
                Box::pin(items.map(Ok))
            } else {
                let reply = shared.hub.call(&method, message).await.map_err(status)?;
                Box::pin(stream::iter(reply.into_iter().map(Ok)))
            };
            Ok(tonic::Response::new(messages))
        })
    }
}

fn status(refused: Refused) -> Status {
    let code = match refused.code {
        grpc::Code::InvalidArgument => Code::InvalidArgument,
        grpc::Code::DeadlineExceeded => Code::DeadlineExceeded,
        grpc::Code::NotFound => Code::NotFound,
        grpc::Code::AlreadyExists => Code::AlreadyExists,
        grpc::Code::FailedPrecondition => Code::FailedPrecondition,
        grpc::Code::Unimplemented => Code::Unimplemented,
        grpc::Code::Internal => Code::Internal,
        grpc::Code::Unavailable => Code::Unavailable,
    };
    Status::new(code, refused.message)
}

/// Messages as they are.
#[derive(Clone, Copy, Debug)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(message);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, message: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(message.copy_to_bytes(message.remaining())))
    }
}

#[cfg(test)]
mod tests {
    use azure_functions_durable::protobuf::{GetInstanceRequest, GetInstanceResponse};
    use prost::Message;
    use tonic::{
        client,
        codegen::http::uri::PathAndQuery,
        transport::{Channel, Endpoint, Uri},
    };

    use super::*;
    use crate::durable::{
        HubName, TaskHubOptions,
        work::{WorkError, WorkItem, WorkResult, Worker},
    };

    struct Nobody;

    impl Worker for Nobody {
        fn run(&self, _: WorkItem) -> BoxFuture<WorkResult, WorkError> {
            Box::pin(async { Err(WorkError::ShuttingDown) })
        }
    }

    async fn ask(channel: Channel, headers: &[(&'static str, &str)]) -> Result<GetInstanceResponse, Status> {
        let message = GetInstanceRequest {
            instance_id: "nobody".to_owned(),
            get_inputs_and_outputs: false,
        };
        let mut request = tonic::Request::new(Bytes::from(message.encode_to_vec()));
        for (name, value) in headers {
            request.metadata_mut().insert(*name, value.parse().unwrap());
        }
        let mut client = client::Grpc::new(channel);
        client.ready().await.unwrap();
        let path = PathAndQuery::from_static("/TaskHubSidecarService/GetInstance");
        let answer = client.unary(request, path, Raw).await?;
        Ok(GetInstanceResponse::decode(answer.into_inner()).unwrap())
    }

    #[tokio::test]
    async fn only_clients_with_the_secret_of_the_binding_are_served_and_no_web_page() {
        let folder = tempfile::tempdir().unwrap();
        let options = TaskHubOptions::new(HubName::new("Sidecar").unwrap(), folder.path());
        let hub = Arc::new(TaskHub::open(options, Arc::new(Nobody)).unwrap());
        let sidecar = Sidecar::start(hub, 4, 1 << 20).await.unwrap();
        let endpoint = Endpoint::from_shared(sidecar.address().to_owned()).unwrap();
        let channel = endpoint.connect().await.unwrap();
        let secret = sidecar.secret();
        let named = format!("Storage/{secret}");

        let hub = ("durable-taskhub", "sidecar");
        for connection in [secret, &named] {
            let answer = ask(channel.clone(), &[hub, ("durable-connectionname", connection)]).await;
            assert_eq!(answer.unwrap(), GetInstanceResponse::default());
        }
        let known = ("durable-connectionname", secret);
        for (headers, code) in [
            (vec![hub], Code::Unauthenticated),
            (vec![hub, ("durable-connectionname", "Storage")], Code::Unauthenticated),
            (vec![known], Code::NotFound),
            (vec![known, ("durable-taskhub", "Other")], Code::NotFound),
            (
                vec![known, hub, ("origin", "http://localhost:7071")],
                Code::PermissionDenied,
            ),
        ] {
            let refused = ask(channel.clone(), &headers).await.unwrap_err();
            assert_eq!(refused.code(), code, "{headers:?}");
        }
        let foreign = endpoint.origin(Uri::from_static("http://rebound.example"));
        let channel = foreign.connect().await.unwrap();
        let refused = ask(channel, &[hub, known]).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied);
    }
}
