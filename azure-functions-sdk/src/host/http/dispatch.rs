//! What happens to a request: the host's own paths first, then the functions' routes; keys, CORS, limits and the wait for a
//! worker that is not ready.

use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header, request::Parts};
use http_body_util::{BodyExt, Limited};
use hyper::body::Body;
use log::Level;

use super::{
    AuthLevel, HostState, HttpCall, KeyMatch, RequestBody, RequestBodyError, Service, admin,
    auth::key_of,
    door::{DURABLE_BASE, Door, MCP_PATH, Now},
    head, home, path,
    response::{Why, empty, not_running, refused, sentence},
    routes::{self, RouteTable},
};

/// Of a text of a caller, on the console, in characters.
const LONGEST_SHOWN: usize = 200;

impl Service for Arc<Door> {
    async fn answer(&self, request: Request<RequestBody>) -> Response<Bytes> {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let response = Door::answer(self, request).await;
        self.tell(&method, &path, &response);
        response
    }
}

/// In the extensions of a response that a function gave.
#[derive(Clone, Debug)]
struct ByFunction;

impl Door {
    /// One line on the console for a refusal of the host itself, which may be inside a 200: the MCP server says there what JSON-RPC calls
    /// an error. What functions answer is their affair, and their failures are told with their end.
    fn tell(&self, method: &Method, path: &str, response: &Response<Bytes>) {
        let status = response.status();
        let why = response.extensions().get::<Why>();
        let is_refusal = status.is_client_error() || status.is_server_error();
        if why.is_none() && (!is_refusal || response.extensions().get::<ByFunction>().is_some()) {
            return;
        }
        let why = match why {
            Some(Why(text)) => text.as_str(),
            None if is_under(DURABLE_BASE, path) => "the answer of the durable HTTP API",
            None if is_under("/admin", path) => "the answer of the admin API",
            None => status.canonical_reason().unwrap_or_default(),
        };
        // Without the query, which may hold a key.
        let line = format!("{method} {}: {}, {why}", shown(path), status.as_u16());
        let level = if status.is_server_error() {
            Level::Warn
        } else {
            Level::Info
        };
        #[cfg(test)]
        self.told.lock().unwrap().push(line.clone());
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        refusals.log(level, line);
    }

    /// Answers any request.
    async fn answer(&self, request: Request<RequestBody>) -> Response<Bytes> {
        let (mut parts, body) = request.into_parts();
        // Before anything else: what is said of origins holds only if the name is right.
        if let Err(error) = self.names.check(&parts) {
            return sentence(error.status(), error.to_string());
        }
        if let Err(error) = head::check(&parts) {
            return sentence(error.status(), error.to_string());
        }
        if parts.headers.get_all(header::ORIGIN).iter().nth(1).is_some() {
            return sentence(StatusCode::BAD_REQUEST, "the request has more than one Origin header");
        }
        // As the real host's server.
        if let Some((name, _)) = parts.headers.iter().find(|(_, value)| !is_text(value)) {
            let text = format!("the value of the header '{name}' is not UTF-8");
            return sentence(StatusCode::BAD_REQUEST, text);
        }
        // Before the path decides whose rules hold.
        path::normalize(&mut parts.uri);
        let cors = match is_management(parts.uri.path()) {
            true => &self.options.management_cors,
            false => &self.options.cors,
        };
        let Some(cors) = cors else {
            return self.route(Request::from_parts(parts, body)).await;
        };
        let request = Request::from_parts(parts, body);
        if let Some(answer) = cors.preflight(request.method(), request.headers()) {
            return answer;
        }
        let origin = request.headers().get(header::ORIGIN).cloned();
        let mut response = self.route(request).await;
        cors.mark(origin.as_ref(), response.headers_mut());
        response
    }

