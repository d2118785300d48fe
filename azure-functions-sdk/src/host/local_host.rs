//! Assembles the host: worker, front door, task hub, timers, and the order in which they start and stop.

use super::{
    app_timers::AppTimers,
    backend::HostBackend,
    crash_limit::CrashLimit,
    durable_worker::DurableWorker,
    follower::Follower,
    http::{BindError, FrontDoor, FrontDoorListener, FrontDoorOptions, Keys, KeysError, ProcessLimits, must_enforce},
    metadata::AppSettings,
    options::LocalHostOptions,
    output::{HostOutput, Log},
    process::{Launch, WorkerCommand},
    recorder::Recorder,
    rpc::{
        server::RpcServer,
        sidecar::{Served, Sidecar},
    },
    rpc_listener::{RpcDoor, RpcListener},
    runner::FunctionRunner,
    running_work::RunningWork,
    sdk_listener::{SdkListenerError, sdk_listener},
    secret::Secret,
    startup::Startup,
    supervisor::{Supervisor, WorkerState},
    timers::{StatusStore, UnknownZone, Zone},
};
use crate::{
    durable::{BindingUrls, TaskHub, TaskHubError, TaskHubOptions, Via},
    project::{DurableTaskOptions, FunctionTimeout, LogLevel, OverridableStates},
};
use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;

/// How long running work may go on when the host stops and no worker is there to do it.
const DRAIN_LIMIT_WITHOUT_WORKER: Duration = Duration::from_millis(500);
/// Tells the worker for which wire its metadata is to ask.
const WIRE_VARIABLE: &str = "AZURE_FUNCTIONS_DURABLE_WIRE";
/// How long answers may take to reach their callers when nothing runs any more.
const LAST_ANSWERS_LIMIT: Duration = Duration::from_millis(500);
/// How long a worker may take to end, even if the rest took all the time there was.
const LAST_WORKER_LIMIT: Duration = Duration::from_millis(500);

/// A local host that runs.
///
/// [`LocalHost::shutdown`] ends it in order; dropping it stops at once, as a crash would.
pub struct LocalHost {
    address: SocketAddr,
    runner: FunctionRunner,
    hub: Arc<TaskHub>,
    rpc_listener: RpcListener,
    sidecar: Sidecar,
    /// What clients show there.
    secret: Secret,
    /// For workers and clients of every language.
    languages: Option<Sidecar>,
    drain_limit: Duration,
    log: Log,
    /// Closes the front door.
    close: CancellationToken,
    stop_worker: CancellationToken,
    supervisor: JoinHandle<()>,
    follower: JoinHandle<()>,
}

