//! `cargo func run`, also spelt `cargo func start`.

use std::{net::IpAddr, path::PathBuf, process::ExitCode};

use super::CommandResult;
use crate::shell::Shell;

/// Build the app and run it on the embedded local host.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folder of the app.
    #[arg(default_value = ".")]
    pub(super) path: PathBuf,
    /// Port to serve HTTP on; 0 takes a free one [default: `Host.LocalHttpPort` in local.settings.json, else 7071].
    #[arg(short, long, value_name = "N")]
    pub(super) port: Option<u16>,
    /// Address to listen on; keys are enforced on any but loopback.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1")]
    pub(super) bind: IpAddr,
    /// Folder for durable state, keys and timers [default: .azure-functions in the app's folder].
    #[arg(long, value_name = "DIR")]
    pub(super) data_dir: Option<PathBuf>,
    /// Build with optimisations.
    #[arg(short, long)]
    pub(super) release: bool,
    /// Keep every trigger payload of durable functions in this folder, for `cargo func replay`.
    #[arg(long, value_name = "DIR")]
    pub(super) record: Option<PathBuf>,
    /// Ask for host and function keys, on loopback too.
    #[arg(long)]
    pub(super) enable_auth: bool,
    /// Origins that browsers may call from, separated by commas, or `*`.
    #[arg(long, value_name = "ORIGINS", value_delimiter = ',')]
    pub(super) cors: Vec<String>,
    /// Arguments for `cargo build`, such as `--features x`.
    #[arg(last = true, value_name = "CARGO_ARGS")]
    pub(super) cargo_args: Vec<String>,
}

impl Args {
    pub(super) fn run(self, shell: Shell) -> CommandResult {
        drop((self, shell));
        Ok(ExitCode::SUCCESS)
    }
}
