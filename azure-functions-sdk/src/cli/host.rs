//! `cargo func host`.

use std::{path::PathBuf, process::ExitCode};

use super::{
    command_result::CommandResult,
    run::{self, HostRecords, LAST_THREADS_LIMIT, Safety, StopSignals},
};
use crate::{
    durable::HubName,
    host::{DEFAULT_PORT, HubHost, HubHostOptions},
    project::LogLevels,
    shell::Shell,
};

/// Run a Durable Task hub for workers and clients of every language, without an app.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Args {
    #[command(subcommand)]
    pub(super) command: Option<HostCommand>,
    /// Port of the HTTP management API; 0 takes a free one.
    #[arg(short, long, value_name = "N", default_value_t = DEFAULT_PORT)]
    port: u16,
    /// Port for workers and clients, which speak gRPC [default: 4001 if it is free, else a free one].
    #[arg(long, value_name = "N")]
    grpc_port: Option<u16>,
    /// Name of the task hub.
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = parse_name)]
    task_hub: HubName,
    /// Folder for durable state and keys.
    #[arg(long, value_name = "DIR", default_value = ".azure-functions")]
    data_dir: PathBuf,
    #[command(flatten)]
    pub(super) safety: Safety,
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum HostCommand {
    /// `cargo func host start`, as the Azure Functions Core Tools spell `start`.
    #[command(hide = true)]
    Start(run::Args),
}

fn parse_name(name: &str) -> Result<HubName, String> {
    HubName::new(name).map_err(|error| error.to_string())
}

impl Args {
    pub(super) fn run(self, shell: Shell) -> CommandResult {
        if let Some(HostCommand::Start(args)) = self.command {
            return args.run(shell);
        }
        HostRecords::show(shell, LogLevels::default());
        let options = HubHostOptions::new(self.task_hub, self.data_dir)
            .port(self.port)
            .grpc_port(self.grpc_port)
            .durability(self.safety.durability);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let result = runtime.block_on(serve(options, shell));
        // Whatever still blocks a thread must not hold up the end.
        runtime.shutdown_timeout(LAST_THREADS_LIMIT);
        result
    }
}

/// Runs the host until it is told to stop.
async fn serve(options: HubHostOptions, shell: Shell) -> CommandResult {
    let host = HubHost::start(options).await?;
    for line in host.listing() {
        shell.print(&line);
    }
    let mut signals = StopSignals::new()?;
    signals.next().await;
    let work = host.begin_shutdown();
    run::tell_end(shell, &work);
    match host.shutdown_unless(signals.next()).await {
        true => Ok(ExitCode::SUCCESS),
        false => Ok(ExitCode::FAILURE),
    }
}
