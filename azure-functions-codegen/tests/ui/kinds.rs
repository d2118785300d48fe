//! The kind of a function: named where it must be, and only once.

use azure_functions::{bindings::*, func};

// The input is a value and nothing says that it is an activity's.
#[func]
fn no_kind(name: String) -> Result<String, std::fmt::Error> {
    Ok(name)
}

#[func(orchestration)]
async fn no_context(name: String) -> String {
    name
}

#[func(orchestration)]
async fn context_of_an_activity(_context: DurableActivityContext) -> String {
    String::new()
}

#[func(activity)]
async fn context_of_an_orchestration(_context: DurableOrchestrationContext) -> String {
    String::new()
}

#[func(activity, orchestration)]
async fn both(_context: DurableOrchestrationContext) -> String {
    String::new()
}

#[func(orchestration = true)]
async fn with_a_value(_context: DurableOrchestrationContext) {}

#[func(orchestrator)]
async fn misspelt(_context: DurableOrchestrationContext) {}

#[func(activity)]
fn answers_http(_name: String) -> Result<HttpResponse, std::fmt::Error> {
    Ok("".into())
}

fn main() {}
