//! A gift registry: open one, add what you wish for, finish it; after five minutes it closes by itself. See `README.md`.

mod list;
mod registry;
mod stats;
mod webhooks;

fn main() -> std::process::ExitCode {
    azure_functions::worker_main()
}
