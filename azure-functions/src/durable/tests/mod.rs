//! The rules of the replay core, each with a test named after it: an orchestration, a history, and what comes of it.

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
mod patched;
mod patterns;
mod protobuf;
mod protobuf_calls;
mod protobuf_fuzz;
mod regressions;
mod retries;
mod script;
mod timers;
mod unreadable_json;
mod visibility;
