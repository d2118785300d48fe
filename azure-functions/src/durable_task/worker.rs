//! The worker as a library call.

use super::{
    grpc::GrpcServer,
    limits::Limits,
    runner::{Runner, StoppedThreads},
    served::Served,
    server::Server,
    stream,
};
use crate::{
    App,
    app::Shutdown,
    functions::Functions,
    panics,
    worker::{
        logger,
        start::{Begun, Start},
        threads::Threads,
    },
};
use azure_functions_durable::{
    OrchestrationClient, ServerAddress,
    protobuf::{GetWorkItemsRequest, WorkerCapability},
};
use std::{error::Error, fmt, io, sync::Arc, time::Duration};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// How long running work may go on when the worker stops, if nothing else is said: less than the 30 seconds that Kubernetes gives.
const DRAIN: Duration = Duration::from_secs(25);

/// How long the shutdowns of the app may take.
const SHUTDOWN: Duration = Duration::from_secs(5);

/// The worker could not begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// The functions of this binary cannot run: there are none, two have the same name, or one takes a state that the app does not have.
    #[error("{0}")]
    Functions(#[source] Box<dyn Error + Send + Sync>),
    /// None of the functions is one that a Durable Task server starts.
    #[error("this binary has no orchestration, activity or entity that could run without a Functions host")]
    Nothing,
    /// The [limits](Worker::limits) are 0 for every kind of which there are functions.
    #[error(
        "the limits of this worker leave nothing to run: set that of orchestrations, activities or entities above 0"
    )]
    Limits,
    /// The server cannot be spoken to.
    #[error(transparent)]
    Address(#[from] azure_functions_durable::ServerAddressError),
    /// No threads.
    #[error("cannot start the threads for functions: {0}")]
    Threads(#[source] io::Error),
    /// What the app does before its first function did not succeed.
    #[error("{0}")]
    Start(#[source] Box<dyn Error + Send + Sync>),
}

/// Runs the durable functions of this binary for a Durable Task server.
///
/// All orchestrations, activities and entities that are linked into the binary are served, save those that have bindings of a Functions
/// host besides their trigger. A client as a parameter is one of the same server.
///
/// ```no_run
/// use azure_functions::{durable_task::Worker, prelude::*};
///
/// #[func(activity)]
/// fn say_hello(name: String) -> String {
///     format!("Hello {name}!")
/// }
///
/// #[tokio::main]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let worker = Worker::new("http://127.0.0.1:4001".parse()?);
///     worker.run_until(std::future::pending()).await?;
///     Ok(())
/// }
/// ```
#[must_use = "a worker does nothing until it runs"]
pub struct Worker {
    address: ServerAddress,
    app: App,
    limits: Limits,
    drain: Duration,
}

impl Worker {
    /// A worker of the server at an address, with an app that has no options.
    pub fn new(address: ServerAddress) -> Self {
        Self {
            address,
            app: App::default(),
            limits: Limits::default(),
            drain: DRAIN,
        }
    }

    /// Sets the options of the app: states, set-ups, layers, shutdowns.
    pub fn app(mut self, app: App) -> Self {
        self.app = app;
        self
    }

    /// Sets how many items run at a time. The default is 100 of each kind for each core.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets how long running work may go on when the worker stops. The default is 25 seconds.
    pub fn drain_limit(mut self, limit: Duration) -> Self {
        self.drain = limit;
        self
    }

    /// Serves until `shutdown` is ready, and then ends in order.
    ///
    /// A server that is away is tried for ever, with pauses of at most half a minute; work that runs meanwhile goes on. The end: nothing new
    /// begins, [`Context::cancellation`](crate::Context::cancellation) of what runs is cancelled, and what has not ended within the
    /// [limit](Self::drain_limit) is given back to the server, which gives it out again. The shutdowns of the app come last.
    ///
    /// It runs on the current tokio runtime, whose time and I/O must be enabled; functions have threads of their own. Where the future is
    /// dropped, the worker ends at once, and the server finds out by itself.
    ///
    /// # Errors
    /// The app cannot run as it was built, or its start failed, or the server asks for what this build does not have. A server that does
    /// not answer is no error.
    pub async fn run_until(self, shutdown: impl Future<Output = ()>) -> Result<(), WorkerError> {
        let server = Arc::new(GrpcServer::new(self.address.clone())?);
        let client = OrchestrationClient::open(&self.address)?;
        self.serve(server, Some(client), shutdown).await
    }

    pub(super) async fn serve(
        self,
        server: Arc<dyn Server>,
        client: Option<OrchestrationClient>,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), WorkerError> {
        let Self {
            address,
            app,
            limits,
            drain,
        } = self;
        let App { startup, shutdowns, .. } = app;
        // For the place of a panic in its message.
        panics::install_hook();
        panics::tell(logger::panicked);
        let functions = Functions::linked_with(&startup).map_err(|error| WorkerError::Functions(Box::new(error)))?;
        let served = Served::of(&functions);
        if served.counts() == [0; 3] {
            return Err(WorkerError::Nothing);
        }
        let served = served.within(limits);
        let counts = served.counts();
        if counts == [0; 3] {
            return Err(WorkerError::Limits);
        }
        if let Some(line) = served.left_out() {
            log::warn!("{line}");
        }
        let name = match address.task_hub() {
            Some(hub) => format!("{} (task hub {hub})", address.origin()),
            None => address.origin().to_owned(),
        };
        let [orchestrations, activities, entities] = counts;
        log::info!(
            "worker of the Durable Task server at {name}: {orchestrations} orchestrations, {activities} activities, {entities} entities"
        );
        let threads = Threads::start().map_err(WorkerError::Threads)?;
        let functions_runtime = threads.handle().clone();
        let stop = CancellationToken::new();
        let request = request(&served, limits);
        let serving = async {
            let mut start = Start::new(startup, &functions);
            let threads = {
                let begun = start
                    .begin(Some(&threads))
                    .map_err(|e| WorkerError::Start(Box::new(e)))?;
                if matches!(begun, Begun::Later) {
                    let started = tokio::select! {
                        ended = start.ended() => ended.map_err(|e| WorkerError::Start(Box::new(e)))?,
                        // Nothing has begun that could end.
                        () = stop.cancelled() => {
                            drop(StoppedThreads::from(threads));
                            return Ok(());
                        }
                    };
                    start.complete(started);
                }
                StoppedThreads::from(threads)
            };
            let started = start.started().cloned().unwrap_or_default();
            let states = started.states.clone();
            let runner = Arc::new(Runner::new(server, served, started, threads, client, limits));
            stream::run(&runner, request, &name, &stop, drain).await;
            if !shutdowns.is_empty() {
                let ran = functions_runtime.spawn(Shutdown::run_all(shutdowns, states));
                if timeout(SHUTDOWN, ran).await.is_err() {
                    log::warn!("the shutdown of the app did not end within {SHUTDOWN:?}, and was given up");
                }
            }
            Ok(())
        };
        tokio::pin!(serving, shutdown);
        tokio::select! {
            ended = &mut serving => return ended,
            () = &mut shutdown => stop.cancel(),
        }
        serving.await
    }
}

/// What the worker asks for.
pub(super) fn request(served: &Served, limits: Limits) -> GetWorkItemsRequest {
    GetWorkItemsRequest {
        max_concurrent_orchestration_work_items: sent(limits.orchestrations),
        max_concurrent_activity_work_items: sent(limits.activities),
        max_concurrent_entity_work_items: sent(limits.entities),
        capabilities: vec![WorkerCapability::HistoryStreaming.into()],
        work_item_filters: Some(served.filters()),
    }
}

/// As a number of the protocol. Servers take 0 for their own default; that there is none of a kind is said by the filters.
fn sent(limit: usize) -> i32 {
    i32::try_from(limit.max(1)).unwrap_or(i32::MAX)
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("address", &self.address)
            .field("limits", &self.limits)
            .field("drain_limit", &self.drain)
            .finish_non_exhaustive()
    }
}
