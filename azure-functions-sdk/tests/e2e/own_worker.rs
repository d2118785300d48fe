//! A local host in this process, whose worker is this binary again: for functions that only a test has.

use std::{collections::BTreeMap, net::SocketAddr, path::Path};

use azure_functions_sdk::{
    host::{HostOutput, LocalHostOptions, LogRecord, WorkerCommand},
    project::{HostJson, LocalSettings, Settings},
};
use serde_json::json;

/// Not a test, but the worker of the hosts below: they start this binary with the name of this function.
#[test]
fn worker_of_this_binary() {
    if std::env::args().any(|argument| argument == "--functions-uri") {
        let _ = azure_functions::worker_main();
    }
}

/// A host on a free port, with its data in `folder`.
pub(crate) fn options(folder: &Path, host_json: &str) -> LocalHostOptions {
    options_with(folder, host_json, &[])
}

/// The same, with settings for the worker.
pub(crate) fn options_with(folder: &Path, host_json: &str, values: &[(&str, &str)]) -> LocalHostOptions {
    let values: BTreeMap<_, _> = values.iter().copied().collect();
    let local = json!({"IsEncrypted": false, "Values": values}).to_string();
    let local = LocalSettings::parse("local.settings.json", &local).unwrap();
    let settings = Settings::new([], &local);
    let host_json = HostJson::parse("host.json", host_json, &settings).unwrap();
    let worker = WorkerCommand::new(std::env::current_exe().unwrap(), folder)
        .argument("--exact")
        .argument("own_worker::worker_of_this_binary")
        .argument("--");
    LocalHostOptions::new(worker, settings, host_json, folder.join("data"))
        .address(SocketAddr::from(([127, 0, 0, 1], 0)))
}

pub(crate) struct Quiet;

impl HostOutput for Quiet {
    fn print(&self, _: &str) {}
    fn log(&self, _: &LogRecord<'_>) {}
}