    async fn route(&self, request: Request<RequestBody>) -> Response<Bytes> {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path();
        if path == "/" {
            return match self.options.home_page {
                true => home::page(self.now.borrow().state),
                false => empty(StatusCode::NO_CONTENT),
            };
        }
        let is_admin = is_under("/admin", path);
        let is_durable = is_under(DURABLE_BASE, path);
        let is_mcp = is_under(MCP_PATH, path);
        if (is_admin || is_durable || is_mcp) && self.is_forged(&parts) {
            let text = "requests from other origins are refused: allow the origin with --management-cors";
            return sentence(StatusCode::FORBIDDEN, text);
        }
        if is_admin {
            if self.level(&parts, None).level < AuthLevel::Admin {
                return refused(StatusCode::UNAUTHORIZED, "the admin API asks for the master key");
            }
            return match self.read(&parts.headers, body).await {
                Ok(body) => admin::answer(self, &parts, &body).await,
                Err(refusal) => refusal,
            };
        }
        if is_durable {
            return self.durable(parts, body).await;
        }
        if is_mcp {
            return self.mcp(parts, body).await;
        }
        if is_under("/runtime", path) {
            return refused(
                StatusCode::NOT_FOUND,
                format!("below /runtime, only {DURABLE_BASE} and {MCP_PATH} are served"),
            );
        }
        self.function(parts, body).await
    }

    async fn durable(&self, mut parts: Parts, body: RequestBody) -> Response<Bytes> {
        let found = self.level(&parts, None);
        if found.level < AuthLevel::Admin && !found.durable {
            let why = "the durable HTTP API asks for the master key or its own";
            return refused(StatusCode::UNAUTHORIZED, why);
        }
        let body = match self.read(&parts.headers, body).await {
            Ok(body) => body,
            Err(refusal) => return refusal,
        };
        // Not for the state: instances can be managed while the worker restarts. But whether a function exists is known
        // only once a worker has told.
        if self.wait(|now| now.table.is_some()).await.is_none() {
            return not_running();
        }
        let whole = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let rest = whole.get(DURABLE_BASE.len()..).unwrap_or_default();
        let rest = if rest.starts_with('/') {
            rest.to_owned()
        } else {
            format!("/{rest}")
        };
        // A part of a valid path and query is one.
        let Ok(uri) = rest.parse() else {
            return empty(StatusCode::NOT_FOUND);
        };
        parts.uri = uri;
        self.backend.durable(Request::from_parts(parts, body)).await
    }

    async fn function(&self, parts: Parts, body: RequestBody) -> Response<Bytes> {
        let Some(table) = self
            .wait(|now| now.table.is_some() && now.state == HostState::Running)
            .await
        else {
            return not_running();
        };
        let Some(found) = table.find(&parts.method, parts.uri.path()) else {
            return self.no_function(&table, &parts);
        };
        let name = &table.functions[found.function].name;
        let KeyMatch { level, .. } = self.level(&parts, Some(name));
        let needed = match found.auth_level {
            // There is no sign-in locally: any key of the function will do.
            AuthLevel::User => AuthLevel::Function,
            other => other,
        };
        if level < needed || (level == AuthLevel::System && needed == AuthLevel::Function) {
            let key = if needed == AuthLevel::Admin {
                "the master key"
            } else {
                "a key of its own or of the host"
            };
            return refused(
                StatusCode::UNAUTHORIZED,
                format!("the function '{name}' asks for {key}"),
            );
        }
        let body = match self.read(&parts.headers, body).await {
            Ok(body) => body,
            Err(refusal) => return refusal,
        };
        let url = format!(
            "{}{}",
            self.origin(&parts.headers),
            parts.uri.path_and_query().map_or("/", |path| path.as_str())
        );
        let call = HttpCall {
            function: found.function,
            parts,
            url,
            route_values: found.values,
            body,
            level,
            is_local: self.is_local(),
        };
        let mut response = self.backend.invoke(call).await;
        response.extensions_mut().insert(ByFunction);
        response
    }

    /// 404, as the real host answers a wrong method, too; a caller on this machine is told which would be right.
    fn no_function(&self, table: &RouteTable, parts: &Parts) -> Response<Bytes> {
        let others = table.with_other_method(parts.uri.path());
        if others.is_empty() {
            return refused(StatusCode::NOT_FOUND, "no function has this route");
        }
        let others: Vec<String> = others
            .into_iter()
            .map(|(function, methods)| format!("'{}' takes {}", function.name, routes::names(methods)))
            .collect();
        let text = format!("no function takes {} here: {}", parts.method, others.join(", "));
        match self.is_local() {
            true => sentence(StatusCode::NOT_FOUND, text),
            false => refused(StatusCode::NOT_FOUND, text),
        }
    }

