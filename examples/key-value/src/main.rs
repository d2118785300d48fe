//! A key-value database: `PUT` and `GET` on `Database/{key}`. See `README.md`.

mod database;
mod register;

// There is no list of functions to keep: every `#[func]` and `#[entity]` of the app is found.
fn main() -> std::process::ExitCode {
    azure_functions::worker_main()
}
