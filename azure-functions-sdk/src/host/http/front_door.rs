//! What the front door does with a request: host's own paths first, then the functions' routes; keys, CORS, limits and
//! the wait for a worker that is not ready.

use std::{fmt, future::Future, net::SocketAddr, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header, request::Parts};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body;
use tokio::{sync::watch, task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    AuthLevel, Cors, FrontDoorListener, FrontFunction, Keys, RouteError, admin,
    auth::key_of,
    home,
    routes::{self, RouteTable},
    server,
};

/// A response that is on its way. Dropping it means that the client has gone.
pub type Answer = Pin<Box<dyn Future<Output = Response<Bytes>> + Send>>;

/// What stands behind the front door.
pub trait Backend: Send + Sync + 'static {
    /// Runs an HTTP function.
    fn invoke(&self, call: HttpCall) -> Answer;

    /// Runs a function that is not started by HTTP, now and by hand, without waiting for it. `input` is the trigger's
    /// payload as text.
    ///
    /// # Errors
    /// The function cannot be run by hand; the text says why and is shown to the user.
    fn fire(&self, function: usize, input: Option<String>) -> Result<(), String>;

    /// Serves the durable HTTP API. The URI has only path and query, the path without the webhook base, and begins with
    /// `/`; headers are those of the client.
    fn durable(&self, request: Request<Bytes>) -> Answer;
}

/// An HTTP request for a function.
#[derive(Debug)]
#[non_exhaustive]
pub struct HttpCall {
    /// Number of the function.
    pub function: usize,
    /// Method, headers and URI as received.
    pub parts: Parts,
    /// `scheme://host/path?query`.
    pub url: String,
    /// Decoded route values, those that are absent left out.
    pub route_values: Vec<(String, String)>,
    /// The whole body.
    pub body: Bytes,
    /// The level that the caller has proved, or has because keys are not enforced.
    pub level: AuthLevel,
}

/// How the front door behaves.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FrontDoorOptions {
    /// `extensions.http.routePrefix`.
    pub route_prefix: String,
    /// Enforce keys on loopback too; elsewhere they always are.
    pub enable_auth: bool,
    /// Cross-origin rules, if any.
    pub cors: Option<Cors>,
    /// Largest request body in bytes: 104857600, the real host's limit.
    pub body_limit: usize,
    /// How long a request waits for a worker that is not ready: 30 seconds.
    pub ready_timeout: Duration,
    /// How long running requests may take after [`FrontDoor::shutdown`].
    pub grace: Duration,
    /// Whether `/` shows a page; `AzureWebJobsDisableHomepage=true` switches it off.
    pub home_page: bool,
    /// `id` of `/admin/host/status`.
    pub host_id: String,
}

impl Default for FrontDoorOptions {
    fn default() -> Self {
        Self {
            route_prefix: "api".to_owned(),
            enable_auth: false,
            cors: None,
            body_limit: 104_857_600,
            ready_timeout: Duration::from_secs(30),
            grace: Duration::from_secs(10),
            home_page: true,
            host_id: "local".to_owned(),
        }
    }
}

/// The states of `/admin/host/status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostState {
    /// The worker is being started.
    Starting,
    /// Functions can be called.
    Running,
    /// The worker cannot be started.
    Error,
    /// The host is shutting down.
    Stopping,
}

impl HostState {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Starting => "Starting",
            Self::Running => "Running",
            Self::Error => "Error",
            Self::Stopping => "Stopping",
        }
    }
}

/// A front door that is being served.
pub struct FrontDoor {
    door: Arc<Door>,
    stop: CancellationToken,
    server: JoinHandle<()>,
}

impl FrontDoor {
    /// Starts serving on the current tokio runtime. Until functions are set and the state is
    /// [`HostState::Running`], calls wait.
    pub fn serve(
        listener: FrontDoorListener,
        options: FrontDoorOptions,
        keys: Arc<Keys>,
        backend: Arc<dyn Backend>,
    ) -> Self {
        let address = listener.local_addr();
        let grace = options.grace;
        let door = Arc::new(Door {
            enforced: must_enforce(options.enable_auth, address),
            options,
            address,
            keys,
            backend,
            started: Instant::now(),
            instance: uuid::Uuid::new_v4().to_string(),
            now: watch::Sender::new(Now {
                table: None,
                state: HostState::Starting,
                errors: Vec::new(),
            }),
        });
        let stop = CancellationToken::new();
        let server = tokio::spawn(server::serve(listener, Arc::clone(&door), stop.clone(), grace));
        Self { door, stop, server }
    }

