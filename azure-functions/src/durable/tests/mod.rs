//! The rules of the replay core, each with a test named after it: an orchestration, a history, and what comes of it.

macro_rules! recorded {
    ($name:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/recorded/protobuf/",
            $name,
            ".tsv"
        ))
    };
}

mod answers;
mod both_wires;
mod combinators;
mod continue_as_new;
mod critical_sections;
mod determinism;
mod entities;
mod events;
mod failures;
mod foreign;
mod http;
mod limits;
mod options;
mod parked;
mod patched;
mod patterns;
mod protobuf;
mod protobuf_calls;
mod protobuf_fuzz;
mod regressions;
mod retries;
mod script;
mod timers;
mod traces;
mod unreadable_json;
mod visibility;