/// Why the host did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocalHostError {
    /// HTTP cannot be served where it should be.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The keys are out of reach.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The task hub cannot be opened.
    #[error(transparent)]
    Hub(#[from] TaskHubError),
    /// `WEBSITE_TIME_ZONE` names no time zone.
    #[error(transparent)]
    Zone(#[from] UnknownZone),
    /// A loopback port for the worker or its durable clients cannot be had.
    #[error("cannot listen for the worker on the loopback address: {0}")]
    Loopback(#[source] io::Error),
    /// There is no port for workers and clients of every language.
    #[error(transparent)]
    Grpc(#[from] SdkListenerError),
    /// Payloads cannot be recorded.
    #[error("cannot record payloads in {}: {source}; name another folder with --record", directory.display())]
    Record {
        /// The folder.
        directory: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl fmt::Debug for LocalHost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("LocalHost")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Drop for LocalHost {
    fn drop(&mut self) {
        self.follower.abort();
        // Ends the worker's process, too.
        self.supervisor.abort();
    }
}

impl LocalHost {
    /// Starts everything. The worker is being started when this returns; calls wait for it.
    ///
    /// # Errors
    /// A port, the keys, the task hub or a folder cannot be used.
    pub async fn start(options: LocalHostOptions, output: Arc<dyn HostOutput>) -> Result<Self, LocalHostError> {
        Self::start_with(options, output, |worker| Box::new(worker)).await
    }

    /// Starts everything, with workers that `launcher` starts.
    async fn start_with(
        options: LocalHostOptions,
        output: Arc<dyn HostOutput>,
        launcher: impl FnOnce(WorkerCommand) -> Box<dyn Launch> + Send,
    ) -> Result<Self, LocalHostError> {
        let LocalHostOptions {
            worker,
            settings,
            host_json,
            data_dir,
            ..
        } = options;
        let app_decides = settings.get("RUST_LOG").is_some_and(|filter| !filter.is_empty());
        let log = Log::new(output, host_json.log_levels.clone()).app_decides(app_decides);
        let listener = FrontDoorListener::bind(options.address).await?;
        let address = listener.local_addr();
        let keys = Arc::new(Keys::open(&data_dir)?);
        let zone = Zone::from_setting(settings.get("WEBSITE_TIME_ZONE"))?;
        let recorder = options.record.map(recorder).transpose()?;

        let (state, states) = watch::channel(WorkerState::Starting(String::new()));
        let (functions, tables) = watch::channel(Arc::default());
        let runner = FunctionRunner::new(states.clone(), tables.clone(), log.clone());
        let mut hub_options = hub_options(&host_json.durable_task, &data_dir)
            .crash_as_host(options.crash_as_host)
            .durability(options.durability);
        if recorder.is_some() {
            // What is recorded is to be replayed, so each payload has the whole history.
            hub_options.session_idle = None;
            hub_options.record = true;
        }
        let database = hub_options.database();
        let hub_worker = Arc::new(DurableWorker::new(runner.clone(), recorder));
        let hub = Arc::new(TaskHub::open(hub_options, hub_worker)?);

        let site = settings
            .get("WEBSITE_HOSTNAME")
            .map_or_else(|| site_name(address), str::to_owned);
        let origin = origin(&site);
        let webhook = format!("{origin}/runtime/webhooks/durabletask");
        let enforced = must_enforce(options.enable_auth, address);
        let code = enforced.then(|| keys.durable_system_key());
        let mut via = Via::webhook(webhook.as_str());
        via.code.clone_from(&code);
        let mut host_names = options.allowed_hosts;
        host_names.push(site.clone());
        let shares = ProcessLimits::of_process();
        let front_options = FrontDoorOptions {
            route_prefix: host_json.http.route_prefix.clone(),
            enable_auth: options.enable_auth,
            cors: options.cors,
            management_cors: options.management_cors,
            host_names,
            limits: shares.front,
            answers: data_dir.clone(),
            home_page: !is_true(settings.get("AzureWebJobsDisableHomepage")),
            ..FrontDoorOptions::default()
        };
        let body_limit = front_options.body_limit;
        let rpc_door = RpcDoor {
            hub: Arc::clone(&hub),
            webhook: webhook.clone(),
            code: code.clone(),
            body_limit,
        };
        let rpc_listener = RpcListener::start(rpc_door, shares.rpc, data_dir.clone())
            .await
            .map_err(LocalHostError::Loopback)?;
        let secret = Secret::new();
        let sidecar = Sidecar::start(Arc::clone(&hub), secret.clone(), shares.newcomers, body_limit)
            .await
            .map_err(LocalHostError::Loopback)?;
        let languages = match options.grpc {
            None => None,
            Some(port) => {
                let listener = sdk_listener(port).await?;
                let served = Served::BesideApp(Arc::clone(&hub));
                let serving = Sidecar::open(listener, served, shares.newcomers);
                Some(serving.map_err(SdkListenerError::Loopback)?)
            }
        };
        let urls = BindingUrls {
            code,
            ..BindingUrls::new(webhook.as_str())
                .rpc(rpc_listener.base_url())
                .grpc(sidecar.address(), secret.reveal())
        };
        runner.set_client_binding(client_binding(&hub, urls));

        let server = RpcServer::start(shares.newcomers)
            .await
            .map_err(LocalHostError::Loopback)?;
        log.host(
            LogLevel::Information,
            &settings_line(&host_json.durable_task, &database, &webhook),
        );
        if enforced {
            let text = format!("Callers need keys; they are in {}.", keys.path().display());
            log.host(LogLevel::Information, &text);
        }
        let backend = HostBackend {
            runner: runner.clone(),
            hub: Arc::clone(&hub),
            via,
            statuses: StatusStore::new(&data_dir),
            zone,
            mcp: Arc::new(host_json.mcp),
        };
        let front = FrontDoor::serve(listener, front_options, keys, Arc::new(backend));

        let (close, stop_worker) = (CancellationToken::new(), CancellationToken::new());
        let worker = match options.wire {
            Some(wire) => worker.variable(WIRE_VARIABLE, wire.name()),
            None => worker,
        };
        let worker = worker.with_defaults(&settings, &site);
        let supervisor = Supervisor {
            server,
            startup: Startup {
                app_directory: worker.app().to_owned(),
                worker_directory: worker.worker().to_owned(),
                settings: Arc::new(AppSettings {
                    settings,
                    allow_list: host_json.functions.clone(),
                }),
                function_timeout: match host_json.function_timeout {
                    FunctionTimeout::Limit(limit) => Some(limit),
                    FunctionTimeout::Unlimited => None,
                },
                log: log.clone(),
            },
            launcher: launcher(worker),
            state,
            functions,
            stop: stop_worker.clone(),
            crash_limit: options.crash_as_host.then(CrashLimit::default),
            log: log.clone(),
        };
        let follower = Follower {
            front,
            close: close.clone(),
            hub: Arc::clone(&hub),
            languages: languages.as_ref().map(|languages| languages.address().to_owned()),
            log: log.clone(),
            origin,
            route_prefix: host_json.http.route_prefix,
            shown: Vec::new(),
            timers: AppTimers::new(runner.clone(), StatusStore::new(&data_dir), zone),
        };
        Ok(Self {
            address,
            runner,
            hub,
            rpc_listener,
            sidecar,
            secret,
            languages,
            drain_limit: options.drain_limit,
            log,
            close,
            stop_worker,
            supervisor: tokio::spawn(supervisor.run()),
            follower: tokio::spawn(follower.run(states, tables)),
        })
    }

    /// Where HTTP is served, with the port that was really taken.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Runs functions.
    #[must_use]
    pub fn runner(&self) -> &FunctionRunner {
        &self.runner
    }

    /// Base of the durable HTTP API for clients on this machine. It needs no key, so it has a secret in it.
    #[must_use]
    pub fn rpc_base_url(&self) -> &str {
        self.rpc_listener.base_url()
    }

    /// Address of the gRPC listener for durable clients on this machine, and the secret that they send with each call as
    /// `durable-connectionname`.
    #[must_use]
    pub fn grpc_listener(&self) -> (&str, &str) {
        (self.sidecar.address(), self.secret.reveal())
    }

    /// Where workers and clients of every language connect, if they are served.
    #[must_use]
    pub fn grpc_address(&self) -> Option<&str> {
        self.languages.as_ref().map(Sidecar::address)
    }

    /// Returns when no worker runs and none will be started: the app has to be built anew, or has crashed too often for a
    /// host that crashes [as the real one does](LocalHostOptions::crash_as_host). The log says why.
    pub async fn gave_up(&self) {
        self.runner.until_stopped().await;
    }

    /// Begins nothing new and takes no new calls, and tells what still runs. [`LocalHost::shutdown`] goes on from here.
    pub fn begin_shutdown(&self) -> RunningWork {
        self.hub.begin_drain();
        self.close.cancel();
        self.running()
    }

    fn running(&self) -> RunningWork {
        let (activities, episodes) = self.hub.running();
        RunningWork {
            activities,
            episodes,
            others: self.runner.in_flight().saturating_sub(activities + episodes),
            limit: self.limit(),
        }
    }

    /// Ends in order: takes no new calls, lets running ones end for ten seconds and records their results, ends the
    /// worker.
    pub async fn shutdown(self) {
        self.shutdown_unless(std::future::pending()).await;
    }

    /// The same, but stops at once, as a crash would, when `at_once` is ready. Nothing that was recorded is lost. False
    /// if it was.
    pub async fn shutdown_unless(mut self, at_once: impl Future<Output = ()>) -> bool {
        let in_order = tokio::select! {
            () = self.end_in_order() => true,
            () = at_once => false,
        };
        if !in_order && !self.supervisor.is_finished() {
            self.supervisor.abort();
            // Its worker is killed when this returns.
            let _ = timeout(LAST_WORKER_LIMIT, &mut self.supervisor).await;
        }
        in_order
    }

    fn limit(&self) -> Duration {
        if self.runner.is_ready() {
            self.drain_limit
        } else {
            self.drain_limit.min(DRAIN_LIMIT_WITHOUT_WORKER)
        }
    }

    async fn end_in_order(&mut self) {
        let deadline = Instant::now() + self.limit();
        self.begin_shutdown();
        let quiet = async {
            tokio::join!(self.hub.until_quiet(), self.runner.until_idle());
            let _ = timeout(LAST_ANSWERS_LIMIT, &mut self.follower).await;
            // A request that was being read when the front door closed.
            self.runner.until_idle().await;
        };
        if timeout_at(deadline, quiet).await.is_err() {
            let work = self.running();
            if !work.is_empty() {
                let text = format!("{work}: given up; activities and orchestrations run again when the host starts.");
                self.log.host(LogLevel::Warning, &text);
            }
            // Before the hub closes: whatever the worker could still say is recorded, or was never said.
            self.end_worker(deadline).await;
            self.hub.drain(LAST_ANSWERS_LIMIT).await;
        } else {
            self.hub.drain(Duration::ZERO).await;
            self.end_worker(deadline).await;
        }
    }

    async fn end_worker(&mut self, deadline: Instant) {
        self.stop_worker.cancel();
        let deadline = deadline.max(Instant::now() + LAST_WORKER_LIMIT);
        if timeout_at(deadline, &mut self.supervisor).await.is_err() {
            self.supervisor.abort();
            let _ = timeout(LAST_WORKER_LIMIT, &mut self.supervisor).await;
        }
    }
}

fn recorder(directory: PathBuf) -> Result<Recorder, LocalHostError> {
    Recorder::new(directory.clone()).map_err(|source| LocalHostError::Record { directory, source })
}

fn hub_options(durable: &DurableTaskOptions, data_dir: &Path) -> TaskHubOptions {
    TaskHubOptions::new(durable.hub_name.clone(), data_dir)
        .max_concurrent_orchestrations(durable.max_concurrent_orchestrations)
        .max_concurrent_activities(durable.max_concurrent_activities)
        .max_concurrent_entities(durable.max_concurrent_entities)
        .timers(durable.maximum_short_timer, durable.long_running_timer_interval)
        .default_version(durable.default_version.clone().unwrap_or_default())
        .versions(durable.version_match, durable.version_failure)
        .session_idle(durable.session_idle)
        .replace_running(durable.overridable_states == OverridableStates::AnyState)
}

fn client_binding(hub: &Arc<TaskHub>, urls: BindingUrls) -> super::runner::ClientBinding {
    // The hub knows the worker, which knows this: a strong reference would keep all three for ever.
    let hub = Arc::downgrade(hub);
    Box::new(move |task_hub, connection| {
        let mut urls = urls.clone();
        urls.task_hub = task_hub.map(str::to_owned);
        urls.connection = connection.map(str::to_owned);
        hub.upgrade().map(|hub| hub.client_binding(&urls)).unwrap_or_default()
    })
}

fn is_true(setting: Option<&str>) -> bool {
    setting.is_some_and(|value| value.eq_ignore_ascii_case("true") || value == "1")
}

/// `WEBSITE_HOSTNAME`: how this host is called in URLs.
fn site_name(address: SocketAddr) -> String {
    match address.ip().to_canonical() {
        // What is bound to any other address of loopback cannot be reached as localhost.
        ip if ip == Ipv4Addr::LOCALHOST || ip.is_unspecified() => format!("localhost:{}", address.port()),
        IpAddr::V4(ip) => format!("{ip}:{}", address.port()),
        IpAddr::V6(ip) => format!("[{ip}]:{}", address.port()),
    }
}

/// The host itself speaks plain HTTP only; any other name is that of something in front of it.
fn origin(site: &str) -> String {
    let name = site
        .rsplit_once(':')
        .map_or(site, |(name, _)| name)
        .trim_matches(['[', ']']);
    let is_plain = name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok();
    format!("{}://{site}", if is_plain { "http" } else { "https" })
}

fn settings_line(durable: &DurableTaskOptions, database: &Path, webhook: &str) -> String {
    format!(
        "Task hub '{}' in {}; at most {} orchestrations and {} activities at a time; replayed log lines are not shown; \
         managed at {webhook}/instances",
        durable.hub_name,
        database.display(),
        durable.max_concurrent_orchestrations,
        durable.max_concurrent_activities,
    )
}

#[cfg(test)]
mod tests;
