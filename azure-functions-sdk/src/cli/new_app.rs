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
    /// With azure.yaml, infrastructure in Bicep for the Flex Consumption plan, and a GitHub workflow, for `azd up`.
    #[arg(long)]
    azd: bool,
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
        let sdk = self.sdk_path.clone();
        let azd = self.azd;
        let name = app::create(&AppOptions {
            path: self.path.clone(),
            name: self.name,
            sdk_path: self.sdk_path,
            vcs,
            azd: self.azd,
        })?;
        shell.status(
            "Created",
            format_args!("function app `{name}` in {}", self.path.display()),
        );
        if sdk.is_none() {
            // To go when the crates are published.
            shell.warn(format_args!(
                "this app cannot be built yet, because azure-functions {} is not on the registry: remove the folder and make \
                 it again with `--sdk-path DIR`, DIR being a checkout of Azure Functions for Rust",
                env!("CARGO_PKG_VERSION")
            ));
            return Ok(ExitCode::SUCCESS);
        }
        if azd {
            // To go when the crates are published.
            shell.warn(
                "the workflow in `.github` installs `cargo func` from the registry, where it is not yet, and this app takes \
                 azure-functions from a folder of this machine: before it runs elsewhere, name a repository in both",
            );
        }
        // In a checkout `cargo func` is an alias, which the new app does not have.
        let install = match (&sdk, is_installed()) {
            (Some(sdk), false) => format!("cargo install --path {} && ", sdk.join("azure-functions-sdk").display()),
            _ => String::new(),
        };
        shell.note(format_args!(
            "next: {install}cd {} && cargo func new http greet && cargo func run",
            self.path.display()
        ));
        Ok(ExitCode::SUCCESS)
    }
}

/// Whether cargo finds `cargo func` outside of a checkout.
fn is_installed() -> bool {
    let program = format!("cargo-func{}", std::env::consts::EXE_SUFFIX);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path);
    folders.any(|folder| folder.join(&program).is_file())
}
