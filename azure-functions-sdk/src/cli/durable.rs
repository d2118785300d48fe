//! `cargo func durable`: looks at the orchestration instances of a running local host.

use std::{fs, io, path::PathBuf, process::ExitCode};

use http::StatusCode;
use serde_json::Value;

use super::{
    CommandResult,
    host_client::{Host, Reply},
};
use crate::shell::Shell;

/// Path of the durable HTTP API.
const DURABLE: [&str; 4] = ["runtime", "webhooks", "durabletask", "instances"];
const CONTINUATION: &str = "x-ms-continuation-token";

/// Look at the orchestration instances of a running local host.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
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
    /// Print the status of all instances, oldest first.
    #[command(name = "get-instances")]
    Instances {
        #[command(flatten)]
        host: Host,
    },
    /// Print the status of an instance, with its input and output.
    #[command(name = "get-runtime-status")]
    RuntimeStatus {
        /// The instance.
        id: String,
        #[command(flatten)]
        host: Host,
    },
}

/// Why there is nothing to print.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
enum DurableError {
    #[error("the host refused ({status}): {said}")]
    Refused { status: StatusCode, said: String },
    #[error("there is no instance `{0}`: `cargo func durable get-instances` lists them")]
    NoInstance(String),
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
                Self::Instances { host } => get_instances(&host, shell).await,
                Self::RuntimeStatus { id, host } => {
                    let reply = host.get(&host.address(&[&DURABLE[..], &[&id]].concat())?, &[]).await?;
                    shell.print(format_args!("{:#}", json(&checked(reply, Some(&id))?)?));
                    Ok(ExitCode::SUCCESS)
                }
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

async fn get_instances(host: &Host, shell: Shell) -> CommandResult {
    let url = host.address(&DURABLE)?;
    let mut all = Vec::new();
    let mut token = String::new();
    loop {
        let headers = [(CONTINUATION, token.as_str())];
        let reply = checked(
            host.get(&url, if token.is_empty() { &[] } else { &headers }).await?,
            None,
        )?;
        if let Value::Array(page) = json(&reply)? {
            all.extend(page);
        }
        token = match reply.headers.get(CONTINUATION).and_then(|next| next.to_str().ok()) {
            Some(next) if !next.is_empty() => next.to_owned(),
            _ => break,
        };
    }
    shell.print(format_args!("{:#}", Value::Array(all)));
    Ok(ExitCode::SUCCESS)
}

/// 202 is the status of an instance that has not ended.
fn checked(reply: Reply, id: Option<&str>) -> Result<Reply, DurableError> {
    match (reply.status, id) {
        (status, _) if status.is_success() => Ok(reply),
        (StatusCode::NOT_FOUND, Some(id)) => Err(DurableError::NoInstance(id.to_owned())),
        (status, _) => Err(DurableError::Refused {
            status,
            said: String::from_utf8_lossy(&reply.body).trim().to_owned(),
        }),
    }
}

fn json(reply: &Reply) -> Result<Value, DurableError> {
    serde_json::from_slice(&reply.body).map_err(DurableError::NoJson)
}
