//! What `main` calls: the process is the worker of a host, or runs a command.

use crate::{
    app::App,
    commands,
    durable_task::{self, arguments::CONNECTION_STRING},
    functions, panics,
    worker::{arguments::HostArguments, environment, exit, logger, reader},
};
use std::process::ExitCode;

/// Exit code of an app that only another build can mend (`EX_CONFIG` of sysexits.h); the host knows the number.
const NEEDS_REBUILD: u8 = 78;

/// Runs the app: the only line of its `main`. It is short for `azure_functions::app().run()`; see [`app`](crate::app()) for apps
/// with states, set-ups, and layers.
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
/// With `--durable-task ADDRESS`, or without arguments where `DURABLE_TASK_SCHEDULER_CONNECTION_STRING` is set, the app needs no Functions host:
/// its durable functions work for a Durable Task server until the process gets SIGTERM or SIGINT. See [the
/// guide](crate::guide::self_hosted).
///
/// Three settings in the environment are the worker's own:
///
/// * `AZURE_FUNCTIONS_EPISODE_TIMEOUT`, the time after which an episode of an orchestration that blocks its thread is given up
///   (seconds, or a number with `ms`, `s`, `m` or `h`; 60 seconds if absent);
/// * `AZURE_FUNCTIONS_EPISODE_MAX_ACTIONS`, how many actions (calls, timers, events, signals) one execution of an orchestration
///   may ask for before it fails (100000 if absent, as many as hosts allow with `maxOrchestrationActions`);
/// * `AZURE_FUNCTIONS_PARKED_INSTANCES`, how many orchestrations are kept where they wait, if the host offers extended sessions (10000 if
///   absent; zero keeps none): see [the guide](crate::guide::wires#orchestrations-that-are-kept-between-their-turns).
///
/// `AZURE_FUNCTIONS_DURABLE_WIRE`, which is `protobuf` or `json`, says in which form the host is asked to hand durable functions over; see
/// [`App::durable_wire`](crate::App::durable_wire).
///
/// Another, `AZURE_FUNCTIONS_WORKER_SECRET`, is set by the local host of `cargo func run` alone: it proves to that host that this is the
/// process it started. The worker takes it out of the environment before any code of the app runs, where the process has one thread.
///
/// A logger for the `log` facade is installed unless the app has one. Its records of an invocation go to the host in the invocation's
/// name; those made outside any invocation go to the host too, and to the console, because hosts do not show system records.
///
/// # Levels
/// `logging.logLevel` in `host.json` says which records the host wants, by category: `Function.NAME.User` for those of a function, `Worker`
/// for those outside any; app settings `AzureFunctionsJobHost__logging__logLevel__CATEGORY` override it. The worker does not send what the
/// host would drop. Where the app does not run on Azure, `RUST_LOG` decides in place of these levels, by the target of a record, as in
/// `RUST_LOG=warn,my_app=debug`. Key-value pairs of `log`, and fields and spans of `tracing` (feature `tracing`), stand in the text.
///
/// # Records of panics
/// A panic is one record at level Error: the invocation's, or else one for the console. Its backtrace stands in the same record if
/// `RUST_BACKTRACE` asks for one. A panic hook that the app has set before is called as well; the one of the standard library,
/// which writes to stderr line by line, is not.
///
/// # Exit codes
/// A host takes exit code 0 for an orderly end: it does not start another process, and callers of functions then wait for
/// ever. So a process that a host did not tell to end does not end with 0. Where a function or a library calls
/// [`std::process::exit`] or C's `exit` with 0 meanwhile, from whatever thread, the process says so on stderr and ends with 70
/// (`EX_SOFTWARE` of sysexits.h): the calls in flight fail at once, and the host starts the next process. It is not 200, by
/// which a worker asks for a restart that is no crash, since the host forgets the calls in flight then, and their callers wait.
/// Other codes stay as they are; where the C library does not tell the code (musl, macOS), 70 stands for all of them. On Windows,
/// and where `_exit` skips what is done at the end of a process, the code stays 0; the local host names that, too. The code that
/// this function returns counts even if `main` drops it.
#[must_use = "`main` returns it, so that the host learns how the worker ended"]
pub fn worker_main() -> ExitCode {
    main(App::default())
}

/// Runs an app with the arguments of the process.
pub(crate) fn main(app: App) -> ExitCode {
    let arguments = std::env::args_os().skip(1).map(|a| a.to_string_lossy().into_owned());
    let arguments: Vec<_> = arguments.collect();
    let code = run(app, &arguments);
    if HostArguments::parse(&arguments).is_some() {
        exit::owe(code);
    }
    ExitCode::from(code)
}

/// What `worker_main` does, with these arguments; gives the exit code.
pub(crate) fn run(app: App, arguments: &[String]) -> u8 {
    match HostArguments::parse(arguments) {
        Some(Ok(host)) => outside_any_runtime(|| serve(app, host)),
        Some(Err(error)) => {
            eprintln!("error: {error}");
            commands::failure::USAGE_ERROR
        }
        None => run_alone(app, arguments),
    }
}

/// What `worker_main` does without a Functions host.
fn run_alone(app: App, arguments: &[String]) -> u8 {
    let setting = std::env::var(CONNECTION_STRING).ok();
    // A host that starts a custom handler gives it no arguments.
    let setting = setting.filter(|_| !commands::is_custom_handler());
    match durable_task::arguments::parse(arguments, setting.as_deref()) {
        Some(Ok(address)) => outside_any_runtime(|| durable_task::process::run(app, address)),
        Some(Err(error)) => {
            eprintln!("error: {error}");
            commands::failure::USAGE_ERROR
        }
        None => commands::run(app, arguments),
    }
}

fn serve(options: App, host: HostArguments) -> u8 {
    let serving = exit::Serving::begin();
    let secret = environment::take_secret();
    let app = match functions::Functions::linked_with(&options.startup) {
        Ok(app) => app,
        Err(error) => {
            eprintln!("error: {error}");
            return NEEDS_REBUILD;
        }
    };
    logger::install();
    #[cfg(feature = "tracing")]
    crate::trace::install();
    panics::install_hook();
    panics::tell(logger::panicked);
    match reader::serve(app, options, host, serving, secret) {
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

impl App {
    /// Runs the app: the end of `main`. What happens is described at [`worker_main`].
    ///
    /// A function that takes a [`State`](crate::app::State) which the app does not have is an error here, before the app connects to a host: it names
    /// all such functions and types, and ends with exit code 78, as other mistakes that only another build can mend.
    #[must_use = "`main` returns it, so that the host learns how the worker ended"]
    pub fn run(self) -> ExitCode {
        main(self)
    }

    /// As [`run`](Self::run), with these arguments; gives the exit code.
    #[doc(hidden)]
    pub fn run_with(self, arguments: &[String]) -> u8 {
        run(self, arguments)
    }
}

#[cfg(test)]
mod tests {
    /// This test binary registers no function.
    #[test]
    fn an_app_that_only_another_build_can_mend_ends_before_it_connects_with_a_code_of_its_own() {
        let arguments = ["--functions-uri", "http://127.0.0.1:1/", "--functions-worker-id", "w"];
        assert_eq!(crate::app().run_with(&arguments.map(str::to_owned)), 78);
    }
}