    /// The MCP server of the app: streamable HTTP, a POST for each message. As the real host's, it keeps no streams to clients.
    async fn mcp(&self, parts: Parts, body: RequestBody) -> Response<Bytes> {
        let found = self.level(&parts, None);
        if found.level < AuthLevel::Admin && !found.mcp {
            let why = "the MCP server asks for the master key or its own";
            return refused(StatusCode::UNAUTHORIZED, why);
        }
        if parts.uri.path().trim_end_matches('/').len() > MCP_PATH.len() {
            let text = format!("the MCP server is at {MCP_PATH}, over streamable HTTP");
            return sentence(StatusCode::NOT_FOUND, text);
        }
        if parts.method != Method::POST {
            let mut response = refused(StatusCode::METHOD_NOT_ALLOWED, "the MCP server takes POST only");
            response
                .headers_mut()
                .insert(header::ALLOW, HeaderValue::from_static("POST"));
            return response;
        }
        let body = match self.read(&parts.headers, body).await {
            Ok(body) => body,
            Err(refusal) => return refusal,
        };
        let is_ready = |now: &Now| now.table.is_some() && now.state == HostState::Running;
        if self.wait(is_ready).await.is_none() {
            return not_running();
        }
        // A function that fails is an answer, too: what has another status has been refused by the server.
        self.backend.mcp(Request::from_parts(parts, body)).await
    }

    /// What the caller has proved.
    fn level(&self, parts: &Parts, function: Option<&str>) -> KeyMatch {
        let all = |level, holds| KeyMatch {
            level,
            durable: holds,
            mcp: holds,
        };
        match key_of(parts) {
            _ if !self.enforced => all(AuthLevel::Admin, true),
            Some(key) => self.keys.level(&key, function),
            None => all(AuthLevel::Anonymous, false),
        }
    }

    /// Without keys, any web page that the user visits could make the browser post to the host: such requests carry the
    /// page's origin. Function routes are the app's own affair.
    fn is_forged(&self, parts: &Parts) -> bool {
        if self.enforced || matches!(parts.method, Method::GET | Method::HEAD) {
            return false;
        }
        let Some(origin) = parts.headers.get(header::ORIGIN) else {
            return false;
        };
        let own = origin
            .as_bytes()
            .eq_ignore_ascii_case(self.origin(&parts.headers).as_bytes());
        !own && !self
            .options
            .management_cors
            .as_ref()
            .is_some_and(|cors| cors.allows(Some(origin)))
    }

    async fn read(&self, headers: &HeaderMap, body: RequestBody) -> Result<Bytes, Response<Bytes>> {
        if body.is_end_stream() {
            return Ok(Bytes::new());
        }
        let announced = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|length| length > self.options.body_limit as u64) {
            return Err(self.too_large());
        }
        match Limited::new(body, self.options.body_limit).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) => Err(match RequestBodyError::status_of(&*error) {
                status @ (StatusCode::REQUEST_TIMEOUT | StatusCode::SERVICE_UNAVAILABLE) => {
                    sentence(status, error.to_string())
                }
                StatusCode::PAYLOAD_TOO_LARGE => self.too_large(),
                status => refused(status, "the body did not come to its end"),
            }),
        }
    }

    fn too_large(&self) -> Response<Bytes> {
        let why = format!("the body is larger than {} bytes", self.options.body_limit);
        refused(StatusCode::PAYLOAD_TOO_LARGE, why)
    }
}

/// Text of a caller, a path for example, for one line on the console.
pub(in crate::host) fn shown(text: &str) -> String {
    let readable = |letter: char| {
        if letter.is_control() {
            char::REPLACEMENT_CHARACTER
        } else {
            letter
        }
    };
    let mut shown: String = text.chars().take(LONGEST_SHOWN).map(readable).collect();
    if text.chars().nth(LONGEST_SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

fn is_text(value: &HeaderValue) -> bool {
    std::str::from_utf8(value.as_bytes()).is_ok()
}

fn is_under(base: &str, path: &str) -> bool {
    let start = path.get(..base.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(base))
        && matches!(path.as_bytes().get(base.len()), None | Some(b'/'))
}

/// What serves those who manage the host, not those who call the app.
fn is_management(path: &str) -> bool {
    is_under("/admin", path) || is_under("/runtime", path)
}
