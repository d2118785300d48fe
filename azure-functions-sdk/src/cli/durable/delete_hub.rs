//! `cargo func durable delete-task-hub`: the durable HTTP API has no such request, so it works on the files of the app.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use crate::{
    cli::{build::Build, command_result::CommandResult},
    durable::{TaskHub, TaskHubOptions},
    project::{HostJson, LocalSettings, Settings},
    shell::Shell,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder of the app.
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Folder for durable state, as `run` was told [default: .azure-functions in the app's folder].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// Nothing to delete.
#[derive(Debug, thiserror::Error)]
#[error("there is no task hub `{name}` in `{}`: name the folder that `cargo func run` was given with --data-dir", .folder.display())]
struct NoHub {
    name: String,
    folder: PathBuf,
}

impl Args {
    pub(super) fn run(self, shell: Shell) -> CommandResult {
        let build = Build {
            path: &self.path,
            release: false,
            cargo_args: &[],
        };
        let manifest = build.manifest()?;
        let folder = manifest.parent().unwrap_or(Path::new("."));
        let settings = Settings::of_process(&LocalSettings::read(&folder.join("local.settings.json"))?);
        let hub = HostJson::read(&folder.join("host.json"), &settings)?
            .durable_task
            .hub_name;
        let data = self.data_dir.unwrap_or_else(|| folder.join(".azure-functions"));
        let options = TaskHubOptions::new(hub.clone(), &data);
        if !TaskHub::delete(&options)? {
            return Err(NoHub {
                name: hub.to_string(),
                folder: data,
            }
            .into());
        }
        shell.status("Deleted", format_args!("task hub `{hub}` in `{}`", data.display()));
        Ok(ExitCode::SUCCESS)
    }
}
