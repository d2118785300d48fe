//! Durable functions, one pattern per file: see `README.md`.

mod functions;
#[cfg(test)]
mod histories;

fn main() -> std::process::ExitCode {
    azure_functions::worker_main()
}
