//! The application patterns of durable functions, one per file: see `README.md`.

mod bank_transfer;
mod http_start;

fn main() -> std::process::ExitCode {
    azure_functions::worker_main()
}
