//! `cargo func run`, also spelt `cargo func start`.

use std::{
    net::{AddrParseError, IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use http::uri::Authority;

use super::{build::Build, built::Built, command_result::CommandResult};
use crate::{
    durable::{Durability, work::Wire},
    host::{DEFAULT_PORT, HostOutput, LocalHost, LocalHostOptions, LogRecord, RunningWork, WorkerCommand, http::Cors},
    project::{HostJson, HostSection, LocalSettings, LogLevel, LogLevels, Settings},
    shell::Shell,
};

/// Build the app and run it on the embedded local host.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folder of the app.
    #[arg(default_value = ".")]
    pub(super) path: PathBuf,
    /// Port to serve HTTP on; 0 takes a free one [default: `Host.LocalHttpPort` in local.settings.json, else 7071].
    #[arg(short, long, value_name = "N")]
    pub(super) port: Option<u16>,
    /// Address to listen on; keys are enforced on any but loopback [default: `Host.LocalHttpAddress`, else 127.0.0.1].
    #[arg(long, value_name = "ADDR", value_parser = parse_address)]
    bind: Option<IpAddr>,
    /// Folder for durable state, keys, and timers [default: .azure-functions in the app's folder].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Build with optimisations.
    #[arg(short, long)]
    release: bool,
    /// Run what was built last, without asking cargo.
    #[arg(long, conflicts_with = "cargo_args")]
    no_build: bool,
    /// Keep every trigger payload of orchestrations in this folder, for `cargo func replay`.
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// Ask for host and function keys, on loopback too.
    #[arg(long)]
    enable_auth: bool,
    /// Crash as the real host does: the end of the app fails running activities, with JSON also orchestrations whose code was
    /// running, and the third end within half an hour of the one before ends the host; else all of it runs again.
    #[arg(long)]
    crash_as_host: bool,
    /// Port of loopback for workers and clients of other languages; 0 takes a free one. What the app lacks then waits for a worker.
    #[arg(long, value_name = "N", conflicts_with = "enable_auth")]
    grpc_port: Option<u16>,
    /// How orchestrations and entities travel to the app: json or protobuf [default: what the app asks for].
    #[arg(long, value_name = "WIRE")]
    wire: Option<Wire>,
    #[command(flatten)]
    pub(super) safety: Safety,
    /// Origins whose pages may call functions, separated by commas, or * [default: `Host.CORS` in local.settings.json].
    #[arg(long, value_name = "ORIGINS")]
    cors: Option<String>,
    /// Origins whose pages may manage this host and its instances, separated by commas.
    #[arg(long, value_name = "ORIGINS")]
    management_cors: Option<String>,
    /// Names by which callers may address a host on loopback, separated by commas, besides localhost and loopback addresses.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    allowed_hosts: Vec<Authority>,
    /// Arguments for `cargo build`, such as `--features x`.
    #[arg(last = true, value_name = "CARGO_ARGS")]
    pub(super) cargo_args: Vec<String>,
}

// How safe a task hub is; alike for `cargo func host`. A doc comment would be the help of the whole command.
#[derive(Debug, clap::Args)]
pub(super) struct Safety {
    /// When a change of the task hub counts as done: `process`, when the system has it, so that the end of the host loses nothing;
    /// `full`, when the disk has it, so that a power cut loses nothing either, for which each step waits.
    #[arg(long, value_name = "WHEN", default_value_t)]
    pub(super) durability: Durability,
}

/// How long the host's own threads may take to end.
pub(super) const LAST_THREADS_LIMIT: Duration = Duration::from_millis(100);

/// The setting is no address.
#[derive(Debug, thiserror::Error)]
#[error("`Host.LocalHttpAddress` in local.settings.json is `{0}`: write an IP address, or `localhost`")]
struct NoAddress(String);

impl Args {
    pub(super) fn run(self, shell: Shell) -> CommandResult {
        let build = Build {
            path: &self.path,
            release: self.release,
            cargo_args: &self.cargo_args,
        };
        let manifest = build.manifest()?;
        let folder = manifest.parent().unwrap_or(Path::new("."));

        // Before the build, which may take a while: what is wrong with the settings is told at once.
        let local = LocalSettings::read(&folder.join("local.settings.json"))?;
        let settings = Settings::of_process(&local);
        let host_json = HostJson::read(&folder.join("host.json"), &settings)?;
        let address = self.address(local.host())?;
        let cors = match &self.cors {
            Some(origins) => Cors::parse(origins, local.host().cors_credentials)?,
            None => Cors::parse(
                local.host().cors.as_deref().unwrap_or_default(),
                local.host().cors_credentials,
            )?,
        };
        let management_cors = Cors::parse_management(self.management_cors.as_deref().unwrap_or_default())?;
        for warning in local.warnings().iter().chain(settings.warnings()) {
            shell.warn(warning);
        }
        if let Some(warning) = host_json.warning() {
            shell.warn(warning);
        }

        let data_dir = self.data_dir.clone().unwrap_or_else(|| folder.join(".azure-functions"));
        let built = Built::new(&data_dir, self.release);
        let program = if self.no_build {
            built.program()?
        } else {
            let program = build.run()?.program;
            built.remember(&program);
            program
        };
        let worker = WorkerCommand::new(program, folder);
        let options = LocalHostOptions::new(worker, settings, host_json, data_dir)
            .address(address)
            .enable_auth(self.enable_auth)
            .cors(cors)
            .management_cors(management_cors)
            .allowed_hosts(self.allowed_hosts.iter().map(ToString::to_string).collect())
            .record(self.record.clone())
            .crash_as_host(self.crash_as_host)
            .wire(self.wire)
            .durability(self.safety.durability);
        let options = match self.grpc_port {
            Some(port) => options.grpc(Some(port)),
            None => options,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let result = runtime.block_on(serve(options, shell));
        // Whatever still blocks a thread must not hold up the end.
        runtime.shutdown_timeout(LAST_THREADS_LIMIT);
        result
    }

    fn address(&self, host: &HostSection) -> Result<SocketAddr, NoAddress> {
        let configured = match host.address.as_deref() {
            None => IpAddr::V4(Ipv4Addr::LOCALHOST),
            Some(text) => parse_address(text).map_err(|_| NoAddress(text.into()))?,
        };
        Ok(SocketAddr::new(
            self.bind.unwrap_or(configured),
            self.port.or(host.port).unwrap_or(DEFAULT_PORT),
        ))
    }
}

/// An address to listen on.
fn parse_address(text: &str) -> Result<IpAddr, AddrParseError> {
    if text.eq_ignore_ascii_case("localhost") {
        return Ok(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    text.parse()
}

/// Runs the host until it is told to stop.
async fn serve(options: LocalHostOptions, shell: Shell) -> CommandResult {
    HostRecords::show(shell, options.host_json.log_levels.clone());
    let host = LocalHost::start(options, Arc::new(Terminal(shell))).await?;
    let mut signals = StopSignals::new()?;
    tokio::select! {
        () = signals.next() => {}
        () = host.gave_up() => {
            host.shutdown().await;
            return Ok(ExitCode::FAILURE);
        }
    }
    let work = host.begin_shutdown();
    tell_end(shell, &work);
    match host.shutdown_unless(signals.next()).await {
        true => Ok(ExitCode::SUCCESS),
        false => Ok(ExitCode::FAILURE),
    }
}

/// Tells that the host ends, and what it waits for.
pub(super) fn tell_end(shell: Shell, work: &RunningWork) {
    if work.is_empty() {
        shell.status("Stopping", "the host");
    } else {
        let limit = work.limit.as_secs_f64();
        let text = format!("the host: waiting up to {limit} s for {work}; Ctrl-C again stops at once");
        shell.status("Stopping", text);
    }
}

/// Ctrl-C, and what process managers send. Registered once: one that comes between two looks is not lost.
#[cfg(unix)]
pub(super) struct StopSignals([tokio::signal::unix::Signal; 3]);

#[cfg(unix)]
impl StopSignals {
    pub(super) fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self([
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        ]))
    }

    pub(super) async fn next(&mut self) {
        let [interrupt, terminate, hang_up] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
    }
}

/// Ctrl-C. Registered once: one that comes between two looks is not lost.
#[cfg(windows)]
pub(super) struct StopSignals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl StopSignals {
    pub(super) fn new() -> std::io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    pub(super) async fn next(&mut self) {
        self.0.recv().await;
    }
}

/// Shows what the host has to say.
struct Terminal(Shell);

impl HostOutput for Terminal {
    fn print(&self, line: &str) {
        self.0.print(line);
    }

    fn log(&self, record: &LogRecord<'_>) {
        self.0
            .log(record.level, record.function.unwrap_or(record.category), record.message);
    }
}

/// Shows the records that the parts of the host write through the `log` crate, under the category `Host`.
pub(super) struct HostRecords {
    shell: Shell,
    levels: LogLevels,
}

impl HostRecords {
    /// Shows them from now on. A logger that is there already shows the same records in its own way.
    pub(super) fn show(shell: Shell, levels: LogLevels) {
        if log::set_boxed_logger(Box::new(Self { shell, levels })).is_ok() {
            log::set_max_level(log::LevelFilter::Debug);
        }
    }

    fn level(level: log::Level) -> LogLevel {
        match level {
            log::Level::Error => LogLevel::Error,
            log::Level::Warn => LogLevel::Warning,
            log::Level::Info => LogLevel::Information,
            log::Level::Debug => LogLevel::Debug,
            log::Level::Trace => LogLevel::Trace,
        }
    }
}

impl log::Log for HostRecords {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        // Libraries below talk to people who debug them.
        metadata.target().starts_with("azure_functions_sdk")
            && self.levels.allows("Host", Self::level(metadata.level()))
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            self.shell.log(Self::level(record.level()), "Host", record.args());
        }
    }

    fn flush(&self) {}
}
