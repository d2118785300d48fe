//! How the front door behaves.

use std::{env, path::PathBuf, time::Duration};

use super::{Cors, ServerLimits};

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
    /// How long running requests may take after [`FrontDoor::shutdown`](super::FrontDoor::shutdown).
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
