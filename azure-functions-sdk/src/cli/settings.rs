//! `cargo func settings`.

use std::{path::PathBuf, process::ExitCode};

use super::command_result::CommandResult;
use crate::{project::LocalSettings, shell::Shell, template::setting};

/// Change the app's local settings.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Add a value to local.settings.json, or change it; the worker finds it in its environment.
    Add {
        /// Name of the setting.
        name: String,
        /// Its value; `list` shows it only with `--show-values`.
        #[arg(allow_hyphen_values = true)]
        value: String,
        /// Folder of the app.
        #[arg(long, value_name = "APP", default_value = ".")]
        path: PathBuf,
    },
    /// List the names in local.settings.json.
    List {
        /// Show the values, which may be secrets.
        #[arg(long)]
        show_values: bool,
        /// Folder of the app.
        #[arg(long, value_name = "APP", default_value = ".")]
        path: PathBuf,
    },
    /// Remove a value from local.settings.json.
    Remove {
        /// Name of the setting.
        name: String,
        /// Folder of the app.
        #[arg(long, value_name = "APP", default_value = ".")]
        path: PathBuf,
    },
}

/// Why there is nothing to change.
#[derive(Debug, thiserror::Error)]
#[error("there is no app in `{}`: it holds no host.json. Name its folder with --path", .0.display())]
struct NoApp(PathBuf);

/// The settings of the app in a folder.
fn local_settings(folder: PathBuf) -> Result<PathBuf, NoApp> {
    match folder.join("host.json").is_file() {
        true => Ok(folder.join("local.settings.json")),
        false => Err(NoApp(folder)),
    }
}

impl Command {
    pub(super) fn run(self, shell: Shell) -> CommandResult {
        match self {
            Self::Add { name, value, path } => {
                let is_new = setting::set(&local_settings(path)?, &name, &value)?;
                let verb = if is_new { "Added" } else { "Changed" };
                shell.status(
                    verb,
                    format_args!("{name} = **** in local.settings.json, which `cargo func run` reads when it starts"),
                );
            }
            Self::List { show_values, path } => {
                let settings = LocalSettings::read(&local_settings(path)?)?;
                for (name, value) in settings.variables() {
                    shell.print(format_args!("{name} = {}", if show_values { value } else { "****" }));
                }
            }
            Self::Remove { name, path } => {
                let name = setting::remove(&local_settings(path)?, &name)?;
                shell.status("Removed", format_args!("{name} from local.settings.json"));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
