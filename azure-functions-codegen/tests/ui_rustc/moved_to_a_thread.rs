//! A context that leaves its thread where the lint cannot see it.

use azure_functions::{bindings::*, func};
use std::thread::spawn;

#[func]
async fn threads(context: DurableOrchestrationContext) {
    let _ = spawn(move || context.instance_id().len()).join();
}

fn main() {}
