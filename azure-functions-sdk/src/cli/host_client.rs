//! Asks a running local host: one request per connection, over plain HTTP.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use url::Url;

/// A host that takes longer hangs.
const TIMEOUT: Duration = Duration::from_secs(60);
const KEY_HEADER: &str = "x-functions-key";

/// Where the host is, and what it asks for.
#[derive(Debug, clap::Args)]
pub(super) struct Host {
    /// Address of the running host.
    #[arg(long, value_name = "URL", default_value = "http://localhost:7071")]
    url: Url,
    /// Port of the running host.
    #[arg(short, long, value_name = "N")]
    port: Option<u16>,
    /// The host's master key, if it asks for keys; it stands in `keys.json` of the host's data folder.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
}

/// What the host answered.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// The host gave no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum HostError {
    #[error("`{0}` is no address of a local host: write http://HOST:PORT")]
    Address(Url),
    #[error("no host answers at {url}: start it with `cargo func run`, or name its address with --url or --port")]
    Connect { url: Url, source: std::io::Error },
    #[error("the host at {url} broke off its answer")]
    Broken { url: Url, source: hyper::Error },
    #[error("the host at {url} did not answer within {timeout:?}")]
    Slow { url: Url, timeout: Duration },
    #[error("the key cannot be sent: it holds characters that no key has")]
    Key(#[source] http::Error),
    #[error(
        "the host asks for a key: name its master key with --key; it stands in `keys.json` of the host's data folder"
    )]
    Unauthorized,
}

impl Host {
    /// `segments` below the root of the host, percent-encoded as needed.
    pub(super) fn address(&self, segments: &[&str]) -> Result<Url, HostError> {
        let mut url = self.url.clone();
        if let Some(port) = self.port
            && url.set_port(Some(port)).is_err()
        {
            return Err(HostError::Address(url));
        }
        if url.scheme() != "http" || url.host_str().is_none() {
            return Err(HostError::Address(url));
        }
        url.set_query(None);
        if let Ok(mut path) = url.path_segments_mut() {
            path.clear().extend(segments);
        }
        Ok(url)
    }

    /// Gets a page; more headers may be named.
    pub(super) async fn get(&self, url: &Url, headers: &[(&'static str, &str)]) -> Result<Reply, HostError> {
        self.send(Method::GET, url, headers, None).await
    }

    /// Sends a request; a body is JSON.
    pub(super) async fn send(
        &self,
        method: Method,
        url: &Url,
        headers: &[(&'static str, &str)],
        body: Option<String>,
    ) -> Result<Reply, HostError> {
        self.send_within(TIMEOUT, method, url, headers, body).await
    }

    /// [`send`](Self::send), for an answer that takes longer.
    pub(super) async fn send_within(
        &self,
        timeout: Duration,
        method: Method,
        url: &Url,
        headers: &[(&'static str, &str)],
        body: Option<String>,
    ) -> Result<Reply, HostError> {
        match tokio::time::timeout(timeout, self.answer(method, url, headers, body)).await {
            Ok(Ok(reply)) if reply.status == StatusCode::UNAUTHORIZED => Err(HostError::Unauthorized),
            Ok(answer) => answer,
            Err(_) => Err(HostError::Slow {
                url: url.clone(),
                timeout,
            }),
        }
    }

    async fn answer(
        &self,
        method: Method,
        url: &Url,
        headers: &[(&'static str, &str)],
        body: Option<String>,
    ) -> Result<Reply, HostError> {
        let broken = |source| HostError::Broken {
            url: url.clone(),
            source,
        };
        let name = url.host_str().unwrap_or("localhost");
        let port = url.port_or_known_default().unwrap_or(80);
        // A name such as localhost may have several addresses: all are tried.
        let stream = TcpStream::connect((name.trim_matches(['[', ']']), port)).await;
        let stream = stream.map_err(|source| HostError::Connect {
            url: url.clone(),
            source,
        })?;
        let mut request = Request::builder()
            .method(method)
            .uri(&url[url::Position::BeforePath..])
            .header(header::HOST, format!("{name}:{port}"));
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        for (header, value) in headers {
            request = request.header(*header, *value);
        }
        if let Some(key) = &self.key {
            request = request.header(KEY_HEADER, key);
        }
        let body = Full::new(Bytes::from(body.unwrap_or_default()));
        let request = request.body(body).map_err(HostError::Key)?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(broken)?;
        // It ends when the sender is dropped.
        tokio::spawn(connection);
        let (parts, body) = sender.send_request(request).await.map_err(broken)?.into_parts();
        let body = body.collect().await.map_err(broken)?.to_bytes();
        Ok(Reply {
            status: parts.status,
            headers: parts.headers,
            body,
        })
    }
}
