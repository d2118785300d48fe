//! Random orchestrations in random worlds against a model of the host's shim: whatever the code does, the shim gives
//! every action the id that the code gave it, issues it in the same episode, and never waits for what the code does not. The same
//! programs run against a model of the protobuf wire's host, which has no shim.
//!
//! `PROPTEST_CASES` sets how many programs are tried.

// What a failing program prints is for people; no crate depends on this one.
#![allow(missing_docs)]

mod check;
mod code;
mod entities;
mod model;
mod mutants;
mod program;
mod request;
mod tally;
mod world;

use proptest::test_runner::{Config, TestCaseError, TestRunner};
use std::cell::RefCell;

#[test]
fn row_070_shim_and_code_agree_about_every_program() {
    let (cases, total) = run_all(world::Wire::Json(None));
    if cases >= 100 {
        // Programs that do not get there would show nothing.
        let rarest = [
            total.events_handed_on,
            total.events_carried_over,
            total.nevers,
            total.noops,
            total.waits,
            total.cancelled_timers,
            total.relays,
        ];
        assert!(rarest.iter().chain(&both(&total)).all(|n| *n > 0), "{total:#?}");
    }
}

/// The host of the protobuf wire does what it is told, so the code alone must be right: each action is asked for once, under the id that it
/// had in every replay, and what was not waited for reaches the next execution.
#[test]
fn on_protobuf_every_program_does_in_all_turns_what_it_did_in_one() {
    let (cases, total) = run_all(world::Wire::Protobuf(None));
    if cases >= 100 {
        let rarest = [total.events_handed_on, total.events_carried_over];
        assert!(rarest.iter().chain(&both(&total)).all(|n| *n > 0), "{total:#?}");
    }
}

/// Code that waits is kept, and goes on with what is new: it does what all its replays do.
#[test]
fn parked_from_turn_to_turn_every_program_does_what_its_replay_does() {
    let (cases, total) = run_all(world::Wire::Parked(None));
    if cases >= 100 {
        let rarest = [total.events_handed_on, total.parked_turns, total.refused_turns];
        assert!(rarest.iter().chain(&both(&total)).all(|n| *n > 0), "{total:#?}");
        assert!(total.parked_turns > 3 * total.refused_turns, "{total:#?}");
    }
}

/// What programs must have come to on either wire.
fn both(total: &tally::Tally) -> [usize; 11] {
    [
        total.suspended_episodes,
        total.restarts,
        total.failures,
        total.events_consumed,
        total.markers,
        total.silent_markers,
        total.old_ways,
        total.polls,
        total.entity_calls,
        total.locks,
        total.releases,
    ]
}

fn run_all(wire: world::Wire) -> (u32, tally::Tally) {
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
            let tally = world::run(&program, wire).map_err(TestCaseError::fail)?;
            total.borrow_mut().add(&tally);
            Ok(())
        })
        .unwrap_or_else(|e| panic!("{e}"));
    let total = total.into_inner();
    println!("{cases} programs, {wire:?}: {total:#?}");
    (cases, total)
}
