//! The verbs that start an instance or change what becomes of it.

use std::{fs, io, process::ExitCode};

use azure_functions_durable::TerminateResult;
use http::Method;
use serde::de::IgnoredAny;

use super::reply::{checked, page, print};
use crate::{
    cli::{command_result::CommandResult, host_client::Host},
    shell::Shell,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Start {
    /// The orchestration.
    orchestration: String,
    /// The input, as --input takes it.
    #[arg(value_name = "JSON", conflicts_with = "input", value_parser = data)]
    payload: Option<String>,
    /// Id of the new instance; the host makes one up if there is none.
    #[arg(long)]
    id: Option<String>,
    /// The input: JSON, or @FILE with it in a file.
    #[arg(short, long, value_name = "JSON", value_parser = data)]
    input: Option<String>,
    #[command(flatten)]
    host: Host,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Raise {
    /// The instance.
    id: String,
    /// Name of the event.
    event: String,
    /// What comes with it, as --data takes it.
    #[arg(value_name = "JSON", conflicts_with = "data", value_parser = data)]
    payload: Option<String>,
    /// What comes with it: JSON, or @FILE with it in a file; null if there is nothing.
    #[arg(short, long, value_name = "JSON", value_parser = data)]
    data: Option<String>,
    #[command(flatten)]
    host: Host,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Control {
    /// The instance.
    id: String,
    /// The reason, which the history keeps.
    #[arg(short, long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    host: Host,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Terminate {
    #[command(flatten)]
    control: Control,
    /// End the sub-orchestrations below it, too, also those of an instance that has ended.
    #[arg(long)]
    recursive: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Restart {
    /// The instance.
    id: String,
    /// Under the same id, in place of the instance.
    #[arg(long)]
    same_id: bool,
    #[command(flatten)]
    host: Host,
}

/// An argument that should be JSON.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
enum DataError {
    #[error("`{path}` could not be read: {source}")]
    Read { path: String, source: io::Error },
    #[error("it is not JSON ({0}); a text stands in quotes of its own: '\"Tokyo\"'")]
    NoJson(serde_json::Error),
}

fn data(argument: &str) -> Result<String, DataError> {
    let text = match argument.strip_prefix('@') {
        Some(path) => fs::read_to_string(path).map_err(|source| DataError::Read {
            path: path.to_owned(),
            source,
        })?,
        None => argument.to_owned(),
    };
    serde_json::from_str::<IgnoredAny>(&text).map_err(DataError::NoJson)?;
    Ok(text)
}

impl Start {
    pub(super) async fn run(self, shell: Shell) -> CommandResult {
        let mut segments = vec!["orchestrators", &self.orchestration];
        segments.extend(self.id.as_deref());
        let url = page(&self.host, &segments)?;
        let reply = self
            .host
            .send(Method::POST, &url, &[], self.input.or(self.payload))
            .await?;
        print(&checked(reply, None)?, shell)
    }
}

impl Raise {
    pub(super) async fn run(self, shell: Shell) -> CommandResult {
        let url = page(&self.host, &["instances", &self.id, "raiseEvent", &self.event])?;
        let data = self.data.or(self.payload).unwrap_or_else(|| "null".to_owned());
        let reply = self.host.send(Method::POST, &url, &[], Some(data)).await?;
        checked(reply, Some(&self.id))?;
        shell.status(
            "Raised",
            format_args!("event `{}` for instance `{}`", self.event, self.id),
        );
        Ok(ExitCode::SUCCESS)
    }
}

impl Control {
    /// `operation` as in the URL; `doing` for the user.
    pub(super) async fn run(self, operation: &str, doing: &str, shell: Shell) -> CommandResult {
        let mut url = page(&self.host, &["instances", &self.id, operation])?;
        if let Some(reason) = &self.reason {
            url.query_pairs_mut().append_pair("reason", reason);
        }
        let reply = self.host.send(Method::POST, &url, &[], None).await?;
        checked(reply, Some(&self.id))?;
        shell.status(doing, format_args!("instance `{}`", self.id));
        Ok(ExitCode::SUCCESS)
    }
}

impl Terminate {
    pub(super) async fn run(self, shell: Shell) -> CommandResult {
        let Control { id, reason, host } = self.control;
        let mut url = page(&host, &["instances", &id, "terminate"])?;
        if let Some(reason) = &reason {
            url.query_pairs_mut().append_pair("reason", reason);
        }
        if self.recursive {
            url.query_pairs_mut().append_pair("recursive", "true");
        }
        let reply = checked(host.send(Method::POST, &url, &[], None).await?, Some(&id))?;
        // Without a body nothing runs below it.
        let below: TerminateResult = serde_json::from_slice(&reply.body).unwrap_or_default();
        match (below.running_sub_orchestrations, self.recursive) {
            (0, _) => shell.status("Terminating", format_args!("instance `{id}`")),
            (below, true) => shell.status(
                "Terminating",
                format_args!("instance `{id}` and {below} sub-orchestrations below it"),
            ),
            (below, false) => {
                shell.status("Terminating", format_args!("instance `{id}`"));
                shell.warn(format_args!(
                    "{below} sub-orchestrations below it go on; to end them, too: \
                     cargo func durable terminate {id} --recursive"
                ));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Restart {
    pub(super) async fn run(self, shell: Shell) -> CommandResult {
        let mut url = page(&self.host, &["instances", &self.id, "restart"])?;
        let new_id = if self.same_id { "false" } else { "true" };
        url.query_pairs_mut().append_pair("restartWithNewInstanceId", new_id);
        let reply = self.host.send(Method::POST, &url, &[], None).await?;
        print(&checked(reply, Some(&self.id))?, shell)
    }
}
