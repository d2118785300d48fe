//! What the app's own binary understands besides the arguments of a host.

pub(crate) mod failure;
mod functions;
mod init;
mod replay;
mod replay_batch;

use crate::{durable::Wire, functions::Functions};
use failure::{Failure, print};

const USAGE: &str = "\
This is an Azure Functions app: a host starts it and passes its own arguments. To run it here, use `cargo func run`.

Commands:
  init --script-root DIR      write what a host needs on disk: host.json, local.settings.json (existing settings are kept),
                              the worker's configuration, and a copy of this program, unless it lies in DIR already.
                              DIR can be moved. With --function-json a host reads the functions from function.json
                              files; otherwise it asks the program for them. With --runtime NAME it knows the worker
                              under that name instead of `native`
  --durable-task ADDRESS [--task-hub NAME]
                              run the durable functions of this app for a Durable Task server, such as `cargo func host` or the
                              Durable Task Scheduler, without a Functions host. ADDRESS is http://HOST:PORT, HOST:PORT, or a
                              connection string; DURABLE_TASK_SCHEDULER_CONNECTION_STRING stands in for it
  functions                   print the metadata of every function as JSON
  replay [NAME] PAYLOAD.json  run one episode of an orchestration from a recorded payload or history and print the answer;
                              exit code 3 means that the code contradicts the recorded history. A batch of
                              operations of an entity is run, too, and whatever its code does elsewhere is done
  replay [NAME] PATH...       the same for several files, or for all *.json in folders and below, without the answers:
                              one line for each, with the first difference
";

/// Set by a host for the process of a custom handler, which it starts with the arguments of `host.json` alone, mostly none.
const CUSTOM_HANDLER_PORT: &str = "FUNCTIONS_CUSTOMHANDLER_PORT";

/// The host shows it at level Error since it says so, and a line at a time.
const NO_CUSTOM_HANDLER: &str = "\
a Functions host started this app as a custom handler (FUNCTIONS_CUSTOMHANDLER_PORT is set), but it is a language worker, which \
serves no HTTP: remove `customHandler` from host.json, set FUNCTIONS_WORKER_RUNTIME to `native`, and languageWorkers__native__workerDirectory \
to the folder with the worker.config.json that `init --script-root DIR` writes";

/// Runs the command that the arguments name, of this app; gives the exit code.
pub(crate) fn run(options: crate::App, arguments: &[String]) -> u8 {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["--help" | "-h" | "help", ..] => print(USAGE),
        ["init", rest @ ..] => linked().and_then(|app| init::run(&app, wire(&options)?, rest)),
        ["functions"] => linked().and_then(|app| functions::run(&app, wire(&options)?)),
        ["replay", rest @ ..] => linked().and_then(|app| replay::run(&app, options, rest)),
        _ if is_custom_handler() => Err(Failure::input(NO_CUSTOM_HANDLER)),
        [] => Err(Failure::usage("no arguments")),
        [word, ..] => Err(Failure::usage(format!("`{word}` is not understood here"))),
    };
    match done {
        Ok(()) => 0,
        Err(Failure { message, code, usage }) => {
            eprintln!("error: {message}");
            if usage {
                eprint!("\n{USAGE}");
            }
            code
        }
    }
}

/// Whether a host started the process as a custom handler.
pub(crate) fn is_custom_handler() -> bool {
    std::env::var_os(CUSTOM_HANDLER_PORT).is_some()
}

/// The wire that hosts are asked for.
fn wire(options: &crate::App) -> Result<Wire, Failure> {
    Wire::announced(options.wire).map_err(|error| Failure::input(error.to_string()))
}

fn linked() -> Result<Functions, Failure> {
    Functions::linked().map_err(|e| Failure::work(e.to_string()))
}
