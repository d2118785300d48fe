//! The face of `cargo func`, run as users run it.

mod durable;
mod examples;
mod function_schema;
mod histories;
mod new;
mod pack;
mod recorded;
mod run;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[path = "../../../azure-functions/tests/worker/host.rs"]
mod scripted_host;
mod session;

use std::{
    path::Path,
    process::{Command, Output},
};

fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Where this checkout's own builds go; building apps there too shares what both need.
fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap()
}

fn cargo_func(folder: &Path, line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-func"));
    command.current_dir(folder).arg("func").args(line.split(' '));
    command.output().unwrap()
}

/// Runs a command line that must work; gives back what it said.
fn done(folder: &Path, line: &str) -> String {
    let output = cargo_func(folder, line);
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{line}: {text}");
    text
}

/// Runs a command line that must fail with this exit code; gives back what it said.
fn refused(folder: &Path, line: &str, code: i32) -> String {
    let output = cargo_func(folder, line);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{line}: {text}");
    text
}

#[test]
fn version_and_help_go_to_standard_output() {
    let folder = Path::new(".");
    assert_eq!(
        done(folder, "--version"),
        format!("cargo func {}\n", env!("CARGO_PKG_VERSION"))
    );
    let help = done(folder, "--help");
    for command in ["new-app", "new", "run", "start", "replay", "pack", "durable"] {
        assert!(help.contains(command), "{command}: {help}");
    }
}
