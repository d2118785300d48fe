//! Permissions that say too little, or allow nothing.

use azure_functions::{bindings::*, func};
use std::time::Instant;

#[func(allow_non_deterministic)]
async fn no_reason(_context: DurableOrchestrationContext) {
    Instant::now();
}

#[func(allow_non_deterministic = "")]
async fn empty_reason(_context: DurableOrchestrationContext) {
    Instant::now();
}

#[func(allow_non_deterministic = "a", allow_non_deterministic = "b")]
async fn twice(_context: DurableOrchestrationContext) {
    Instant::now();
}

#[func(allow_non_deterministic = "only measures")]
async fn nothing_to_allow(_context: DurableOrchestrationContext) {}

#[func]
async fn inside(_context: DurableOrchestrationContext) {
    #[allow_non_deterministic("only measures")]
    let _other_form = Instant::now();
    #[allow_non_deterministic = "only measures"]
    let _nothing = 3;
    #[allow_non_deterministic = "only measures"]
    let _fine = Instant::now();
    let _not_allowed = Instant::now();
}

#[func(allow_non_deterministic = "only measures")]
fn activity(_context: DurableActivityContext) {
    Instant::now();
}

#[func]
fn inside_an_activity(_context: DurableActivityContext) {
    #[allow_non_deterministic = "only measures"]
    Instant::now();
}

fn main() {}
