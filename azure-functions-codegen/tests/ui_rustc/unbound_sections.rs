//! A critical section without a name is over at once; an error here, to have the text of the warning.

#![deny(unused_must_use)]

use azure_functions::{bindings::*, entities::EntityId, func};

#[func]
async fn forgets(context: DurableOrchestrationContext) {
    let Ok(account) = EntityId::new("account", "a") else { return };
    context.lock([&account]).await;
    context.lock([&account]);
}

fn main() {}
