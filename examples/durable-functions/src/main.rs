//! What orchestrations can do, one thing per file: see `README.md`.

mod functions;
#[cfg(test)]
mod histories;

// There is no list of functions to keep: every `#[func]` of the app is found.
fn main() -> std::process::ExitCode {
    azure_functions::worker_main()
}
