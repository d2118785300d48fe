//! The application patterns of durable functions, one per file: see `README.md`.

mod aggregator;
mod bank_transfer;
mod billing;
mod budget_approval;
mod chaining;
mod fan_out_fan_in;
mod http_start;
mod human_interaction;
mod monitor;
mod quote;
mod saga;

// There is no list of functions to keep: every `#[func]` and `#[entity]` of the app is found.
fn main() -> std::process::ExitCode {
    azure_functions::worker_main()
}
