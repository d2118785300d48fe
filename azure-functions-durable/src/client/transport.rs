//! How a request gets to the host and its answer back: over TCP with hyper, or whatever else implements [`Transport`].

use super::error::Cause;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// More than any history has a use for; a host that sends more is broken, and must not take our memory.
pub(crate) const MAX_ANSWER_BYTES: usize = 256 * 1024 * 1024;

/// A host on the same machine answers at once; one across the network within this time or not at all.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A request under way, as [`Transport::send`] gives it.
pub type Exchange = Pin<Box<dyn Future<Output = Result<Response<Bytes>, TransportError>> + Send>>;

/// Time that passes, as [`Transport::sleep`] gives it.
pub type Pause = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The way from an [`OrchestrationClient`](crate::OrchestrationClient) to the durable HTTP API, and the time on that way.
///
/// Without [`with_transport`](crate::OrchestrationClient::with_transport) it is plain http over TCP and tokio's time. Another one lets a
/// client talk to a task hub in its own process, or to a test. It carries HTTP: a client that would speak gRPC uses the durable HTTP API
/// once it has another transport.
///
/// ```
/// use azure_functions_durable::{Exchange, OrchestrationClient, Pause, Transport};
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use std::{sync::Arc, time::Duration};
///
/// /// Knows no instance, and loses no time with it.
/// #[derive(Debug)]
/// struct NoHost;
///
/// impl Transport for NoHost {
///     fn send(&self, _request: Request<Bytes>, _limit: Duration) -> Exchange {
///         let mut answer = Response::new(Bytes::new());
///         *answer.status_mut() = http::StatusCode::NOT_FOUND;
///         Box::pin(async { Ok(answer) })
///     }
///
///     fn sleep(&self, _time: Duration) -> Pause {
///         Box::pin(async {})
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let binding = r#"{"taskHubName": "MyHub", "baseUrl": "http://localhost/", "requiredQueryStringParameters": ""}"#;
/// let client = OrchestrationClient::from_binding(binding)?.with_transport(Arc::new(NoHost));
/// assert_eq!(client.query_status("order-7", false, false, false).await?, None);
/// # Ok(())
/// # }
/// ```
///
/// The client itself needs no runtime: one whose transport does not need tokio works on any executor.
pub trait Transport: fmt::Debug + Send + Sync {
    /// Sends one request, whose URL is absolute, and collects the whole answer, whatever its status.
    ///
    /// `limit` is the time after which the caller wants [`TransportError::Timeout`]. A transport that never waits may ignore it. The
    /// future of a request is dropped when the caller no longer waits for it.
    fn send(&self, request: Request<Bytes>, limit: Duration) -> Exchange;

    /// Lets this time pass, between two looks at an instance and until a wait is over. It may be as long as [`Duration::MAX`], which is
    /// to say forever. A pause that is no longer of interest is dropped.
    ///
    /// As provided it is tokio's sleep, which panics outside a tokio runtime that has its time enabled.
    fn sleep(&self, time: Duration) -> Pause {
        Box::pin(tokio::time::sleep(time))
    }
}

/// Why a [`Transport`] brought no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The time was up; the request may still have had its effect.
    #[error("no answer in time")]
    Timeout,
    /// The address is `https`, and this transport speaks plain http only.
    #[error("the address needs TLS, which this transport does not have")]
    TlsUnavailable,
    /// Anything else: the request did not arrive, or its answer did not.
    #[error("the connection failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl TransportError {
    /// A failure with this cause, or this message.
    pub fn failed(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Failed(cause.into())
    }
}

/// Plain http over TCP, with connections kept for the next request.
#[derive(Debug)]
pub(crate) struct Tcp(Client<HttpConnector, Full<Bytes>>);

impl Tcp {
    /// The one of this process: a binding is read anew in each invocation, its connections are not made anew.
    pub(crate) fn shared() -> Arc<dyn Transport> {
        static SHARED: LazyLock<Arc<Tcp>> = LazyLock::new(|| Arc::new(Tcp::new()));
        SHARED.clone()
    }

    fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        Self(
            Client::builder(TokioExecutor::new())
                .pool_max_idle_per_host(64)
                .build(connector),
        )
    }
}

impl Transport for Tcp {
    fn send(&self, request: Request<Bytes>, limit: Duration) -> Exchange {
        let scheme = request.uri().scheme_str();
        if scheme.is_none_or(|scheme| !scheme.eq_ignore_ascii_case("http")) {
            return Box::pin(async { Err(TransportError::TlsUnavailable) });
        }
        let answer = self.0.request(request.map(Full::new));
        Box::pin(async move {
            let whole = async {
                let (parts, body) = answer.await.map_err(|e| Box::new(e) as Cause)?.into_parts();
                let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await?.to_bytes();
                Ok(Response::from_parts(parts, body))
            };
            match tokio::time::timeout(limit, whole).await {
                Ok(answer) => answer.map_err(TransportError::Failed),
                Err(_) => Err(TransportError::Timeout),
            }
        })
    }
}

/// Whether a request may have reached the host, although the connection failed. No connection, no request.
pub(crate) fn was_sent(failure: &(dyn std::error::Error + 'static)) -> bool {
    let mut failure = Some(failure);
    while let Some(error) = failure {
        if let Some(error) = error.downcast_ref::<hyper_util::client::legacy::Error>() {
            return !error.is_connect();
        }
        #[cfg(feature = "grpc")]
        if error.is::<crate::server::TokenError>() {
            return false;
        }
        failure = error.source();
    }
    true
}
