//! How subcommands end.

use std::{error::Error, process::ExitCode};

/// What a subcommand ends with: an exit code, or an error that says in one sentence what to do.
pub(super) type CommandResult = Result<ExitCode, Box<dyn Error + Send + Sync>>;
