//! `cargo func invoke`: fires a function of a running local host, and prints what it wrote to its outputs, or what an MCP client gets.

use std::{collections::BTreeMap, fs, io, io::Read as _, process::ExitCode, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::{command_result::CommandResult, host_client::Host};
use crate::shell::Shell;

/// Functions may run long; the host ends them by its own limit.
const TIMEOUT: Duration = Duration::from_secs(60 * 60);

/// Fire a function of a running local host by hand, wait for its end, and print what it wrote, or what an MCP client would get of it.
///
/// The payload stands for what the trigger's service would have sent: a queue's message, a blob's content, an event as JSON, and
/// for a batch a JSON array with an element for each message. A timer's function needs none. HTTP functions are called at their
/// route, orchestrations are started with `cargo func durable start-new`, entities are signalled through the HTTP API.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The function.
    name: String,
    /// The payload: text, @FILE with it in a file (which need not be text), or @- for standard input.
    #[arg(short, long, value_name = "TEXT")]
    data: Option<String>,
    /// Trigger metadata, in place of what the host makes up; may be given again. A value that is JSON is sent as JSON.
    #[arg(short, long, value_name = "NAME=VALUE", value_parser = metadata)]
    metadata: Vec<(String, Value)>,
    /// Do not wait for the end of the function.
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    host: Host,
}

/// Why a function was not run, or how it failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
enum InvokeError {
    #[error("`{path}` could not be read")]
    Read { path: String, source: io::Error },
    #[error("there is no function `{name}`; the app has {}", .known.join(", "))]
    NoFunction { name: String, known: Vec<String> },
    #[error("{0}")]
    Refused(String),
    #[error("the function `{name}` failed: {error}")]
    Failed { name: String, error: String },
    #[error("the host's answer is not JSON: is this a local host of `cargo func run`?")]
    NoJson(#[source] serde_json::Error),
    #[error("the tool `{0}` answered with an error, which its client gets as a result")]
    ToolError(String),
}

fn metadata(argument: &str) -> Result<(String, Value), String> {
    let (name, value) = argument
        .split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .ok_or("write NAME=VALUE")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
    Ok((name.to_owned(), value))
}

impl Args {
    pub(super) fn run(self, shell: Shell) -> CommandResult {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(self.fire(shell))
    }

    async fn fire(self, shell: Shell) -> CommandResult {
        let body = self.body()?;
        let mut url = self.host.address(&["admin", "functions", &self.name])?;
        if !self.no_wait {
            url.set_query(Some("wait=true"));
        }
        let reply = self
            .host
            .send_within(TIMEOUT, Method::POST, &url, &[], Some(body.to_string()))
            .await?;
        let said = || String::from_utf8_lossy(&reply.body).trim().to_owned();
        match reply.status {
            StatusCode::ACCEPTED => {
                shell.status("Fired", &self.name);
                return Ok(ExitCode::SUCCESS);
            }
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Err(self.no_function().await.into()),
            StatusCode::INTERNAL_SERVER_ERROR => {
                let answer: Value = serde_json::from_slice(&reply.body).map_err(InvokeError::NoJson)?;
                return Err(InvokeError::Failed {
                    name: self.name,
                    error: answer["error"].as_str().unwrap_or_default().to_owned(),
                }
                .into());
            }
            _ => return Err(InvokeError::Refused(said()).into()),
        }
        let answer: Value = serde_json::from_slice(&reply.body).map_err(InvokeError::NoJson)?;
        shell.status("Executed", &self.name);
        let outputs = answer["outputs"].as_array().map(Vec::as_slice).unwrap_or_default();
        if !outputs.is_empty() {
            shell.print(format_args!("{:#}", answer["outputs"]));
        }
        if let Some(result) = answer.get("result") {
            shell.print(format_args!("{result:#}"));
            if result["isError"] == true {
                return Err(InvokeError::ToolError(self.name).into());
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    fn body(&self) -> Result<Value, InvokeError> {
        let mut body = Map::new();
        if let Some(data) = &self.data {
            let (member, text) = match data.strip_prefix('@') {
                None => ("input", data.clone()),
                Some(path) => match String::from_utf8(read(path)?) {
                    Ok(text) => ("input", text),
                    Err(bytes) => ("base64", STANDARD.encode(bytes.as_bytes())),
                },
            };
            body.insert(member.to_owned(), Value::String(text));
        }
        if !self.metadata.is_empty() {
            let metadata: BTreeMap<_, _> = self.metadata.iter().cloned().collect();
            body.insert("metadata".to_owned(), json!(metadata));
        }
        Ok(Value::Object(body))
    }

    async fn no_function(&self) -> InvokeError {
        let mut known = Vec::new();
        if let Ok(url) = self.host.address(&["admin", "functions"])
            && let Ok(reply) = self.host.get(&url, &[]).await
            && let Ok(Value::Array(functions)) = serde_json::from_slice(&reply.body)
        {
            known.extend(
                functions
                    .iter()
                    .filter_map(|function| function["name"].as_str().map(str::to_owned)),
            );
        }
        if known.is_empty() {
            known.push("none".to_owned());
        }
        InvokeError::NoFunction {
            name: self.name.clone(),
            known,
        }
    }
}

fn read(path: &str) -> Result<Vec<u8>, InvokeError> {
    let read = if path == "-" {
        let mut bytes = Vec::new();
        io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        fs::read(path)
    };
    read.map_err(|source| InvokeError::Read {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_json_where_it_can_be_and_text_otherwise() {
        assert_eq!(metadata("DequeueCount=3"), Ok(("DequeueCount".to_owned(), json!(3))));
        assert_eq!(metadata("name=a=b.txt"), Ok(("name".to_owned(), json!("a=b.txt"))));
        assert_eq!(metadata("name"), Err("write NAME=VALUE".to_owned()));
        assert_eq!(metadata("=x"), Err("write NAME=VALUE".to_owned()));
    }
}
