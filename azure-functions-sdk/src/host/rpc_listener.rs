//! The loopback listener behind `rpcBaseUrl`: durable clients in the worker reach the durable HTTP API here, without a
//! key.
//!
//! Since it asks for no key, it answers only those that name it as a loopback address, and no web page.

use super::http::HostNames;
use crate::durable::{TaskHub, Via};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{convert::Infallible, io, net::Ipv4Addr, sync::Arc};
use tokio::{
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
};

/// The extension's own port.
const FIRST_CHOICE: u16 = 17071;
/// How many others are tried.
const MORE_TRIES: usize = 10;
const BASE: &str = "/durabletask";

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
    /// Takes the well-known port if it is free, else one between 30000 and 31000. `webhook` is the public base of the
    /// same API, which management URLs point to, and `code` the key for it.
    pub(crate) async fn start(
        hub: Arc<TaskHub>,
        webhook: &str,
        code: Option<String>,
        body_limit: usize,
    ) -> io::Result<Self> {
        let listener = bind().await?;
        let address = listener.local_addr()?;
        let names = HostNames::of(address, [""; 0]);
        let base_url = format!("http://127.0.0.1:{}{BASE}/", address.port());
        let mut via = Via::rpc(base_url.as_str(), webhook);
        via.code = code;
        let serving = tokio::spawn(serve(
            listener,
            Arc::new(Door {
                hub,
                via,
                body_limit,
                names,
            }),
        ));
        Ok(Self {
            base_url,
            serving: serving.abort_handle(),
        })
    }

    /// The base of its URLs, with the slash at its end that clients rely on.
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

struct Door {
    hub: Arc<TaskHub>,
    via: Via,
    body_limit: usize,
    names: HostNames,
}

async fn serve(listener: TcpListener, door: Arc<Door>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, Arc::clone(&door)));
                }
                Err(error) => {
                    log::warn!("cannot accept a connection of a durable client: {error}");
                    // Out of file handles, most likely: give running requests time to end.
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, door: Arc<Door>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| {
        let door = Arc::clone(&door);
        async move { Ok::<_, Infallible>(door.answer(request).await.map(Full::<Bytes>::new)) }
    });
    // Broken connections are the client's affair.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

impl Door {
    async fn answer(&self, request: Request<Incoming>) -> Response<Bytes> {
        let (mut parts, body) = request.into_parts();
        if let Err(error) = self.names.check(&parts) {
            return empty(error.status());
        }
        if parts.method != Method::GET && parts.headers.contains_key(header::ORIGIN) {
            return empty(StatusCode::FORBIDDEN);
        }
        let whole = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let Some(Ok(uri)) = below_base(whole).map(str::parse) else {
            return empty(StatusCode::NOT_FOUND);
        };
        parts.uri = uri;
        match Limited::new(body, self.body_limit).collect().await {
            Ok(body) => {
                self.hub
                    .handle(Request::from_parts(parts, body.to_bytes()), &self.via)
                    .await
            }
            Err(error) if error.is::<LengthLimitError>() => empty(StatusCode::PAYLOAD_TOO_LARGE),
            Err(_) => empty(StatusCode::BAD_REQUEST),
        }
    }
}

/// Path and query below the base.
fn below_base(path_and_query: &str) -> Option<&str> {
    let start = path_and_query.get(..BASE.len())?;
    let rest = &path_and_query[BASE.len()..];
    (start.eq_ignore_ascii_case(BASE) && rest.starts_with('/')).then_some(rest)
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
    fn only_paths_below_the_base_are_served() {
        assert_eq!(below_base("/durabletask/instances?x=1"), Some("/instances?x=1"));
        assert_eq!(below_base("/DurableTask/"), Some("/"));
        assert_eq!(below_base("/durabletaskx/"), None);
        assert_eq!(below_base("/"), None);
    }
}
