//! Connections to a server. Calls carry the name of the task hub, and a token where the server asks for one.

use super::error::ServerAddressError;
use super::tokens::Tokens;
use crate::protobuf::task_hub_sidecar_service_client::TaskHubSidecarServiceClient;
use http::{HeaderName, HeaderValue, Request, Uri, header};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tonic::body::Body;
use tonic::codegen::Service;

/// Connections by address: one for each, which all calls share.
type Pool = Client<Connector, Body>;
#[cfg(not(feature = "durable-task-scheduler"))]
type Connector = HttpConnector;
#[cfg(feature = "durable-task-scheduler")]
type Connector = hyper_rustls::HttpsConnector<HttpConnector>;
type BoxError = Box<dyn Error + Send + Sync>;

/// The service, over a channel.
#[doc(hidden)]
pub type Sidecar = TaskHubSidecarServiceClient<Channel>;

/// Says which task hub a call is for.
pub(crate) const TASK_HUB: &str = "taskhub";
/// What workers and clients call themselves, for the people who watch a server.
const USER_AGENT: &str = concat!("azure-functions-rust/", env!("CARGO_PKG_VERSION"));

/// Longer than apps usually are idle between two calls, and much shorter than a port is likely to be used again.
const IDLE_TIMEOUT: Duration = Duration::from_secs(90);
/// A server on the same machine answers at once; one across the network within this time or not at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// What a server may send ahead, in bytes: the history of a long orchestration is megabytes.
const WINDOW: u32 = 4 << 20;

/// Sends requests to a server. Cheap to clone; clones share their connections.
#[doc(hidden)]
#[derive(Clone)]
pub struct Channel {
    pool: Pool,
    /// Scheme, host and port that requests go to.
    origin: Uri,
    task_hub: Option<HeaderValue>,
    tokens: Option<Arc<Tokens>>,
}

impl Channel {
    pub(super) fn to(
        origin: &str,
        task_hub: Option<HeaderValue>,
        tokens: Option<Arc<Tokens>>,
    ) -> Result<Self, ServerAddressError> {
        let origin: Uri = origin
            .parse()
            .map_err(|_| ServerAddressError::Malformed("it is no URL".to_owned()))?;
        let secure = origin.scheme_str() == Some("https");
        Ok(Self {
            pool: pool(connector(secure)?),
            origin,
            task_hub,
            tokens,
        })
    }

    /// Connections without encryption, to any address, that carry nothing of their own.
    pub(crate) fn plain(origin: Uri, pool: &PlainPool) -> Self {
        Self {
            pool: pool.0.clone(),
            origin,
            task_hub: None,
            tokens: None,
        }
    }

    /// The service.
    pub fn sidecar(&self) -> Sidecar {
        Sidecar::with_origin(self.clone(), self.origin.clone())
    }
}

/// Connections that several channels share.
pub(crate) struct PlainPool(Pool);

impl PlainPool {
    pub(crate) fn new() -> Self {
        Self(pool(plain()))
    }
}

fn tcp() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    connector
}

#[cfg(not(feature = "durable-task-scheduler"))]
fn plain() -> Connector {
    tcp()
}

#[cfg(not(feature = "durable-task-scheduler"))]
fn connector(secure: bool) -> Result<Connector, ServerAddressError> {
    match secure {
        false => Ok(plain()),
        true => Err(ServerAddressError::Feature("TLS")),
    }
}

#[cfg(feature = "durable-task-scheduler")]
fn plain() -> Connector {
    with_tls(rustls_config().with_root_certificates(rustls::RootCertStore::empty()))
}

#[cfg(feature = "durable-task-scheduler")]
fn connector(secure: bool) -> Result<Connector, ServerAddressError> {
    use hyper_rustls::ConfigBuilderExt;
    if !secure {
        return Ok(plain());
    }
    let trusting = rustls_config().with_native_roots();
    trusting.map(with_tls).map_err(ServerAddressError::Certificates)
}

/// With the cryptography of `ring`, whatever the process has.
#[cfg(feature = "durable-task-scheduler")]
fn rustls_config() -> rustls::ConfigBuilder<rustls::ClientConfig, rustls::WantsVerifier> {
    rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        // `ring` has what every version of the protocol needs.
        .expect("TLS 1.2 and 1.3 with ring")
}

#[cfg(feature = "durable-task-scheduler")]
fn with_tls(config: rustls::ConfigBuilder<rustls::ClientConfig, rustls::client::WantsClientCert>) -> Connector {
    let mut tcp = tcp();
    tcp.enforce_http(false);
    hyper_rustls::HttpsConnectorBuilder::new()
        .with_tls_config(config.with_no_client_auth())
        .https_or_http()
        .enable_http2()
        .wrap_connector(tcp)
}

fn pool(connector: Connector) -> Pool {
    Client::builder(TokioExecutor::new())
        .http2_only(true)
        .http2_initial_stream_window_size(WINDOW)
        .http2_initial_connection_window_size(WINDOW)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_timer(TokioTimer::new())
        .build(connector)
}

impl Service<Request<Body>> for Channel {
    type Response = <Pool as Service<Request<Body>>>::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        if let Some(task_hub) = &self.task_hub {
            // A call may name another one.
            let header = request.headers_mut().entry(HeaderName::from_static(TASK_HUB));
            header.or_insert_with(|| task_hub.clone());
        }
        let program = request.headers_mut().entry(header::USER_AGENT);
        program.or_insert(HeaderValue::from_static(USER_AGENT));
        let (pool, tokens) = (self.pool.clone(), self.tokens.clone());
        Box::pin(async move {
            if let Some(tokens) = tokens {
                request
                    .headers_mut()
                    .insert(header::AUTHORIZATION, tokens.header().await?);
            }
            Ok(pool.request(request).await?)
        })
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}