    /// The address that is served.
    pub fn local_addr(&self) -> SocketAddr {
        self.door.address
    }

    /// Whether callers need keys.
    pub fn enforces_keys(&self) -> bool {
        self.door.enforced
    }

    /// Replaces the functions, makes their routes, and makes sure that HTTP functions have keys. Returns the routes
    /// that cannot be served.
    pub fn set_functions(&self, functions: Vec<FrontFunction>) -> Vec<RouteError> {
        let (table, errors) = RouteTable::new(&self.door.options.route_prefix, functions);
        let names = table
            .functions
            .iter()
            .filter(|function| function.route().is_some())
            .map(|function| function.name.as_str());
        if let Err(error) = self.door.keys.add_functions(names) {
            log::warn!("{error}; new function keys hold until the host ends");
        }
        self.door.now.send_modify(|now| now.table = Some(Arc::new(table)));
        errors
    }

    /// Says whether functions can be called, and why not.
    pub fn set_state(&self, state: HostState, errors: Vec<String>) {
        self.door.now.send_modify(|now| {
            now.state = state;
            now.errors = errors;
        });
    }

    /// Takes no new connections, lets running requests finish for the grace time, and ends.
    pub async fn shutdown(mut self) {
        self.set_state(HostState::Stopping, Vec::new());
        self.stop.cancel();
        let _ = (&mut self.server).await;
    }
}

impl Drop for FrontDoor {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl fmt::Debug for FrontDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrontDoor")
            .field("address", &self.door.address)
            .finish_non_exhaustive()
    }
}

/// Keys protect the host as soon as another machine can reach it.
fn must_enforce(enable_auth: bool, address: SocketAddr) -> bool {
    enable_auth || !address.ip().to_canonical().is_loopback()
}

/// What all connections share.
pub(super) struct Door {
    pub(super) options: FrontDoorOptions,
    pub(super) address: SocketAddr,
    pub(super) keys: Arc<Keys>,
    pub(super) backend: Arc<dyn Backend>,
    pub(super) started: Instant,
    /// Of this run of the host.
    pub(super) instance: String,
    pub(super) enforced: bool,
    pub(super) now: watch::Sender<Now>,
}

#[derive(Clone)]
pub(super) struct Now {
    /// `None` until the first worker has told its functions.
    pub(super) table: Option<Arc<RouteTable>>,
    pub(super) state: HostState,
    pub(super) errors: Vec<String>,
}

/// Below this base the durable HTTP API is served.
pub(super) const DURABLE_BASE: &str = "/runtime/webhooks/durabletask";

