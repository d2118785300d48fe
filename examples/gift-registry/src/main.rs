//! A gift registry: open one, add what you wish for, finish it; after five minutes it closes by itself. See `README.md`.

mod list;
mod registry;
mod stats;
mod webhooks;

// There is no list of functions to keep: every `#[func]` and `#[entity]` of the app is found.
fn main() -> std::process::ExitCode {
    azure_functions::worker_main()
}
