//! `cargo func durable purge-history`.

use azure_functions_durable::{OrchestrationRuntimeStatus, PurgeHistoryResult};
use chrono::{DateTime, SecondsFormat, Utc};
use http::{Method, StatusCode};
use serde_json::json;

use super::reply::{checked, page, print, status};
use crate::{
    cli::{command_result::CommandResult, host_client::Host},
    shell::Shell,
};

#[derive(Debug, clap::Args)]
#[group(id = "which", required = true, multiple = true, args = ["id", "created_from"])]
pub(crate) struct Args {
    /// The instance; without one, --created-from says which.
    #[arg(conflicts_with_all = ["created_from", "created_to", "status"])]
    id: Option<String>,
    /// Instances that were created then or later, such as 2026-01-31T00:00:00Z.
    #[arg(long, value_name = "TIME")]
    created_from: Option<DateTime<Utc>>,
    /// Instances that were created then or before [default: now].
    #[arg(long, value_name = "TIME", requires = "created_from")]
    created_to: Option<DateTime<Utc>>,
    /// Instances that ended like this, separated by commas: Completed, Failed, Terminated [default: all that have ended].
    #[arg(long, value_name = "STATUS", value_delimiter = ',', requires = "created_from", value_parser = ended)]
    status: Vec<OrchestrationRuntimeStatus>,
    #[command(flatten)]
    host: Host,
}

/// Reads a status that an instance can have after its end: no other instance is purged.
fn ended(text: &str) -> Result<OrchestrationRuntimeStatus, String> {
    let status = status(text)?;
    if status.is_terminal() {
        Ok(status)
    } else {
        Err("only instances that have ended are purged: Completed, Failed, Terminated".to_owned())
    }
}

impl Args {
    pub(super) async fn run(self, shell: Shell) -> CommandResult {
        let mut segments = vec!["instances"];
        segments.extend(self.id.as_deref());
        let mut url = page(&self.host, &segments)?;
        let times = [
            ("createdTimeFrom", self.created_from),
            ("createdTimeTo", self.created_to),
        ];
        for (name, time) in times {
            if let Some(time) = time {
                let time = time.to_rfc3339_opts(SecondsFormat::Micros, true);
                url.query_pairs_mut().append_pair(name, &time);
            }
        }
        for status in &self.status {
            url.query_pairs_mut().append_pair("runtimeStatus", status.as_str());
        }
        let reply = self.host.send(Method::DELETE, &url, &[], None).await?;
        if self.id.is_none() && reply.status == StatusCode::NOT_FOUND {
            // The API's way to say that there was nothing to purge.
            shell.print(format_args!("{:#}", json!(PurgeHistoryResult::default())));
            return Ok(std::process::ExitCode::SUCCESS);
        }
        print(&checked(reply, self.id.as_deref())?, shell)
    }
}
