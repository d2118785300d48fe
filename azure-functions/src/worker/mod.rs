//! The worker: connects to the host that started the process, describes the app's functions, and runs them.

mod app;
mod arguments;
mod call;
pub(crate) mod context;
mod environment;
mod episode;
mod episodes;
pub(crate) mod execution;
mod levels;
pub(crate) mod logger;
mod outgoing;
mod running;
mod session;
mod threads;

pub use context::{Context, RetryContext};

pub(crate) use app::{App, LANGUAGE, place};

use crate::{commands, panics};
use arguments::HostArguments;
use std::process::ExitCode;

/// Exit code of an app that only another build can mend (`EX_CONFIG` of sysexits.h); the host knows the number.
const NEEDS_REBUILD: u8 = 78;

/// Runs the app: the only line of its `main`.
///
/// ```no_run
/// use std::process::ExitCode;
///
/// fn main() -> ExitCode {
///     azure_functions::worker_main()
/// }
/// ```
///
/// What happens depends on the arguments of the process. With those that a host passes, the app serves invocations until the host
/// ends the connection (exit code 0) or cannot be reached (1). An app that cannot run as it was built, because two functions have one name
/// or none is linked in, says so and ends before it connects, with exit code 78: a host need not start it again. `init`, `functions` and `replay` are commands for people and tools; `--help`
/// lists them. To run an app while developing it, use `cargo func run`.
///
/// One setting in the environment is the worker's own: `AZURE_FUNCTIONS_EPISODE_TIMEOUT`, the time after which an episode of an
/// orchestration that blocks its thread is given up (seconds, or a number with `ms`, `s`, `m` or `h`; 60 seconds if absent).
///
/// Another, `AZURE_FUNCTIONS_WORKER_SECRET`, is set by the local host of `cargo func run` alone: it proves to that host that this is the
/// process it started. The worker takes it out of the environment before any code of the app runs, where the process has one thread.
///
/// A logger for the `log` facade is installed unless the app has one, and a panic hook that calls the one before it.
pub fn worker_main() -> ExitCode {
    let arguments = std::env::args_os().skip(1).map(|a| a.to_string_lossy().into_owned());
    ExitCode::from(run(&arguments.collect::<Vec<_>>()))
}

/// What `worker_main` does, with these arguments; gives the exit code.
#[doc(hidden)]
pub fn run(arguments: &[String]) -> u8 {
    match HostArguments::parse(arguments) {
        Some(Ok(host)) => outside_any_runtime(|| serve(host)),
        Some(Err(error)) => {
            eprintln!("error: {error}");
            commands::USAGE_ERROR
        }
        None => commands::run(arguments),
    }
}

fn serve(host: HostArguments) -> u8 {
    let secret = environment::take_secret();
    let app = match App::linked() {
        Ok(app) => app,
        Err(error) => {
            eprintln!("error: {error}");
            return NEEDS_REBUILD;
        }
    };
    logger::install();
    panics::install_hook();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start the worker: {error}");
            return 1;
        }
    };
    logger::this_thread_carries_the_stream();
    match runtime.block_on(session::serve(app, host, secret)) {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("error: {error}");
            1
        }
    }
}

/// A `main` under `#[tokio::main]` works as well: the worker brings its own runtimes, which must not be nested.
fn outside_any_runtime(work: impl FnOnce() -> u8 + Send) -> u8 {
    if tokio::runtime::Handle::try_current().is_err() {
        return work();
    }
    std::thread::scope(|scope| scope.spawn(work).join().unwrap_or(1))
}

#[cfg(test)]
mod tests {
    /// This test binary registers no function.
    #[test]
    fn an_app_that_only_another_build_can_mend_ends_before_it_connects_with_a_code_of_its_own() {
        let arguments = ["--functions-uri", "http://127.0.0.1:1/", "--functions-worker-id", "w"];
        assert_eq!(super::run(&arguments.map(str::to_owned)), 78);
    }
}
