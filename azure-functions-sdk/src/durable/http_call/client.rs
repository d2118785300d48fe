//! The HTTP client of the local host.

use std::{error::Error, fmt, fmt::Write, future::Future, pin::Pin, sync::OnceLock};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client as Pool, ResponseFuture, connect::HttpConnector},
    rt::TokioExecutor,
};
use url::Url;

use super::{
    caller::{HttpCallError, HttpCallRequest, HttpCallResponse, HttpCaller, without_query},
    charset,
};

/// Largest body of a response, in bytes: it becomes part of a history.
const LARGEST: usize = 32 * 1024 * 1024;
/// As many as .NET follows.
const REDIRECTS: usize = 50;

/// Keeps connections, and knows whom to trust. Made at the first call, since most apps make none; plain HTTP needs no
/// certificates.
#[derive(Default)]
pub(super) struct Client {
    pools: std::sync::Arc<Pools>,
}

type Plain = Pool<HttpConnector, Full<Bytes>>;
type Secure = Pool<HttpsConnector<HttpConnector>, Full<Bytes>>;

#[derive(Default)]
struct Pools {
    plain: OnceLock<Plain>,
    /// The error says why nobody can be trusted.
    secure: OnceLock<Result<Secure, String>>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl HttpCaller for Client {
    fn call(
        &self,
        request: HttpCallRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpCallResponse, HttpCallError>> + Send>> {
        let pools = std::sync::Arc::clone(&self.pools);
        Box::pin(async move {
            let what = format!("{} {}", request.method, without_query(&request.uri));
            match tokio::time::timeout(request.timeout, exchange(&pools, request)).await {
                Ok(Ok(response)) => Ok(response),
                Ok(Err(reason)) => Err(HttpCallError::Failed(format!(
                    "The HTTP request {what} failed: {reason}"
                ))),
                Err(_) => Err(HttpCallError::TimedOut),
            }
        })
    }
}

impl Pools {
    fn send(&self, url: &Url, request: Request<Full<Bytes>>) -> Result<ResponseFuture, String> {
        match url.scheme() {
            "http" => {
                let pool = self.plain.get_or_init(|| {
                    let connector = HttpConnector::new();
                    Pool::builder(TokioExecutor::new()).build(connector)
                });
                Ok(pool.request(request))
            }
            "https" => match self.secure.get_or_init(secure) {
                Ok(pool) => Ok(pool.request(request)),
                Err(text) => Err(text.clone()),
            },
            other => Err(format!("the uri must begin with http:// or https://, not {other}:")),
        }
    }
}

fn secure() -> Result<Secure, String> {
    let trusting = HttpsConnectorBuilder::new().with_native_roots();
    let builder = trusting.map_err(|error| {
        format!(
            "this machine has no usable certificates of authorities ({error}): install the package `ca-certificates`"
        )
    })?;
    let connector = builder.https_only().enable_http1().build();
    Ok(Pool::builder(TokioExecutor::new()).build(connector))
}

async fn exchange(pools: &Pools, call: HttpCallRequest) -> Result<HttpCallResponse, String> {
    let mut url = Url::parse(&call.uri).map_err(|error| format!("its uri is not valid: {error}"))?;
    let mut method = Method::from_bytes(call.method.as_bytes()).map_err(|_| "its method is not valid".to_owned())?;
    let mut headers = header_map(&call.headers)?;
    let mut content = call.content.map(Bytes::from);
    for _ in 0..=REDIRECTS {
        let mut request = Request::new(Full::new(content.clone().unwrap_or_default()));
        *request.method_mut() = method.clone();
        *request.headers_mut() = headers.clone();
        // A fragment is not sent.
        url.set_fragment(None);
        *request.uri_mut() = url.as_str().parse().map_err(|_| "its uri is not valid".to_owned())?;
        let response = pools.send(&url, request)?.await.map_err(|error| chain(&error))?;
        let Some(target) = redirected(&url, response.status(), response.headers()) else {
            return received(response).await;
        };
        // What .NET does: others than GET and HEAD become GET where servers expect it.
        let status = response.status();
        let becomes_get = match status {
            StatusCode::SEE_OTHER => method != Method::HEAD,
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => method == Method::POST,
            _ => false,
        };
        if becomes_get {
            method = Method::GET;
            content = None;
            headers.remove(header::CONTENT_TYPE);
        }
        // The key is for the server that was asked.
        headers.remove(header::AUTHORIZATION);
        if target.origin() != url.origin() {
            headers.remove(header::HOST);
            headers.remove(header::COOKIE);
            headers.remove("x-functions-key");
        }
        url = target;
    }
    Err(format!("it was redirected more than {REDIRECTS} times"))
}

/// Where a redirect leads, unless it is one that is not followed: without an address, or from HTTPS to HTTP.
fn redirected(from: &Url, status: StatusCode, headers: &HeaderMap) -> Option<Url> {
    let follows = matches!(status.as_u16(), 300..=303 | 307 | 308);
    let location = headers.get(header::LOCATION).filter(|_| follows)?;
    let target = from.join(location.to_str().ok()?).ok()?;
    let safe = target.scheme() == "https" || (from.scheme() == "http" && target.scheme() == "http");
    safe.then_some(target)
}

fn header_map(headers: &[(String, String)]) -> Result<HeaderMap, String> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let valid = HeaderName::from_bytes(name.as_bytes())
            .ok()
            .zip(HeaderValue::from_str(value).ok());
        // The value may be a secret.
        let (name, value) = valid.ok_or_else(|| format!("its header '{name}' is not valid"))?;
        // The client says how long the content is.
        if name != header::CONTENT_LENGTH {
            map.append(name, value);
        }
    }
    Ok(map)
}

