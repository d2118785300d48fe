//! What `#[func]` says about what it refuses. What it accepts is in `azure-functions/tests/func`.
//!
//! `ui` holds messages of our own. In `ui_rustc` the compiler has a word in them, so they are compared only with the compiler
//! that wrote them.

/// Cases that have a test of their own, by their names.
const ROWS: [fn(&str) -> bool; 3] = [is_unawaited, is_lint, is_moved];

fn is_unawaited(case: &str) -> bool {
    case == "unawaited_calls.rs"
}

fn is_lint(case: &str) -> bool {
    case.starts_with("lint_")
}

fn is_moved(case: &str) -> bool {
    case == "moved_to_a_thread.rs"
}

#[test]
fn every_other_mistake_is_explained() {
    explained(|case| !ROWS.iter().any(|row| row(case)));
}

#[test]
fn row_066_calls_without_await_are_warned_of() {
    explained(is_unawaited);
}

#[test]
fn row_068_what_no_replay_can_repeat_does_not_compile_and_the_error_says_what_to_write() {
    explained(is_lint);
}

#[test]
fn row_076_a_context_that_leaves_its_thread_does_not_compile() {
    explained(is_moved);
}

/// Compiles the cases of which that is true; each must fail with the text beside it.
fn explained(wanted: impl Fn(&str) -> bool) {
    let cases = trybuild::TestCases::new();
    let mut count = 0;
    for directory in ["tests/ui", "tests/ui_rustc"] {
        let ours = directory == "tests/ui" || rustc_is("1.95.");
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy();
            if name.ends_with(".rs") && wanted(&name) {
                count += 1;
                if ours {
                    cases.compile_fail(&path);
                }
            }
        }
    }
    assert!(count > 0, "there are no such cases");
}

#[test]
fn row_128_an_operation_that_the_entity_does_not_have_does_not_compile() {
    if rustc_is("1.95.") {
        trybuild::TestCases::new().compile_fail("tests/ui_rustc/entity_types.rs");
    }
}

fn rustc_is(version: &str) -> bool {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = std::process::Command::new(rustc).arg("--version").output().unwrap();
    String::from_utf8_lossy(&output.stdout).starts_with(&format!("rustc {version}"))
}
