//! `cargo func host`, a hub without an app, and one worker of its stream: this program, and that of PyPI beside it.

use std::{env, path::Path, process::Command};

use super::{
    Failure, Figures,
    load::{Sequence, heading, measure_at},
    process::{App, Host},
};

/// Names a Python that has the package `durabletask`.
const PYTHON: &str = "DURABLETASK_PYTHON";

pub(crate) async fn hub(in_flight: usize, figures: Figures) -> Result<(), Failure> {
    heading("the same through `cargo func host`, by one worker in Rust");
    let app = App::new()?;
    let host = Host::start_hub(&app, |address| {
        let mut worker = Command::new(env::current_exe()?);
        worker.args(["--durable-task", &format!("http://{address}")]);
        Ok(worker)
    })?;
    measure_at(host, Sequence, in_flight, figures).await?;

    let Some(python) = env::var_os(PYTHON) else {
        println!(
            "by one worker in Python: left out, since {PYTHON} names no Python that has the package `durabletask`"
        );
        return Ok(());
    };
    heading("the same by one worker in Python");
    let app = App::new()?;
    let host = Host::start_hub(&app, |address| {
        let mut worker = Command::new(python);
        worker.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../benches/host/worker.py"));
        worker.arg(address);
        Ok(worker)
    })?;
    measure_at(host, Sequence, in_flight, figures).await
}