async fn received(response: http::Response<hyper::body::Incoming>) -> Result<HttpCallResponse, String> {
    let (parts, body) = response.into_parts();
    let body = Limited::new(body, LARGEST).collect().await;
    let body = body.map_err(|error| format!("its response could not be read: {}", chain(&*error)))?;
    let content = charset::text(parts.headers.get(header::CONTENT_TYPE), &body.to_bytes())?;
    let headers = parts.headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_owned(), value)
    });
    Ok(HttpCallResponse {
        status: parts.status.as_u16(),
        headers: headers.collect(),
        content,
    })
}

/// An error with its causes.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        // Writing to a String cannot fail.
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    /// A server that answers each connection with the next text; gives what it was asked.
    async fn server(answers: Vec<String>) -> (String, tokio::task::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let asked = tokio::spawn(async move {
            let mut asked = Vec::new();
            for answer in answers {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut text = Vec::new();
                while !is_whole(&text) {
                    let mut part = [0; 1024];
                    let count = socket.read(&mut part).await.unwrap();
                    assert_ne!(count, 0, "the request is whole");
                    text.extend_from_slice(&part[..count]);
                }
                socket.write_all(answer.as_bytes()).await.unwrap();
                asked.push(String::from_utf8(text).unwrap());
            }
            asked
        });
        (base, asked)
    }

    fn is_whole(text: &[u8]) -> bool {
        let text = String::from_utf8_lossy(text).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            return false;
        };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        body.len() >= length.map_or(0, |length| length.parse().unwrap())
    }

    fn answer(status: &str, headers: &str, body: &str) -> String {
        format!(
            "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}",
            body.len()
        )
    }

    fn request(method: &str, uri: String, content: Option<&str>) -> HttpCallRequest {
        HttpCallRequest {
            method: method.to_owned(),
            uri,
            headers: vec![("x-functions-key".to_owned(), "k".to_owned())],
            content: content.map(str::to_owned),
            timeout: Duration::from_secs(5),
        }
    }

    #[tokio::test]
    async fn what_is_asked_arrives_and_what_is_answered_comes_back() {
        let (base, asked) = server(vec![answer("404 Not Found", "X-A: 1\r\n", "nöthing")]).await;
        let response = Client::default()
            .call(request("PUT", format!("{base}/a?b=c#d"), Some("héllo")))
            .await;
        let response = response.unwrap();
        assert_eq!((response.status, response.content.as_str()), (404, "nöthing"));
        assert!(
            response.headers.contains(&("x-a".to_owned(), "1".to_owned())),
            "{response:?}"
        );
        let asked = asked.await.unwrap().remove(0);
        assert!(asked.starts_with("PUT /a?b=c HTTP/1.1\r\n"), "{asked}");
        assert!(
            asked.contains("x-functions-key: k\r\n") && asked.ends_with("\r\n\r\nhéllo"),
            "{asked}"
        );
    }

    #[tokio::test]
    async fn redirects_are_followed_and_keys_stay_with_their_server() {
        let (other, asked_other) = server(vec![answer("200 OK", "", "done")]).await;
        let (base, asked) = server(vec![
            answer("302 Found", "Location: /next\r\n", ""),
            answer("307 Temporary Redirect", &format!("Location: {other}/last\r\n"), ""),
        ])
        .await;
        let response = Client::default()
            .call(request("POST", format!("{base}/first"), Some("c")))
            .await;
        assert_eq!(response.unwrap().content, "done");
        let asked = asked.await.unwrap();
        assert!(
            asked[1].starts_with("GET /next ") && asked[1].contains("x-functions-key"),
            "{asked:?}"
        );
        let last = asked_other.await.unwrap().remove(0);
        assert!(
            last.starts_with("GET /last ") && !last.contains("x-functions-key"),
            "{last}"
        );
    }

    #[tokio::test]
    async fn a_server_that_says_nothing_ends_with_the_time() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut silent = request("GET", format!("http://{}/", listener.local_addr().unwrap()), None);
        silent.timeout = Duration::from_millis(20);
        assert_eq!(Client::default().call(silent).await, Err(HttpCallError::TimedOut));
    }

    #[tokio::test]
    async fn failures_say_what_was_called_and_why_without_the_query() {
        let closed = {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            listener.local_addr().unwrap()
        };
        for (uri, why) in [
            (format!("http://{closed}/a?code=secret"), "Connection refused"),
            ("ftp://x/?code=secret".to_owned(), "must begin with http:// or https://"),
            ("nowhere".to_owned(), "its uri is not valid"),
        ] {
            let failed = Client::default().call(request("GET", uri, None)).await;
            let failed = failed.unwrap_err().to_string();
            assert!(
                failed.starts_with("The HTTP request GET ") && failed.contains(why),
                "{failed}"
            );
            assert!(!failed.contains("secret"), "{failed}");
        }
    }
}
