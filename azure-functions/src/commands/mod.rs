//! What the app's own binary understands besides the arguments of a host.

mod functions;
mod init;

use crate::worker::App;

/// The command line makes no sense.
pub(crate) const USAGE_ERROR: u8 = 2;

const USAGE: &str = "\
This is an Azure Functions app: a host starts it and passes its own arguments. To run it here, use `cargo func run`.

Commands:
  init --script-root DIR      write what a host needs on disk: host.json, local.settings.json, function.json files
                              and the worker's configuration (existing settings are kept)
  functions                   print the metadata of every function as JSON
  replay [NAME] PAYLOAD.json  run one episode of an orchestration from a recorded payload and print the answer;
                              exit code 3 means that the code contradicts the recorded history
";

/// Why a command did not do its work.
#[derive(Debug)]
pub(crate) struct Failure {
    pub message: String,
    pub code: u8,
}

impl Failure {
    fn usage(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            code: USAGE_ERROR,
        }
    }

    fn work(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            code: 1,
        }
    }
}

/// Runs the command that the arguments name; gives the exit code.
pub(crate) fn run(arguments: &[String]) -> u8 {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["--help" | "-h" | "help", ..] => {
            print!("{USAGE}");
            Ok(())
        }
        ["init", rest @ ..] => linked().and_then(|app| init::run(&app, rest)),
        ["functions"] => linked().and_then(|app| functions::run(&app)),
        [] => Err(Failure::usage("no arguments")),
        [word, ..] => Err(Failure::usage(format!("`{word}` is not understood here"))),
    };
    match done {
        Ok(()) => 0,
        Err(Failure { message, code }) => {
            eprintln!("error: {message}");
            if code == USAGE_ERROR {
                eprint!("\n{USAGE}");
            }
            code
        }
    }
}

fn linked() -> Result<App, Failure> {
    App::linked().map_err(|e| Failure::work(e.to_string()))
}
