//! Tells the crate which compiler builds it: the version of the runtime that the worker names to the host.

use std::{env, process::Command};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // An app is built by a compiler that this crate takes, so its oldest one is the next best answer.
    let version = compiler().unwrap_or_else(|| env::var("CARGO_PKG_RUST_VERSION").unwrap_or_default());
    println!("cargo::rustc-env=AZURE_FUNCTIONS_RUSTC_VERSION={version}");
}

/// The number in `rustc 1.95.0 (59807616e 2026-04-14)`.
fn compiler() -> Option<String> {
    let output = Command::new(env::var_os("RUSTC")?).arg("--version").output().ok()?;
    let told = String::from_utf8(output.stdout).ok()?;
    let version = told.split_whitespace().nth(1)?;
    version
        .starts_with(|first: char| first.is_ascii_digit())
        .then(|| version.to_owned())
}
