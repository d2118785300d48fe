//! What `#[func]` says about what it refuses. What it accepts is in `azure-functions/tests/func`.
//!
//! `ui` holds messages of our own. In `ui_rustc` the compiler has a word in them, so they are compared only with the compiler
//! that wrote them.

#[test]
fn every_mistake_is_explained() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
    if rustc_is("1.95.") {
        cases.compile_fail("tests/ui_rustc/*.rs");
    }
}

fn rustc_is(version: &str) -> bool {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = std::process::Command::new(rustc).arg("--version").output().unwrap();
    String::from_utf8_lossy(&output.stdout).starts_with(&format!("rustc {version}"))
}
