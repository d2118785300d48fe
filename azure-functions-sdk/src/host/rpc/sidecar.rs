//! The gRPC listener of task hubs: their service `TaskHubSidecarService`, plain HTTP/2 on a loopback port.
//!
//! A port of loopback is open to every user of the machine. Each call of an app's clients has to carry a secret, which is told to
//! the worker only: it stands in the client binding as the name of the connection, which clients of all languages send back
//! with each call. Where workers and clients of every language are served, none is asked for, as Durable Task SDKs have nothing to
//! show. Web pages are kept out in any case, by the names that the listener answers to and by `Origin`.

use std::{
    convert::Infallible,
    io,
    net::Ipv4Addr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use azure_functions_durable::protobuf::{CreateTaskHubRequest, CreateTaskHubResponse, DeleteTaskHubResponse};
use bytes::{Buf, BufMut, Bytes};
use futures_util::{Stream, StreamExt, stream};
use http::{HeaderMap, Request, Response, header};
use prost::Message as _;
use tokio::{net::TcpListener, task::AbortHandle};
use tonic::{
    Code, Status,
    body::Body,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    codegen::{BoxFuture, Service},
    server::{Grpc, NamedService, ServerStreamingService},
};

use super::{
    super::{
        http::HostNames,
        hubs::{Hubs, HubsError},
        secret::Secret,
    },
    newcomers::{Newcomer, Newcomers},
    program::program,
};
use crate::durable::{
    TaskHub,
    grpc::{self, Caller, Refused},
};

/// The service has no package.
const SERVICE: &str = "TaskHubSidecarService";

/// The method whose answers are the work items of a worker.
const WORK_ITEMS: &str = "GetWorkItems";

/// Bytes of the largest message of an SDK: answers of workers are not limited by the protocol.
const LARGEST_SDK_MESSAGE: usize = 128 * 1024 * 1024;

/// Calls of one connection at a time: clients wait for instances with calls that do not end.
const CALLS: u32 = 1_000;

/// How often connections of SDKs are pinged, and how long each answer may take: a worker that is frozen, or a peer behind a proxy that
/// is gone, would keep its work items for ever.
const ALIVE: Duration = Duration::from_secs(20);

/// Who is served, and by which hub.
#[derive(Clone, Debug)]
pub(crate) enum Served {
    /// Clients of an app, which know a secret.
    App(Arc<TaskHub>, Secret),
    /// Workers and clients of every language, beside an app: by its hub.
    BesideApp(Arc<TaskHub>),
    /// Workers and clients of every language: by the hub that they name.
    Hubs(Arc<Hubs>),
}

/// Serves until it is dropped.
#[derive(Debug)]
pub(crate) struct Sidecar {
    address: String,
    serving: AbortHandle,
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Sidecar {
    /// Takes a free port for the clients of an app. `newcomers`: connections at a time that have not shown the secret;
    /// `message_limit`: bytes of the largest message of a client.
    pub(crate) async fn start(
        hub: Arc<TaskHub>,
        secret: Secret,
        newcomers: usize,
        message_limit: usize,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        Self::serve(listener, Served::App(hub, secret), newcomers, message_limit, None)
    }

    /// Serves every program of this machine. `newcomers`: connections at a time that have not made a call.
    pub(crate) fn open(listener: TcpListener, served: Served, newcomers: usize) -> io::Result<Self> {
        Self::serve(listener, served, newcomers, LARGEST_SDK_MESSAGE, Some(ALIVE))
    }

    /// `alive`: how often connections are pinged, and how long each answer may take.
    fn serve(
        listener: TcpListener,
        served: Served,
        newcomers: usize,
        message_limit: usize,
        alive: Option<Duration>,
    ) -> io::Result<Self> {
        let local = listener.local_addr()?;
        let service = SidecarService(Arc::new(Shared {
            served,
            names: HostNames::of(local, [""; 0]),
            message_limit,
        }));
        let server = tonic::transport::Server::builder()
            .max_concurrent_streams(CALLS)
            .http2_keepalive_interval(alive)
            .http2_keepalive_timeout(alive)
            .add_service(service)
            .serve_with_incoming(Newcomers::new(listener, newcomers).connections());
        let serving = tokio::spawn(async move {
            if let Err(error) = server.await {
                log::error!("the gRPC server of the task hub stopped: {error}");
            }
        });
        Ok(Self {
            address: format!("http://127.0.0.1:{}", local.port()),
            serving: serving.abort_handle(),
        })
    }

    /// What the binding of clients calls `rpcBaseUrl`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

struct Shared {
    served: Served,
    names: HostNames,
    message_limit: usize,
}

/// What a call is about.
struct Asked {
    caller: Caller,
    /// The hub that it names, where there may be several; empty: none.
    name: String,
    hub: Option<Arc<TaskHub>>,
    /// What a worker that asks for work says of itself, for people.
    program: String,
}

impl Shared {
    /// Refuses what does not come from a client of this host's worker, or where everyone is served, web pages only.
    fn check(&self, parts: &http::request::Parts) -> Result<Asked, Status> {
        let refused = |text: &str| Err(Status::permission_denied(text));
        if parts.headers.contains_key(header::ORIGIN) {
            return refused("Web pages cannot call this service.");
        }
        if self.names.check(parts).is_err() {
            return refused("The service answers to names of the loopback address only.");
        }
        let text = |name: &str| text(&parts.headers, name);
        // That of clients of the Durable Task Scheduler; others send none.
        let named = || text("taskhub");
        match &self.served {
            Served::App(hub, secret) => {
                let connection = text("durable-connectionname")?;
                let shown = connection.rsplit_once('/').map_or(connection, |(_, secret)| secret);
                if !secret.is(shown) {
                    return Err(Status::unauthenticated(
                        "The header durable-connectionname is not the connectionName of this host's client binding.",
                    ));
                }
                Self::only(hub, text("durable-taskhub")?, Caller::App)
            }
            Served::BesideApp(hub) => match named()? {
                "" => Self::only(hub, hub.name().as_str(), Caller::Sdk),
                named => Self::only(hub, named, Caller::Sdk),
            },
            Served::Hubs(hubs) => {
                let named = named()?;
                Ok(Asked {
                    caller: Caller::Sdk,
                    name: named.to_owned(),
                    hub: hubs.find(named),
                    program: String::new(),
                })
            }
        }
    }

    /// The only hub that there is, if it is asked for.
    fn only(hub: &Arc<TaskHub>, asked: &str, caller: Caller) -> Result<Asked, Status> {
        let own = hub.name().as_str();
        if !asked.eq_ignore_ascii_case(own) {
            return Err(Status::not_found(format!(
                "The task hub '{asked}' is not the one of this host, which is '{own}'."
            )));
        }
        Ok(Asked {
            caller,
            name: String::new(),
            hub: Some(Arc::clone(hub)),
            program: String::new(),
        })
    }

    async fn answer(&self, asked: Asked, method: &str, message: Bytes) -> Result<Messages, Status> {
        let one = |message: Vec<u8>| -> Messages { Box::pin(stream::iter([Ok(message.into())])) };
        if let Served::Hubs(hubs) = &self.served {
            match method {
                "CreateTaskHub" => {
                    let request = CreateTaskHubRequest::decode(message)
                        .map_err(|error| Status::invalid_argument(error.to_string()))?;
                    match request.recreate_if_exists {
                        true => hubs.recreate(&asked.name).await?,
                        false => drop(hubs.get(&asked.name).await?),
                    }
                    return Ok(one(CreateTaskHubResponse {}.encode_to_vec()));
                }
                "DeleteTaskHub" => {
                    // What this call has of the hub does not count.
                    drop(asked.hub);
                    hubs.delete(&asked.name).await?;
                    return Ok(one(DeleteTaskHubResponse {}.encode_to_vec()));
                }
                _ => {}
            }
        }
        let hub = match (asked.hub, &self.served) {
            (Some(hub), _) => hub,
            (None, Served::App(hub, _) | Served::BesideApp(hub)) => Arc::clone(hub),
            (None, Served::Hubs(hubs)) => match method {
                "StartInstance" | "SignalEntity" | WORK_ITEMS => hubs.get(&asked.name).await?,
                // Workers call it before they ask for work; it is about no hub.
                "Hello" => return Ok(one(Vec::new())),
                _ => hubs.existing(&asked.name).await?,
            },
        };
        if method == WORK_ITEMS {
            let items = hub.work_items(asked.caller, &asked.program, message).map_err(status)?;
            return Ok(Box::pin(items.map(Ok)));
        }
        let reply = hub.call(asked.caller, method, message).await.map_err(status)?;
        Ok(Box::pin(stream::iter(reply.into_iter().map(Ok))))
    }
}

impl From<HubsError> for Status {
    fn from(error: HubsError) -> Self {
        let code = match &error {
            HubsError::Name(_) => Code::InvalidArgument,
            HubsError::TooMany => Code::ResourceExhausted,
            HubsError::Unknown(_) => Code::NotFound,
            HubsError::Default(_) | HubsError::InUse(_) => Code::FailedPrecondition,
            HubsError::Stopping => Code::Unavailable,
            HubsError::Hub { .. } | HubsError::Broken(_) => Code::Internal,
        };
        Self::new(code, error.to_string())
    }
}

/// The text of a header; empty if it is not there. One that cannot be read must not pass for none: the call would be about another
/// hub.
fn text<'h>(headers: &'h HeaderMap, name: &str) -> Result<&'h str, Status> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok("") };
    if values.next().is_some() {
        return Err(Status::invalid_argument(format!(
            "The header {name} is given more than once."
        )));
    }
    value
        .to_str()
        .map_err(|_| Status::invalid_argument(format!("The header {name} has characters other than visible ASCII.")))
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
            let mut asked = match shared.check(&parts) {
                Ok(asked) => asked,
                Err(status) => return Ok(status.into_http()),
            };
            if let Some(newcomer) = parts.extensions.get::<Newcomer>() {
                newcomer.has_proved();
            }
            let method = parts.uri.path().rsplit('/').next().unwrap_or_default().to_owned();
            if method == WORK_ITEMS {
                asked.program = program(&parts.headers);
            }
            let limit = shared.message_limit;
            let mut server = Grpc::new(Raw)
                .max_decoding_message_size(limit)
                .max_encoding_message_size(usize::MAX);
            let call = Method {
                shared,
                method,
                asked: Some(asked),
            };
            Ok(server.server_streaming(call, Request::from_parts(parts, body)).await)
        })
    }
}

