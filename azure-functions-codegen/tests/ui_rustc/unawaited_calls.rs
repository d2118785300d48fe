//! Calls without `.await` are made all the same, so forgetting one is a warning; an error here, to have its text.

#![deny(unused_must_use)]

use azure_functions::{bindings::*, durable::*, func};
use std::time::Duration;

#[func]
fn pay(amount: u32) -> ActivityOutput {
    amount.into()
}

#[func]
async fn forgets(context: DurableOrchestrationContext) {
    context.call_activity("pay", 1);
    context.call::<pay>(1);
    context.call_activity_with_retry("pay", RetryOptions::new(Duration::from_secs(1), 3), 1);
    context.call_sub_orchestrator("forgets", None, ());
    context.create_timer_after(Duration::from_secs(1));
    context.wait_for_event("paid");
    context.wait_for_event_with_timeout("paid", Duration::from_secs(1));
    context.join_all([context.call_activity("pay", 1)]);
    context.select_all([context.call_activity("pay", 1)]);
    context.continue_as_new((), false);
}

fn main() {}
