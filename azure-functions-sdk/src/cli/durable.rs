//! `cargo func durable`: looks at the orchestration instances of a running local host, and manages them. Each verb is a
//! request of the durable HTTP API, and prints what that answers; `delete-task-hub` alone needs the host to be down.

mod delete_hub;
mod instances;
mod manage;
mod purge;

use std::{fs, io, path::PathBuf, process::ExitCode};

use azure_functions_durable::{OrchestrationRuntimeStatus, OrchestrationStatusQueryResult};
use http::StatusCode;
use serde_json::Value;
use url::Url;

use super::{
    CommandResult,
    host_client::{Host, HostError, Reply},
};
use crate::shell::Shell;

/// Path of the durable HTTP API.
const DURABLE: [&str; 3] = ["runtime", "webhooks", "durabletask"];

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

/// Why there is nothing to print.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
enum DurableError {
    #[error("the host refused ({status}): {said}")]
    Refused { status: StatusCode, said: String },
    #[error("there is no instance `{0}`: `cargo func durable get-instances` lists them")]
    NoInstance(String),
    #[error("instance `{0}` has already ended")]
    Ended(String),
    #[error("the host's answer is not JSON: is this a local host of `cargo func run`?")]
    NoJson(#[source] serde_json::Error),
    #[error("`{}` could not be written", .path.display())]
    Write { path: PathBuf, source: io::Error },
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

/// Reads a status, in any case, as the durable HTTP API does.
fn status(text: &str) -> Result<OrchestrationRuntimeStatus, String> {
    let known = OrchestrationRuntimeStatus::ALL.into_iter();
    match known
        .into_iter()
        .find(|status| status.as_str().eq_ignore_ascii_case(text))
    {
        Some(status) => Ok(status),
        // Which there are.
        None => text.parse().map_err(|error| format!("{error}")),
    }
}

/// A page of the durable HTTP API.
fn page(host: &Host, segments: &[&str]) -> Result<Url, HostError> {
    host.address(&[&DURABLE[..], segments].concat())
}

/// Prints a JSON answer.
fn print(reply: &Reply, shell: Shell) -> CommandResult {
    shell.print(format_args!("{:#}", json(reply)?));
    Ok(ExitCode::SUCCESS)
}

/// 202 is the status of an instance that has not ended.
fn checked(reply: Reply, id: Option<&str>) -> Result<Reply, DurableError> {
    match (reply.status, id) {
        (status, _) if status.is_success() => Ok(reply),
        (StatusCode::NOT_FOUND, Some(id)) => Err(DurableError::NoInstance(id.to_owned())),
        (StatusCode::GONE, Some(id)) => Err(DurableError::Ended(id.to_owned())),
        (status, _) => Err(DurableError::Refused {
            status,
            said: said(&reply),
        }),
    }
}

/// What the host says of a failure: an error object, a JSON string, or any text.
fn said(reply: &Reply) -> String {
    match serde_json::from_slice(&reply.body) {
        Ok(Value::String(text)) => text,
        Ok(Value::Object(mut error)) => ["ExceptionMessage", "Message"]
            .iter()
            .find_map(|name| match error.remove(*name)? {
                Value::String(text) => Some(text),
                _ => None,
            })
            .unwrap_or_else(|| Value::Object(error).to_string()),
        _ => String::from_utf8_lossy(&reply.body).trim().to_owned(),
    }
}

fn json(reply: &Reply) -> Result<Value, DurableError> {
    serde_json::from_slice(&reply.body).map_err(DurableError::NoJson)
}
