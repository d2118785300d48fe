//! `cargo func`: makes Azure Functions apps and runs them on the embedded local host.

use std::process::ExitCode;

/// The host's threads hand messages to each other: one frees what another allocated, for which the C library's heaps wait for each other.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    azure_functions_sdk::cli::main(std::env::args_os())
}
