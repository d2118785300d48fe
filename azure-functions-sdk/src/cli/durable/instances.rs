//! `cargo func durable get-instances`.

use std::{
    io::{self, IsTerminal},
    process::ExitCode,
};

use azure_functions_durable::{OrchestrationRuntimeStatus, OrchestrationStatusQueryResult};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::Value;

use super::reply::{DurableError, checked, json, page, status};
use crate::{
    cli::{command_result::CommandResult, host_client::Host},
    shell::Shell,
};

const CONTINUATION: &str = "x-ms-continuation-token";
/// Columns stand this far apart.
const GAP: usize = 2;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Instances with one of these statuses, separated by commas: Pending, Running, Completed, Failed, ...
    #[arg(long, value_name = "STATUS", value_delimiter = ',', value_parser = status)]
    status: Vec<OrchestrationRuntimeStatus>,
    /// Instances that were created then or later, such as 2026-01-31T00:00:00Z.
    #[arg(long, value_name = "TIME")]
    created_from: Option<DateTime<Utc>>,
    /// Instances that were created then or before.
    #[arg(long, value_name = "TIME")]
    created_to: Option<DateTime<Utc>>,
    /// Instances whose id begins with this.
    #[arg(long, value_name = "TEXT")]
    prefix: Option<String>,
    /// So many instances at most, the oldest.
    #[arg(long, value_name = "N")]
    top: Option<usize>,
    /// Print JSON, on a terminal too.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    host: Host,
}

impl Args {
    pub(super) async fn run(self, shell: Shell) -> CommandResult {
        let found = Value::Array(self.find().await?);
        if self.json || !io::stdout().is_terminal() {
            shell.print(format_args!("{found:#}"));
            return Ok(ExitCode::SUCCESS);
        }
        let found: Vec<OrchestrationStatusQueryResult> = serde_json::from_value(found).map_err(DurableError::NoJson)?;
        if found.is_empty() {
            shell.note("there is no such instance");
        } else {
            shell.print(table(&found));
            if let Some(waits) = found.iter().find(|instance| instance.ending.is_some()) {
                let id = plain(&waits.instance_id);
                shell.note(format_args!(
                    "what an instance waits for: cargo func durable get-runtime-status {id}"
                ));
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn find(&self) -> Result<Vec<Value>, Box<dyn std::error::Error + Send + Sync>> {
        let mut url = page(&self.host, &["instances"])?;
        let time = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Micros, true);
        let statuses: Vec<&str> = self.status.iter().map(|status| status.as_str()).collect();
        let filters = [
            ("runtimeStatus", (!statuses.is_empty()).then(|| statuses.join(","))),
            ("createdTimeFrom", self.created_from.map(time)),
            ("createdTimeTo", self.created_to.map(time)),
            ("instanceIdPrefix", self.prefix.clone()),
            ("top", self.top.map(|top| top.to_string())),
        ];
        for (name, value) in filters {
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(name, &value);
            }
        }
        let most = self.top.unwrap_or(usize::MAX);
        let mut all = Vec::new();
        let mut token = String::new();
        while all.len() < most {
            let headers = [(CONTINUATION, token.as_str())];
            let headers: &[_] = if token.is_empty() { &[] } else { &headers };
            let reply = checked(self.host.get(&url, headers).await?, None)?;
            if let Value::Array(page) = json(&reply)? {
                all.extend(page);
            }
            token = match reply.headers.get(CONTINUATION).and_then(|next| next.to_str().ok()) {
                Some(next) if !next.is_empty() => next.to_owned(),
                _ => break,
            };
        }
        all.truncate(most);
        Ok(all)
    }
}

/// One line an instance, under a line of headings.
fn table(instances: &[OrchestrationStatusQueryResult]) -> String {
    let heads = ["INSTANCE", "ORCHESTRATION", "STATUS", "CREATED", "UPDATED"].map(str::to_owned);
    // As the filters take it.
    let time = |time: Option<DateTime<Utc>>| {
        time.map_or_else(String::new, |time| time.to_rfc3339_opts(SecondsFormat::Secs, true))
    };
    let rows = instances.iter().map(|instance| {
        [
            plain(&instance.instance_id),
            plain(&instance.name),
            match &instance.ending {
                // It has decided how it ends, and waits for what it has started.
                Some(ending) => format!("{} ({}, waits)", instance.runtime_status, ending.runtime_status),
                None => instance.runtime_status.to_string(),
            },
            time(instance.created_time),
            time(instance.last_updated_time),
        ]
    });
    let rows: Vec<[String; 5]> = std::iter::once(heads).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 5] = std::array::from_fn(width);
    let lines = rows.iter().map(|row| {
        let cells = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:<0$}", width + GAP));
        cells.collect::<String>().trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// What a terminal would take for a command is shown as what it is.
fn plain(text: &str) -> String {
    text.chars()
        .flat_map(|character| match character.is_control() {
            true => character.escape_default().collect::<Vec<_>>(),
            false => vec![character],
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_table_has_a_line_an_instance_and_columns_that_fit() {
        let statuses = json!([
            {"name": "hello_world", "instanceId": "a", "runtimeStatus": "Completed",
             "createdTime": "2031-05-06T07:08:09Z", "lastUpdatedTime": "2031-05-06T07:08:10Z"},
            {"name": "f", "instanceId": "gr\u{fc}\u{df}e\u{1b}[2J", "runtimeStatus": "Running",
             "createdTime": "2031-05-06T07:08:09Z", "lastUpdatedTime": "2031-05-06T07:08:10Z",
             "ending": {"runtimeStatus": "Failed", "awaits": ["activity 'x'"], "count": 1}},
        ]);
        let statuses: Vec<OrchestrationStatusQueryResult> = serde_json::from_value(statuses).unwrap();
        assert_eq!(
            table(&statuses).lines().collect::<Vec<_>>(),
            [
                "INSTANCE        ORCHESTRATION  STATUS                   CREATED               UPDATED",
                "a               hello_world    Completed                2031-05-06T07:08:09Z  2031-05-06T07:08:10Z",
                "gr\u{fc}\u{df}e\\u{1b}[2J  f              Running (Failed, waits)  2031-05-06T07:08:09Z  2031-05-06T07:08:10Z",
            ]
        );
    }

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn read(line: &[&str]) -> Result<Args, clap::Error> {
        use clap::Parser as _;
        Line::try_parse_from(["get-instances"].iter().chain(line)).map(|line| line.args)
    }

    #[test]
    fn a_status_is_read_in_any_case() {
        let args = read(&["--status", "failed,COMPLETED"]).unwrap();
        let wanted = [
            OrchestrationRuntimeStatus::Failed,
            OrchestrationRuntimeStatus::Completed,
        ];
        assert_eq!(args.status, wanted);
        let error = read(&["--status", "broken"]).unwrap_err().to_string();
        assert!(error.contains("broken"), "{error}");
    }

    #[test]
    fn a_time_of_the_table_can_be_put_into_a_filter() {
        let status = json!({"name": "f", "instanceId": "a", "runtimeStatus": "Completed",
                            "createdTime": "2031-05-06T07:08:09.123Z", "lastUpdatedTime": "2031-05-06T07:08:10Z"});
        let status: OrchestrationStatusQueryResult = serde_json::from_value(status).unwrap();
        let table = table(&[status]);
        let created = table.split_whitespace().find(|word| word.starts_with("2031")).unwrap();
        let args = read(&["--created-from", created]).unwrap();
        assert_eq!(args.created_from.unwrap().to_rfc3339(), "2031-05-06T07:08:09+00:00");
    }
}
