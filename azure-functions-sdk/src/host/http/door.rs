//! The front door, as all connections share it.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use http::{HeaderMap, header};
use tokio::{sync::watch, time::Instant};

use super::{
    Backend, FrontDoorOptions, HostState, Keys,
    host_names::HostNames,
    routes::{self, RouteTable},
};
use crate::host::seldom::Seldom;

/// See the module.
pub(super) struct Door {
    pub(super) options: FrontDoorOptions,
    pub(super) address: SocketAddr,
    pub(super) names: HostNames,
    pub(super) keys: Arc<Keys>,
    pub(super) backend: Arc<dyn Backend>,
    pub(super) started: Instant,
    /// Of this run of the host.
    pub(super) instance: String,
    pub(super) enforced: bool,
    pub(super) now: watch::Sender<Now>,
    /// What was refused.
    pub(super) refusals: Mutex<Seldom>,
    #[cfg(test)]
    pub(super) told: Mutex<Vec<String>>,
}

/// A page with many wrong links should be told of each; a scanner is not worth the console.
pub(super) const REFUSALS_PER_SECOND: u32 = 20;
#[derive(Clone)]
pub(super) struct Now {
    /// `None` until the first worker has told its functions.
    pub(super) table: Option<Arc<RouteTable>>,
    pub(super) state: HostState,
    pub(super) errors: Vec<String>,
}

/// At this path the MCP server of the app is served.
pub(super) const MCP_PATH: &str = "/runtime/webhooks/mcp";

/// Below this base the durable HTTP API is served.
pub(super) const DURABLE_BASE: &str = "/runtime/webhooks/durabletask";

impl Door {
    /// Whether only callers on this machine can reach the host.
    pub(super) fn is_local(&self) -> bool {
        self.address.ip().to_canonical().is_loopback()
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
}
