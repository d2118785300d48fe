//! Random orchestrations in random worlds against a model of the host's shim: whatever the code does, the shim gives
//! every action the id that the code gave it, issues it in the same episode, and never waits for what the code does not.
//!
//! `PROPTEST_CASES` sets how many programs are tried.

// What a failing program prints is for people; nobody depends on this crate.
#![allow(missing_docs)]

mod check;
mod code;
mod model;
mod mutants;
mod program;
mod world;

use proptest::test_runner::{Config, TestCaseError, TestRunner};

#[test]
fn shim_and_code_agree_about_every_program() {
    let config = Config {
        cases: std::env::var("PROPTEST_CASES")
            .ok()
            .and_then(|cases| cases.parse().ok())
            .unwrap_or(150),
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(&program::program(), |program| {
            world::run(&program, None).map_err(TestCaseError::fail)
        })
        .unwrap_or_else(|e| panic!("{e}"));
}
