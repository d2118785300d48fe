//! `cargo func new-app`.

use std::{path::PathBuf, process::ExitCode};

use super::command_result::CommandResult;
use crate::{
    shell::Shell,
    template::app::{self, AppOptions},
};

/// Make a new function app.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The azure-functions crate is not on the registry yet: without --sdk-path, the app cannot be built."
)]
pub(super) struct Args {
    /// Folder to make; its name becomes the app's.
    #[arg(value_name = "NAME")]
    path: PathBuf,
    /// Name of the app, where it should differ from the folder's.
    #[arg(short, long = "name", value_name = "NAME", id = "app name")]
    name: Option<String>,
    /// Take the azure-functions crate from this checkout of Azure Functions for Rust instead of the registry.
    #[arg(long, value_name = "DIR")]
    sdk_path: Option<PathBuf>,
    /// Version control system to initialise [default: git, unless the folder is in a repository].
    #[arg(long, value_enum)]
    vcs: Option<VersionControl>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum VersionControl {
    Git,
    Hg,
    Pijul,
    Fossil,
    None,
}

impl Args {
    pub(super) fn run(self, shell: Shell) -> CommandResult {
        let vcs = self.vcs.map(|vcs| match vcs {
            VersionControl::Git => "git",
            VersionControl::Hg => "hg",
            VersionControl::Pijul => "pijul",
            VersionControl::Fossil => "fossil",
            VersionControl::None => "none",
        });
        let has_sdk = self.sdk_path.is_some();
        let name = app::create(&AppOptions {
            path: self.path.clone(),
            name: self.name,
            sdk_path: self.sdk_path,
            vcs,
        })?;
        shell.status(
            "Created",
            format_args!("function app `{name}` in {}", self.path.display()),
        );
        if !has_sdk {
            // To go when the crates are published.
            shell.warn(format_args!(
                "this app cannot be built yet, because azure-functions {} is not on the registry: remove the folder and make \
                 it again with `--sdk-path DIR`, DIR being a checkout of Azure Functions for Rust",
                env!("CARGO_PKG_VERSION")
            ));
            return Ok(ExitCode::SUCCESS);
        }
        shell.note(format_args!(
            "next: cd {} && cargo func new http greet && cargo func run",
            self.path.display()
        ));
        Ok(ExitCode::SUCCESS)
    }
}
