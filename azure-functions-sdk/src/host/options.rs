//! What a local host is made from.

use super::{http::Cors, process::WorkerCommand};
use crate::{
    durable::{Durability, work::Wire},
    project::{HostJson, Settings},
};
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

/// The port of the Functions host that everybody knows.
pub const DEFAULT_PORT: u16 = 7071;
/// How long running work may go on when the host stops; the real host gives as long.
pub(crate) const DRAIN_LIMIT: Duration = Duration::from_secs(10);

/// What a [`super::LocalHost`] is made from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LocalHostOptions {
    /// How the app's worker is started. The host adds what it alone knows.
    pub worker: WorkerCommand,
    /// App settings.
    pub settings: Settings,
    /// `host.json`.
    pub host_json: HostJson,
    /// Where durable state, keys and the state of timers are kept.
    pub data_dir: PathBuf,
    /// Where HTTP is served: port 7071 of the loopback address by default; port 0 takes any free one.
    pub address: SocketAddr,
    /// Whether keys are enforced on loopback too.
    pub enable_auth: bool,
    /// Who may call functions from a browser.
    pub cors: Option<Cors>,
    /// Who may manage the host and its instances from a browser.
    pub management_cors: Option<Cors>,
    /// Names by which callers may address a host on a loopback address, besides those of loopback and that of the setting
    /// `WEBSITE_HOSTNAME`. On other addresses any name will do.
    pub allowed_hosts: Vec<String>,
    /// Where trigger payloads of durable functions are kept, if at all.
    pub record: Option<PathBuf>,
    /// Whether the end of a worker process does what it does on the real host: the activities in flight fail, on the JSON wire
    /// also the instances whose episode was in flight, and the third crash ends the host. Else all of it runs again.
    pub crash_as_host: bool,
    /// The wire that the worker is told to ask for, in its variable `AZURE_FUNCTIONS_DURABLE_WIRE`; `None`: its own choice.
    pub wire: Option<Wire>,
    /// When a change of the task hub counts as done.
    pub durability: Durability,
    /// Whether workers and clients of Durable Task SDKs of every language are served on a port of the loopback address, which every
    /// program of the machine may use: `Some(None)` takes 4001 if that is free, else any. Names that the app does not have then wait
    /// for a worker that has them.
    pub grpc: Option<Option<u16>>,
    /// How long running work may go on when the host stops, and the worker may take to end after that: 10 seconds in all.
    pub drain_limit: Duration,
}

impl LocalHostOptions {
    /// The defaults.
    #[must_use]
    pub fn new(worker: WorkerCommand, settings: Settings, host_json: HostJson, data_dir: impl Into<PathBuf>) -> Self {
        Self {
            worker,
            settings,
            host_json,
            data_dir: data_dir.into(),
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, DEFAULT_PORT)),
            enable_auth: false,
            cors: None,
            management_cors: None,
            allowed_hosts: Vec::new(),
            record: None,
            crash_as_host: false,
            wire: None,
            durability: Durability::default(),
            grpc: None,
            drain_limit: DRAIN_LIMIT,
        }
    }

    /// Sets where HTTP is served.
    #[must_use]
    pub fn address(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Sets whether keys are enforced on loopback too.
    #[must_use]
    pub fn enable_auth(mut self, enable: bool) -> Self {
        self.enable_auth = enable;
        self
    }

    /// Sets who may call functions from a browser.
    #[must_use]
    pub fn cors(mut self, cors: Option<Cors>) -> Self {
        self.cors = cors;
        self
    }

    /// Sets who may manage the host and its instances from a browser.
    #[must_use]
    pub fn management_cors(mut self, cors: Option<Cors>) -> Self {
        self.management_cors = cors;
        self
    }

    /// Sets by which names callers may address a host on a loopback address, besides those of loopback.
    #[must_use]
    pub fn allowed_hosts(mut self, names: Vec<String>) -> Self {
        self.allowed_hosts = names;
        self
    }

    /// Keeps trigger payloads of durable functions in a folder.
    #[must_use]
    pub fn record(mut self, directory: Option<PathBuf>) -> Self {
        self.record = directory;
        self
    }

    /// Sets whether the end of a worker process does what it does on the real host.
    #[must_use]
    pub fn crash_as_host(mut self, as_host: bool) -> Self {
        self.crash_as_host = as_host;
        self
    }

    /// Sets the wire that the worker is told to ask for.
    #[must_use]
    pub fn wire(mut self, wire: Option<Wire>) -> Self {
        self.wire = wire;
        self
    }

    /// Sets when a change of the task hub counts as done.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Serves workers and clients of every language on this port; `None`: on 4001 if that is free, else on any.
    #[must_use]
    pub fn grpc(mut self, port: Option<u16>) -> Self {
        self.grpc = Some(port);
        self
    }

    /// Sets how long running work may go on when the host stops.
    #[must_use]
    pub fn drain_limit(mut self, limit: Duration) -> Self {
        self.drain_limit = limit;
        self
    }
}
