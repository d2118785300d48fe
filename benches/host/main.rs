//! The whole product under load: `cargo func run`, driven over HTTP on loopback; the app is this program again.
//!
//! `cargo bench --bench host` measures everything; `-- NAME…` only the parts named (`start`, `http`, `orchestrations`, `hub`, `fan-out`,
//! `eternal`, `growth`, `instances`), and a number there only with so many in flight. Host, worker and the load that this process makes
//! share the machine's cores. The state is on disk, and the log is written (to a file), as it is for a user. CPU time is user and system
//! time. Linux only: `/proc` tells about the processes.

mod app;
mod client;
mod counted;
mod growth;
mod hub;
mod instances;
mod load;
#[path = "../mode.rs"]
mod mode;
mod process;

use std::{
    env,
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use client::Client;
use load::{Load, Sequence, Trivial, heading, measure};
use process::{App, Host};

type Failure = Box<dyn std::error::Error>;

/// What a run is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Figures {
    /// Figures that mean something.
    Full,
    /// To see that everything runs.
    Quick,
}

impl Figures {
    fn pick<T>(self, full: T, quick: T) -> T {
        match self {
            Self::Full => full,
            Self::Quick => quick,
        }
    }

    /// How long a load is measured, after some time to warm up.
    fn window(self) -> Duration {
        self.pick(Duration::from_secs(4), Duration::from_millis(50))
    }

    fn warm_up(self) -> Duration {
        self.pick(Duration::from_secs(1), Duration::from_millis(10))
    }
}

fn main() -> Result<ExitCode, Failure> {
    let arguments: Vec<String> = env::args().collect();
    if arguments.iter().any(|argument| argument.starts_with("--functions-uri")) {
        return match env::var_os(counted::SETTING) {
            Some(file) => counted::run(&arguments, Path::new(&file)),
            None => Ok(azure_functions::worker_main()),
        };
    }
    // The worker of a hub.
    if arguments.iter().any(|argument| argument == "--durable-task") {
        return Ok(azure_functions::worker_main());
    }
    let figures = match mode::is_quick() {
        true => Figures::Quick,
        false => Figures::Full,
    };
    let wanted = mode::picked();
    let (numbers, parts): (Vec<_>, Vec<_>) = wanted.iter().partition(|name| name.parse::<usize>().is_ok());
    let wants = |part: &str| parts.is_empty() || parts.iter().any(|name| *name == part);
    let wants_number = |number: usize| numbers.is_empty() || numbers.iter().any(|text| **text == number.to_string());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        if wants("start") {
            start(figures).await?;
        }
        if wants("http") {
            heading("HTTP invocations of a function that answers at once");
            for in_flight in [1, 64].into_iter().filter(|number| wants_number(*number)) {
                measure(Trivial, in_flight, figures).await?;
            }
        }
        if wants("orchestrations") {
            heading("orchestrations, three activities in sequence, from start to completion");
            for in_flight in [1, 16, 256].into_iter().filter(|number| wants_number(*number)) {
                measure(Sequence, in_flight, figures).await?;
            }
        }
        if wants("hub") {
            for in_flight in [1, 256].into_iter().filter(|number| wants_number(*number)) {
                hub::hub(in_flight, figures).await?;
            }
        }
        if wants("fan-out") {
            growth::fan_out(figures).await?;
        }
        if wants("eternal") {
            growth::eternal(figures).await?;
        }
        if wants("growth") {
            growth::growth(figures).await?;
        }
        if wants("instances") {
            instances::instances(figures).await?;
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// From the start of the process to the first answer of a function: of what was built before, and where cargo is asked first whether
/// anything must be built.
async fn start(figures: Figures) -> Result<(), Failure> {
    let (mut plain, mut asking, mut cargo) = (Vec::new(), Vec::new(), Vec::new());
    let (mut host_memory, mut worker_memory) = (Vec::new(), Vec::new());
    if figures == Figures::Full {
        process::build_example()?;
    }
    for _ in 0..figures.pick(9, 1) {
        let app = App::new()?;
        let begun = Instant::now();
        let host = Host::start(&app)?;
        Trivial.send(&mut Client::connect(host.port).await?).await?;
        plain.push(begun.elapsed());
        host_memory.push(host.usage()?.memory);
        worker_memory.push(host.worker_usage()?.memory);
        host.stop()?;
        if figures == Figures::Quick {
            continue;
        }
        let begun = Instant::now();
        process::build_example()?;
        cargo.push(begun.elapsed());
        let begun = Instant::now();
        let host = Host::start_example(&app)?;
        Trivial.send(&mut Client::connect(host.port).await?).await?;
        asking.push(begun.elapsed());
        host.stop()?;
    }
    println!(
        "\nspawn of `cargo-func run --no-build` to first answer: {:.0} ms; resident then: host {:.1} MB, worker {:.1} MB",
        milliseconds(median(&mut plain)),
        megabytes(median(&mut host_memory)),
        megabytes(median(&mut worker_memory)),
    );
    if figures == Figures::Full {
        println!(
            "without `--no-build`: {:.0} ms, of which cargo's own check takes {:.0} ms (medians of {})",
            milliseconds(median(&mut asking)),
            milliseconds(median(&mut cargo)),
            asking.len(),
        );
    }
    Ok(())
}

fn expect(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(otherwise().into()) }
}

fn median<T: Ord + Copy>(values: &mut [T]) -> T {
    values.sort();
    values[values.len() / 2]
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
}
