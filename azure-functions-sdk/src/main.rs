//! `cargo func`: makes Azure Functions apps and runs them on the embedded local host.

use std::process::ExitCode;

fn main() -> ExitCode {
    azure_functions_sdk::cli::main(std::env::args_os())
}