impl Door {
    /// Answers any request.
    pub(super) async fn answer<B>(&self, request: Request<B>) -> Response<Bytes>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let Some(cors) = &self.options.cors else {
            return self.route(request).await;
        };
        if let Some(answer) = cors.preflight(request.method(), request.headers()) {
            return answer;
        }
        let origin = request.headers().get(header::ORIGIN).cloned();
        let mut response = self.route(request).await;
        cors.mark(origin.as_ref(), response.headers_mut());
        response
    }

    async fn route<B>(&self, request: Request<B>) -> Response<Bytes>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path();
        let under = |base: &str| {
            path.get(..base.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(base))
                && matches!(path.as_bytes().get(base.len()), None | Some(b'/'))
        };
        if path == "/" {
            return match self.options.home_page {
                true => home::page(self.now.borrow().state),
                false => empty(StatusCode::NO_CONTENT),
            };
        }
        let is_admin = under("/admin");
        let is_durable = under(DURABLE_BASE);
        if (is_admin || is_durable) && self.is_forged(&parts) {
            let text = "requests from other origins are refused: allow the origin with --cors";
            return sentence(StatusCode::FORBIDDEN, text);
        }
        if is_admin {
            if self.level(&parts, None).0 < AuthLevel::Admin {
                return empty(StatusCode::UNAUTHORIZED);
            }
            return match self.read(&parts.headers, body).await {
                Ok(body) => admin::answer(self, &parts, &body).await,
                Err(refusal) => refusal,
            };
        }
        if is_durable {
            return self.durable(parts, body).await;
        }
        if under("/runtime") {
            return empty(StatusCode::NOT_FOUND);
        }
        self.function(parts, body).await
    }

    async fn durable<B>(&self, mut parts: Parts, body: B) -> Response<Bytes>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (level, durable) = self.level(&parts, None);
        if level < AuthLevel::Admin && !durable {
            return empty(StatusCode::UNAUTHORIZED);
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

    async fn function<B>(&self, parts: Parts, body: B) -> Response<Bytes>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let Some(table) = self
            .wait(|now| now.table.is_some() && now.state == HostState::Running)
            .await
        else {
            return not_running();
        };
        let Some(found) = table.find(&parts.method, parts.uri.path()) else {
            return empty(StatusCode::NOT_FOUND);
        };
        let (level, _) = self.level(&parts, Some(&table.functions[found.function].name));
        let needed = match found.auth_level {
            // There is no sign-in locally: any key of the function will do.
            AuthLevel::User => AuthLevel::Function,
            other => other,
        };
        if level < needed || (level == AuthLevel::System && needed == AuthLevel::Function) {
            return empty(StatusCode::UNAUTHORIZED);
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
        };
        self.backend.invoke(call).await
    }

    /// The functions, as soon as `ready` holds; `None` if that takes too long or will never be.
    pub(super) async fn wait(&self, ready: impl Fn(&Now) -> bool) -> Option<Arc<RouteTable>> {
        {
            let now = self.now.borrow();
            if ready(&now) && now.state != HostState::Stopping {
                return now.table.clone();
            }
        }
        let mut changes = self.now.subscribe();
        let reached = changes.wait_for(|now| ready(now) || now.state == HostState::Stopping);
        match tokio::time::timeout(self.options.ready_timeout, reached).await {
            Ok(Ok(now)) if now.state != HostState::Stopping => now.table.clone(),
            _ => None,
        }
    }

    /// What the caller has proved: the level, and whether it holds the key of the durable HTTP API.
    fn level(&self, parts: &Parts, function: Option<&str>) -> (AuthLevel, bool) {
        if !self.enforced {
            return (AuthLevel::Admin, true);
        }
        let Some(key) = key_of(parts) else {
            return (AuthLevel::Anonymous, false);
        };
        let found = self.keys.level(&key, function);
        (found.level, found.durable)
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
        !own && !self.options.cors.as_ref().is_some_and(|cors| cors.allows(Some(origin)))
    }

    /// `http://host:port` as the client named it.
    pub(super) fn origin(&self, headers: &HeaderMap) -> String {
        match headers.get(header::HOST).and_then(|host| host.to_str().ok()) {
            Some(host) => format!("http://{host}"),
            None => format!("http://{}", self.address),
        }
    }

    /// A route with the prefix.
    pub(super) fn template(&self, route: &str) -> String {
        routes::with_prefix(&self.options.route_prefix, route)
    }

    async fn read<B>(&self, headers: &HeaderMap, body: B) -> Result<Bytes, Response<Bytes>>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        if body.is_end_stream() {
            return Ok(Bytes::new());
        }
        let announced = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|length| length > self.options.body_limit as u64) {
            return Err(empty(StatusCode::PAYLOAD_TOO_LARGE));
        }
        match Limited::new(body, self.options.body_limit).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(empty(StatusCode::PAYLOAD_TOO_LARGE)),
            // The client broke off: nobody reads this.
            Err(_) => Err(empty(StatusCode::BAD_REQUEST)),
        }
    }
}

pub(super) fn empty(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

pub(super) fn sentence(status: StatusCode, text: impl Into<String>) -> Response<Bytes> {
    typed(status, "text/plain; charset=utf-8", text.into() + "\n")
}

pub(super) fn html(page: String) -> Response<Bytes> {
    typed(StatusCode::OK, "text/html; charset=utf-8", page)
}

pub(super) fn json(status: StatusCode, value: &serde_json::Value) -> Response<Bytes> {
    typed(status, "application/json; charset=utf-8", value.to_string())
}

fn typed(status: StatusCode, content_type: &'static str, body: String) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn not_running() -> Response<Bytes> {
    typed(
        StatusCode::SERVICE_UNAVAILABLE,
        "text/plain; charset=utf-8",
        "Function host is not running.".to_owned(),
    )
}

#[cfg(test)]
mod tests;
