//! The loopback listener behind `rpcBaseUrl`: durable clients in the worker reach the durable HTTP API here, without a
//! key.
//!
//! A port of loopback is open to every user of the machine. So the base has a secret in it, which is told to the worker
//! only: with the bindings of durable clients, on the stream that the worker has proved itself for. Web pages are kept
//! out besides, by the names that it answers to, and by `Origin`.

use super::{
    http::{HostNames, RequestBody, RequestBodyError, Server, ServerLimits, Service, head},
    secret::Secret,
};
use crate::durable::{TaskHub, Via};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use std::{io, net::Ipv4Addr, path::PathBuf, sync::Arc, time::Duration};
use tokio::{net::TcpListener, task::AbortHandle};
use tokio_util::sync::CancellationToken;

/// The extension's own port.
const FIRST_CHOICE: u16 = 17071;
/// How many others are tried.
const MORE_TRIES: usize = 10;
const BASE: &str = "/durabletask";

/// What the listener leads to.
pub(crate) struct RpcDoor {
    pub(crate) hub: Arc<TaskHub>,
    /// The public base of the same API, which management URLs point to.
    pub(crate) webhook: String,
    /// The key for it.
    pub(crate) code: Option<String>,
    /// Largest request body in bytes.
    pub(crate) body_limit: usize,
}

/// Serves until it is dropped.
#[derive(Debug)]
pub(crate) struct RpcListener {
    base_url: String,
    serving: AbortHandle,
}

impl Drop for RpcListener {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl RpcListener {
    /// Takes the well-known port if it is free, else one between 30000 and 31000.
    pub(crate) async fn start(door: RpcDoor, limits: ServerLimits, answers: PathBuf) -> io::Result<Self> {
        let listener = bind().await?;
        let address = listener.local_addr()?;
        let names = HostNames::of(address, [""; 0]);
        let secret = Secret::new();
        let base_url = format!("http://127.0.0.1:{}/{}{BASE}/", address.port(), secret.reveal());
        let mut via = Via::rpc(base_url.as_str(), door.webhook.as_str());
        via.code.clone_from(&door.code);
        let opened = Opened {
            door,
            secret,
            via,
            names,
        };
        let server = Server::new(opened, limits, answers);
        let serving = tokio::spawn(server.serve(listener, CancellationToken::new(), Duration::ZERO));
        Ok(Self {
            base_url,
            serving: serving.abort_handle(),
        })
    }

    /// The base of its URLs, with the slash at its end that clients rely on. It is a secret.
    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }
}

async fn bind() -> io::Result<TcpListener> {
    let mut bound = TcpListener::bind((Ipv4Addr::LOCALHOST, FIRST_CHOICE)).await;
    for _ in 0..MORE_TRIES {
        if bound.is_ok() {
            break;
        }
        let [high, low, ..] = *uuid::Uuid::new_v4().as_bytes();
        let port = 30000 + u16::from_be_bytes([high, low]) % 1001;
        bound = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    }
    bound
}

struct Opened {
    door: RpcDoor,
    secret: Secret,
    via: Via,
    names: HostNames,
}

impl Service for Opened {
    async fn answer(&self, request: Request<RequestBody>) -> Response<Bytes> {
        let (mut parts, body) = request.into_parts();
        if let Err(error) = self.names.check(&parts) {
            return empty(error.status());
        }
        if let Err(error) = head::check(&parts) {
            return empty(error.status());
        }
        if parts.method != Method::GET && parts.headers.contains_key(header::ORIGIN) {
            return empty(StatusCode::FORBIDDEN);
        }
        let whole = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let Some(Ok(uri)) = below_base(&self.secret, whole).map(str::parse) else {
            return empty(StatusCode::NOT_FOUND);
        };
        parts.uri = uri;
        match Limited::new(body, self.door.body_limit).collect().await {
            Ok(body) => {
                let request = Request::from_parts(parts, body.to_bytes());
                self.door.hub.handle(request, &self.via).await
            }
            Err(error) => empty(RequestBodyError::status_of(&*error)),
        }
    }
}

/// Path and query below the base.
fn below_base<'a>(secret: &Secret, path_and_query: &'a str) -> Option<&'a str> {
    let (given, _) = path_and_query.strip_prefix('/')?.split_once('/')?;
    let path = path_and_query.get(1 + given.len()..)?;
    let (start, rest) = path.split_at_checked(BASE.len())?;
    (secret.is(given) && start.eq_ignore_ascii_case(BASE) && rest.starts_with('/')).then_some(rest)
}

fn empty(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_below_the_secret_base_are_served() {
        let secret = Secret::new();
        let below = |path: &str| {
            let path = path.replace("SECRET", secret.reveal());
            below_base(&secret, &path).map(str::to_owned)
        };
        assert_eq!(below("/SECRET/durabletask/instances?x=1").unwrap(), "/instances?x=1");
        assert_eq!(below("/SECRET/DurableTask/").unwrap(), "/");
        for outside in [
            "/SECRET/durabletaskx/",
            "/SECRET/durabletask",
            "/SECRETx/durabletask/",
            "//durabletask/",
            "/durabletask/instances",
            "/SECRET/ééééééé/",
            "/",
        ] {
            assert_eq!(below(outside), None, "{outside}");
        }
    }
}
