//! `replay [NAME] PAYLOAD.json`: one episode from a recorded trigger payload, without any host.
//!
//! The answer goes to stdout, also where it reports a failure; what is wrong goes to stderr.

use super::{Failure, print};
use crate::{
    durable::{Episode, run_episode},
    registry::{Function, Handler},
    worker::App,
};
use serde::Deserialize;

/// The history contradicts the code.
const CONTRADICTION: u8 = 3;

/// What separates the text of a failure from the answer in it.
const LABEL: &str = "\n\n$OutOfProcData$:";

/// As much of a payload as tells whose it is.
#[derive(Deserialize)]
struct Payload {
    history: Vec<Event>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    #[serde(default)]
    event_type: serde_json::Value,
    #[serde(default)]
    name: Option<String>,
}

pub(super) fn run(app: &App, arguments: &[&str]) -> Result<(), Failure> {
    let (name, path) = match arguments {
        [path] => (None, *path),
        [name, path] => (Some(*name), *path),
        _ => return Err(Failure::usage("expected `replay [NAME] PAYLOAD.json`")),
    };
    let text = std::fs::read_to_string(path).map_err(|e| Failure::input(format!("cannot read {path}: {e}")))?;
    let payload: Payload = serde_json::from_str(&text)
        .map_err(|e| Failure::input(format!("{path} is not the trigger payload of an orchestration: {e}")))?;
    let name = match name {
        Some(name) => name.to_owned(),
        None => started_name(payload).ok_or_else(|| {
            let message = format!("{path} does not say which orchestration it is for: name it, `replay NAME {path}`");
            Failure::input(message)
        })?,
    };
    let (function, orchestrator) = orchestration(app, &name)?;
    // Code that asks for a runtime shall fail as it does under a host, where there is one.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::work(format!("cannot start a runtime: {e}")))?;
    let _inside = runtime.enter();
    let place = crate::worker::place(function);
    match run_episode(text, function.name, &place, orchestrator, app.known_functions()) {
        Episode::Answer(json) => print(&format!("{json}\n")),
        Episode::Failed {
            message,
            nondeterminism,
        } => {
            let (said, answer) = message.split_once(LABEL).unwrap_or((&message, ""));
            if !answer.is_empty() {
                print(&format!("{answer}\n"))?;
            }
            Err(match nondeterminism {
                Some(report) => Failure::with_code(report, CONTRADICTION),
                None => Failure::work(said),
            })
        }
    }
}

/// The name in ExecutionStarted. After continue-as-new or a rewind there may be several; they agree.
fn started_name(payload: Payload) -> Option<String> {
    let started = |e: &Event| e.event_type == 0 || e.event_type == "ExecutionStarted";
    payload.history.into_iter().find(started)?.name
}

fn orchestration(app: &App, name: &str) -> Result<(&'static Function, crate::durable::Orchestrator), Failure> {
    let orchestrators = || {
        app.functions()
            .iter()
            .filter(|f| matches!(f.handler, Handler::Orchestration(_)))
    };
    // Recorded histories name an orchestration as the task hub knows it, which may differ from the function's name.
    let by_hub_name = || {
        orchestrators()
            .find(|f| f.durable().is_some_and(|(_, n)| n.eq_ignore_ascii_case(name)))
            .copied()
    };
    match app
        .find(name)
        .filter(|f| matches!(f.handler, Handler::Orchestration(_)))
        .or_else(by_hub_name)
    {
        Some(function) => match function.handler {
            Handler::Orchestration(orchestrator) => Ok((function, orchestrator)),
            _ => Err(Failure::input(format!("`{name}` is not an orchestration"))),
        },
        None if app.find(name).is_some() => Err(Failure::input(format!("`{name}` is not an orchestration"))),
        None => {
            let names: Vec<_> = orchestrators().map(|f| f.name).collect();
            let message = match names.as_slice() {
                [] => format!("this app has no orchestration named `{name}`, nor any other"),
                names => format!(
                    "this app has no orchestration named `{name}`, but has: {}",
                    names.join(", ")
                ),
            };
            Err(Failure::input(message))
        }
    }
}
