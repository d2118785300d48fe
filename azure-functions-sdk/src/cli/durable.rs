//! `cargo func durable`: looks at the orchestration instances of a running local host, and manages them. Each verb is a
//! request of the durable HTTP API, and prints what that answers; `delete-task-hub` alone needs the host to be down.

mod delete_hub;
mod instances;
mod manage;
mod purge;
mod reply;

use std::{fs, path::PathBuf, process::ExitCode};

use azure_functions_durable::OrchestrationStatusQueryResult;

use self::reply::{DurableError, checked, json, page, print};
use super::{command_result::CommandResult, host_client::Host};
use crate::shell::Shell;

/// Look at the orchestration instances of a running local host, and manage them.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Start an orchestration, and print its id and its URLs.
    #[command(name = "start-new")]
    Start(manage::Start),
    /// Print the whole history of an instance, as `cargo func replay` and tests take it.
    #[command(name = "get-history")]
    History {
        /// The instance.
        id: String,
        /// File to write it to, instead of standard output; folders are made as needed.
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        #[command(flatten)]
        host: Host,
    },
    /// Print the status of all instances, or of some, oldest first: as a table on a terminal, else as JSON.
    #[command(name = "get-instances")]
    Instances(instances::Args),
    /// Print the status of an instance, with its input and output.
    #[command(name = "get-runtime-status")]
    RuntimeStatus {
        /// The instance.
        id: String,
        #[command(flatten)]
        host: Host,
    },
    /// Send an external event to an instance.
    #[command(name = "raise-event")]
    Raise(manage::Raise),
    /// End an instance; activities under way are not stopped, and sub-orchestrations go on without --recursive.
    Terminate(manage::Terminate),
    /// Hold an instance: it takes no further step until it is resumed.
    Suspend(manage::Control),
    /// Let a suspended instance go on.
    Resume(manage::Control),
    /// Run the failed work of a failed instance again.
    Rewind(manage::Control),
    /// Start the orchestration of an instance once more, with the same input; print id and URLs.
    Restart(manage::Restart),
    /// Remove ended instances with their histories, one or all of a time; print how many.
    #[command(name = "purge-history")]
    Purge(purge::Args),
    /// Delete all that an app's task hub holds; its host must not be running.
    #[command(name = "delete-task-hub")]
    DeleteHub(delete_hub::Args),
}

impl Command {
    pub(super) fn run(self, shell: Shell) -> CommandResult {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            match self {
                Self::History { id, output, host } => get_history(&host, &id, output, shell).await,
                Self::Instances(instances) => instances.run(shell).await,
                Self::RuntimeStatus { id, host } => get_runtime_status(&host, &id, shell).await,
                Self::Start(start) => start.run(shell).await,
                Self::Raise(raise) => raise.run(shell).await,
                Self::Terminate(terminate) => terminate.run(shell).await,
                Self::Suspend(control) => control.run("suspend", "Suspending", shell).await,
                Self::Resume(control) => control.run("resume", "Resuming", shell).await,
                Self::Rewind(control) => control.run("rewind", "Rewinding", shell).await,
                Self::Restart(restart) => restart.run(shell).await,
                Self::Purge(purge) => purge.run(shell).await,
                Self::DeleteHub(delete) => delete.run(shell),
            }
        })
    }
}

async fn get_history(host: &Host, id: &str, output: Option<PathBuf>, shell: Shell) -> CommandResult {
    let url = host.address(&["admin", "durable", "instances", id, "history"])?;
    let reply = checked(host.get(&url, &[]).await?, Some(id))?;
    // Whatever it prints is to be replayed one day.
    json(&reply)?;
    match output {
        None => shell.print(String::from_utf8_lossy(&reply.body).trim_end()),
        Some(path) => {
            let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
            folder
                .and_then(|()| fs::write(&path, &reply.body))
                .map_err(|source| DurableError::Write {
                    path: path.clone(),
                    source,
                })?;
            shell.status("Saved", path.display());
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn get_runtime_status(host: &Host, id: &str, shell: Shell) -> CommandResult {
    let reply = host.get(&page(host, &["instances", id])?, &[]).await?;
    let reply = checked(reply, Some(id))?;
    let status: OrchestrationStatusQueryResult = serde_json::from_slice(&reply.body).map_err(DurableError::NoJson)?;
    if let Some(ending) = status.ending {
        shell.note(format_args!(
            "its code has ended ({}), and it stays {} until what it has started has ended, too: {}",
            ending.runtime_status,
            status.runtime_status,
            ending.in_words()
        ));
    }
    print(&reply, shell)
}