/// A method of the service. One that does not stream is answered by one message, which looks the same on the wire.
struct Method {
    shared: Arc<Shared>,
    method: String,
    asked: Option<Asked>,
}

type Messages = Pin<Box<dyn Stream<Item = Result<Bytes, Status>> + Send>>;

impl ServerStreamingService<Bytes> for Method {
    type Response = Bytes;
    type ResponseStream = Messages;
    type Future = BoxFuture<tonic::Response<Messages>, Status>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        let (shared, method, asked) = (Arc::clone(&self.shared), self.method.clone(), self.asked.take());
        Box::pin(async move {
            let message = request.into_inner();
            // Each is called once.
            let asked = asked.ok_or_else(|| Status::internal("The call was answered already."))?;
            let messages = shared.answer(asked, &method, message).await?;
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
        grpc::Code::ResourceExhausted => Code::ResourceExhausted,
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
        let secret = Secret::new();
        let sidecar = Sidecar::start(hub, secret.clone(), 4, 1 << 20).await.unwrap();
        let endpoint = Endpoint::from_shared(sidecar.address().to_owned()).unwrap();
        let channel = endpoint.connect().await.unwrap();
        let secret = secret.reveal();
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

    fn beside_app(folder: &tempfile::TempDir) -> Served {
        let options = TaskHubOptions::new(HubName::new("Sidecar").unwrap(), folder.path());
        Served::BesideApp(Arc::new(TaskHub::open(options, Arc::new(Nobody)).unwrap()))
    }

    #[tokio::test]
    async fn a_hub_name_that_cannot_be_read_or_is_given_twice_is_refused_and_is_not_the_default_hub() {
        let folder = tempfile::tempdir().unwrap();
        let shared = Shared {
            served: beside_app(&folder),
            names: HostNames::of(([127, 0, 0, 1], 4001).into(), [""; 0]),
            message_limit: 1 << 20,
        };
        let check = |names: &[&str]| {
            let mut request = Request::builder()
                .version(http::Version::HTTP_2)
                .uri("http://127.0.0.1:4001/TaskHubSidecarService/Hello");
            for name in names {
                let value = http::HeaderValue::from_bytes(name.as_bytes()).unwrap();
                request = request.header("taskhub", value);
            }
            let (parts, ()) = request.body(()).unwrap().into_parts();
            shared.check(&parts).map(|asked| asked.hub.is_some())
        };
        for names in [&[][..], &[""], &["sidecar"]] {
            assert!(check(names).unwrap(), "{names:?}");
        }
        for names in [&["Bestellungen-\u{d6}"][..], &["sidecar", "other"]] {
            assert_eq!(check(names).unwrap_err().code(), Code::InvalidArgument, "{names:?}");
        }
    }

    /// Nothing answers its pings, as when the process is stopped.
    #[tokio::test]
    async fn a_connection_of_an_sdk_that_answers_no_ping_is_closed() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        const PING: u8 = 6;
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let alive = Some(Duration::from_millis(50));
        let _sidecar = Sidecar::serve(listener, beside_app(&folder), 4, 1 << 20, alive).unwrap();
        let mut frozen = tokio::net::TcpStream::connect(address).await.unwrap();
        // The preface and empty settings.
        frozen.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        frozen.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
        let mut received = Vec::new();
        let closed = tokio::time::timeout(Duration::from_secs(30), frozen.read_to_end(&mut received));
        // It may be closed with a reset.
        let _ = closed.await.expect("the connection is closed");
        let (mut pings, mut frames) = (0, received.as_slice());
        while let [a, b, c, kind, rest @ ..] = frames {
            pings += usize::from(*kind == PING);
            let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
            frames = rest.get(5 + length..).unwrap_or_default();
        }
        assert!(pings > 0);
    }
}
