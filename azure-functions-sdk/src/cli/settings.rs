//! `cargo func settings`.

use std::{path::PathBuf, process::ExitCode};

use super::command_result::CommandResult;
use crate::{shell::Shell, template::setting};

/// Change the app's local settings.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Add a value to local.settings.json, or change it; the worker finds it in its environment.
    Add {
        /// Name of the setting.
        name: String,
        /// Its value; never shown again.
        #[arg(allow_hyphen_values = true)]
        value: String,
        /// Folder of the app.
        #[arg(long, value_name = "APP", default_value = ".")]
        path: PathBuf,
    },
}

/// Why there is nothing to change.
#[derive(Debug, thiserror::Error)]
#[error("there is no app in `{}`: it holds no host.json. Name its folder with --path", .0.display())]
struct NoApp(PathBuf);

impl Command {
    pub(super) fn run(self, shell: Shell) -> CommandResult {
        let Self::Add { name, value, path } = self;
        if !path.join("host.json").is_file() {
            return Err(NoApp(path).into());
        }
        let is_new = setting::set(&path.join("local.settings.json"), &name, &value)?;
        let verb = if is_new { "Added" } else { "Changed" };
        shell.status(
            verb,
            format_args!("{name} = **** in local.settings.json, which `cargo func run` reads when it starts"),
        );
        Ok(ExitCode::SUCCESS)
    }
}
