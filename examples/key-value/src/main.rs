//! A key-value database: `PUT` and `GET` on `Database/{key}`. See `README.md`.

mod database;
mod register;

fn main() -> std::process::ExitCode {
    azure_functions::worker_main()
}
