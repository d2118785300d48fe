//! The front door's face: what it is given, what stands behind it, and how it is started and ended.

use std::{
    env, fmt,
    future::Future,
    net::SocketAddr,
    path::PathBuf,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, request::Parts};
use tokio::{sync::watch, task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    AuthLevel, Cors, FrontDoorListener, FrontFunction, Keys, RouteProblems, Server, ServerLimits,
    door::{Door, Now, REFUSALS_PER_SECOND},
    host_names::HostNames,
    routes::RouteTable,
};
use crate::host::seldom::Seldom;

/// A response that is on its way. Dropping it means that its connection was broken or cut, or that the host ends. A client that
/// seems to have gone is no reason to drop it: the token in the request's extensions is cancelled, and the answer runs on.
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

    /// Gives the whole history of an orchestration instance, as the text of a history file.
    fn history(&self, instance_id: String) -> Answer;
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
    /// Whether only callers on this machine can reach the host.
    pub is_local: bool,
}

/// How the front door behaves.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FrontDoorOptions {
    /// `extensions.http.routePrefix`.
    pub route_prefix: String,
    /// Enforce keys on loopback too; elsewhere they always are.
    pub enable_auth: bool,
    /// Cross-origin rules of the functions, if any.
    pub cors: Option<Cors>,
    /// Cross-origin rules of what manages the host and its instances: all below `/admin` and `/runtime`.
    pub management_cors: Option<Cors>,
    /// Names by which callers may address a host on a loopback address, besides those of loopback.
    pub host_names: Vec<String>,
    /// Largest request body in bytes: 104857600, the real host's limit.
    pub body_limit: usize,
    /// What the server takes at most.
    pub limits: ServerLimits,
    /// Folder for the answers that clients have not read yet, when they are too many for memory.
    pub answers: PathBuf,
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
            management_cors: None,
            host_names: Vec::new(),
            body_limit: 104_857_600,
            limits: ServerLimits::default(),
            answers: env::temp_dir(),
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
    #[cfg(test)]
    sockets: std::sync::Weak<Server<Arc<Door>>>,
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
        let names = HostNames::of(address, &options.host_names);
        let door = Arc::new(Door {
            enforced: must_enforce(options.enable_auth, address),
            options,
            address,
            names,
            keys,
            backend,
            started: Instant::now(),
            instance: uuid::Uuid::new_v4().to_string(),
            now: watch::Sender::new(Now {
                table: None,
                state: HostState::Starting,
                errors: Vec::new(),
            }),
            refusals: Mutex::new(Seldom::times(REFUSALS_PER_SECOND)),
            #[cfg(test)]
            told: Mutex::default(),
        });
        let stop = CancellationToken::new();
        let server = Server::new(Arc::clone(&door), door.options.limits, door.options.answers.clone());
        #[cfg(test)]
        let sockets = Arc::downgrade(&server);
        let server = tokio::spawn(server.serve(listener.listener, stop.clone(), grace));
        Self {
            door,
            stop,
            server,
            #[cfg(test)]
            sockets,
        }
    }

    /// The address that is served.
    pub fn local_addr(&self) -> SocketAddr {
        self.door.address
    }

    /// Whether any connection is open. Each has the server.
    #[cfg(test)]
    fn has_connections(&self) -> bool {
        self.sockets.strong_count() > 1
    }

    /// Whether callers need keys.
    pub fn enforces_keys(&self) -> bool {
        self.door.enforced
    }

    /// Replaces the functions, makes their routes, and makes sure that HTTP functions have keys. Returns the routes
    /// that cannot be served, or only in part.
    pub fn set_functions(&self, functions: Vec<FrontFunction>) -> RouteProblems {
        let (table, problems) = RouteTable::new(&self.door.options.route_prefix, functions);
        let names = table
            .functions
            .iter()
            .filter(|function| function.route().is_some())
            .map(|function| function.name.as_str());
        if let Err(error) = self.door.keys.add_functions(names) {
            log::warn!("{error}; new function keys hold until the host ends");
        }
        self.door.now.send_modify(|now| now.table = Some(Arc::new(table)));
        problems
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
pub(in crate::host) fn must_enforce(enable_auth: bool, address: SocketAddr) -> bool {
    enable_auth || !address.ip().to_canonical().is_loopback()
}

#[cfg(test)]
mod tests;
