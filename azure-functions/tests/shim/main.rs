//! Random orchestrations in random worlds against a model of the host's shim: whatever the code does, the shim gives
//! every action the id that the code gave it, issues it in the same episode, and never waits for what the code does not.
//!
//! `PROPTEST_CASES` sets how many programs are tried.

// What a failing program prints is for people; nobody depends on this crate.
#![allow(missing_docs)]

mod check;
mod code;
mod entities;
mod model;
mod mutants;
mod program;
mod tally;
mod world;

use proptest::test_runner::{Config, TestCaseError, TestRunner};
use std::cell::RefCell;

#[test]
fn row_070_shim_and_code_agree_about_every_program() {
    let config = Config {
        cases: std::env::var("PROPTEST_CASES")
            .ok()
            .and_then(|cases| cases.parse().ok())
            .unwrap_or(150),
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..Config::default()
    };
    let (cases, total) = (config.cases, RefCell::new(tally::Tally::default()));
    TestRunner::new(config)
        .run(&program::program(), |program| {
            let tally = world::run(&program, None).map_err(TestCaseError::fail)?;
            total.borrow_mut().add(&tally);
            Ok(())
        })
        .unwrap_or_else(|e| panic!("{e}"));
    let total = total.into_inner();
    println!("{cases} programs: {total:#?}");
    if cases >= 100 {
        // Programs that do not get there would show nothing.
        let rarest = [
            total.suspended_episodes,
            total.restarts,
            total.failures,
            total.events_consumed,
            total.events_handed_on,
            total.events_carried_over,
            total.nevers,
            total.noops,
            total.waits,
            total.cancelled_timers,
            total.markers,
            total.silent_markers,
            total.old_ways,
            total.polls,
            total.entity_calls,
            total.locks,
            total.releases,
            total.relays,
            total.late_responses,
        ];
        assert!(rarest.iter().all(|n| *n > 0), "{total:#?}");
    }
}
