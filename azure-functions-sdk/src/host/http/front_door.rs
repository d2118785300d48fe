//! The front door's face: what it is given, what stands behind it, and how it is started and ended.

use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{sync::watch, task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    Backend, FrontDoorListener, FrontDoorOptions, FrontFunction, HostState, Keys, RouteProblems, Server,
    door::{Door, Now, REFUSALS_PER_SECOND},
    host_names::HostNames,
    routes::RouteTable,
};
use crate::host::seldom::Seldom;

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
