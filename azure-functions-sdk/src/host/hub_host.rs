//! A task hub without an app: a Durable Task server for the workers and clients of every language.
//!
//! Workers take their work from the hub over gRPC, clients start it there. The HTTP management API shows and manages all of it.

use super::{
    backend,
    http::{
        Answer, Backend, BindError, FrontDoor, FrontDoorListener, FrontDoorOptions, GivenTrigger, HostState, HttpCall,
        Keys, KeysError, ProcessLimits, Why,
    },
    hubs::Hubs,
    options::{DEFAULT_PORT, DRAIN_LIMIT},
    rpc::sidecar::{Served, Sidecar},
    running_work::RunningWork,
    sdk_listener::{SdkListenerError, sdk_listener},
};
use crate::durable::{Durability, HubName, TaskHubError, TaskHubOptions, Via, asked_hub};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use tokio::time::timeout;

/// How long what is queued for the disk may take when the host ends.
const LAST_WRITES_LIMIT: Duration = Duration::from_millis(500);

/// What a [`HubHost`] is made from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HubHostOptions {
    /// Name of the task hub of callers that name none.
    pub hub: HubName,
    /// Where the hubs are kept.
    pub data_dir: PathBuf,
    /// Port of the loopback address where the management API is served: 7071 by default; 0 takes any free one.
    pub port: u16,
    /// Port of the loopback address where workers and clients connect; `None`: 4001 if that is free, else any.
    pub grpc_port: Option<u16>,
    /// When a change of a hub counts as done.
    pub durability: Durability,
    /// How long running work may go on when the host stops: 10 seconds.
    pub drain_limit: Duration,
}

impl HubHostOptions {
    /// The defaults.
    #[must_use]
    pub fn new(hub: HubName, data_dir: impl Into<PathBuf>) -> Self {
        Self {
            hub,
            data_dir: data_dir.into(),
            port: DEFAULT_PORT,
            grpc_port: None,
            durability: Durability::default(),
            drain_limit: DRAIN_LIMIT,
        }
    }

    /// Sets the port of the management API.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Sets the port of workers and clients.
    #[must_use]
    pub fn grpc_port(mut self, port: Option<u16>) -> Self {
        self.grpc_port = port;
        self
    }

    /// Sets when a change of a hub counts as done.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }
}

/// Why the host did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubHostError {
    /// The management API cannot be served where it should be.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// There is no port for workers and clients.
    #[error(transparent)]
    Grpc(#[from] SdkListenerError),
    /// The keys are out of reach.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The task hub cannot be opened.
    #[error(transparent)]
    Hub(#[from] TaskHubError),
}

/// A hub for every language that runs. [`HubHost::shutdown_unless`] ends it in order; dropping it stops at once, as a crash would.
pub struct HubHost {
    address: SocketAddr,
    hubs: Arc<Hubs>,
    front: FrontDoor,
    sidecar: Sidecar,
    database: PathBuf,
    drain_limit: Duration,
}

impl fmt::Debug for HubHost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("HubHost")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl HubHost {
    /// Opens the hub and serves it.
    ///
    /// # Errors
    /// A port, the keys, or the task hub cannot be used.
    pub async fn start(options: HubHostOptions) -> Result<Self, HubHostError> {
        let HubHostOptions {
            hub,
            data_dir,
            port,
            grpc_port,
            durability,
            drain_limit,
        } = options;
        let listener = FrontDoorListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
        let address = listener.local_addr();
        let grpc = sdk_listener(grpc_port).await?;
        let hub_options = TaskHubOptions::new(hub, &data_dir).durability(durability);
        let database = hub_options.database();
        let hubs = Arc::new(Hubs::open(hub_options)?);
        let keys = Arc::new(Keys::open(&data_dir)?);
        let shares = ProcessLimits::of_process();
        let sidecar = Sidecar::open(grpc, Served::Hubs(Arc::clone(&hubs)), shares.newcomers)
            .map_err(SdkListenerError::Loopback)?;
        let front_options = FrontDoorOptions {
            limits: shares.front,
            answers: data_dir,
            ..FrontDoorOptions::default()
        };
        let backend = HubBackend {
            hubs: Arc::clone(&hubs),
            via: Via::webhook(webhook(address)),
        };
        let front = FrontDoor::serve(listener, front_options, keys, Arc::new(backend));
        // The app has none.
        let _ = front.set_functions(Vec::new());
        front.set_state(HostState::Running, Vec::new());
        Ok(Self {
            address,
            hubs,
            front,
            sidecar,
            database,
            drain_limit,
        })
    }

    /// Where workers and clients connect: `http://127.0.0.1:4001`.
    #[must_use]
    pub fn grpc_address(&self) -> &str {
        self.sidecar.address()
    }

    /// Where the management API is served, with the port that was really taken.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What is to be known of it, a line each.
    #[must_use]
    pub fn listing(&self) -> [String; 3] {
        [
            format!(
                "Task hub '{}' in {}",
                self.hubs.default_hub().name(),
                self.database.display()
            ),
            format!("Workers and clients: {} (gRPC)", self.grpc_address()),
            format!("Management: {}/instances", webhook(self.address)),
        ]
    }

    /// Begins nothing new, and tells what still runs. [`HubHost::shutdown_unless`] goes on from here.
    pub fn begin_shutdown(&self) -> RunningWork {
        self.hubs.begin_drain();
        let (activities, episodes) = self.hubs.running();
        RunningWork {
            activities,
            episodes,
            others: 0,
            limit: self.drain_limit,
        }
    }

    /// Ends in order: begins nothing new, lets workers answer for ten seconds what they have, and writes what they say. Stops at
    /// once, as a crash would, when `at_once` is ready; nothing that was recorded is lost. False if it was.
    pub async fn shutdown_unless(self, at_once: impl Future<Output = ()>) -> bool {
        self.hubs.begin_drain();
        let ends = async {
            let _ = timeout(self.drain_limit, self.hubs.until_quiet()).await;
            self.hubs.drain(LAST_WRITES_LIMIT).await;
            self.front.shutdown().await;
        };
        tokio::select! {
            () = ends => true,
            () = at_once => false,
        }
    }
}

fn webhook(address: SocketAddr) -> String {
    format!("http://localhost:{}/runtime/webhooks/durabletask", address.port())
}

/// The hubs, as the front door sees them: they are found by the query `taskHub`.
struct HubBackend {
    hubs: Arc<Hubs>,
    via: Via,
}

impl Backend for HubBackend {
    fn invoke(&self, _: HttpCall) -> Answer {
        no_app()
    }

    fn fire(&self, _: usize, _: GivenTrigger) -> Result<Answer, String> {
        Err("this host has no app".to_owned())
    }

    fn durable(&self, request: Request<Bytes>) -> Answer {
        let (hubs, via) = (Arc::clone(&self.hubs), self.via.clone());
        Box::pin(async move {
            let asked = match asked_hub(request.uri()) {
                Some(name) => hubs.existing(&name).await.ok(),
                None => None,
            };
            // The default one refuses what is meant for another.
            let hub = asked.unwrap_or_else(|| Arc::clone(hubs.default_hub()));
            hub.handle(request, &via).await
        })
    }

    fn mcp(&self, _: Request<Bytes>) -> Answer {
        no_app()
    }

    fn history(&self, instance_id: String) -> Answer {
        backend::history(Arc::clone(self.hubs.default_hub()), instance_id)
    }
}

/// What an app would serve is not found.
fn no_app() -> Answer {
    Box::pin(async {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::NOT_FOUND;
        response.extensions_mut().insert(Why("this host has no app".to_owned()));
        response
    })
}
