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
const MAX_ANSWER_BYTES: usize = 256 * 1024 * 1024;

/// A host on the same machine answers at once; one across the network within this time or not at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A request under way.
pub(crate) type Exchange = Pin<Box<dyn Future<Output = Result<Response<Bytes>, Cause>> + Send>>;

/// The way to the host.
pub(crate) trait Transport: fmt::Debug + Send + Sync {
    /// Sends one request with an absolute URL and collects the whole answer.
    fn send(&self, request: Request<Bytes>) -> Exchange;
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
    fn send(&self, request: Request<Bytes>) -> Exchange {
        let answer = self.0.request(request.map(Full::new));
        Box::pin(async move {
            let (parts, body) = answer.await.map_err(|e| Box::new(e) as Cause)?.into_parts();
            let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await?.to_bytes();
            Ok(Response::from_parts(parts, body))
        })
    }
}
