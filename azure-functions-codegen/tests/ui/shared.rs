//! What the app shares, where it cannot be taken.

use azure_functions::{app::{Config, State}, bindings::*, durable::*, entity, func};

struct Pool;

#[func]
async fn in_an_orchestration(_context: DurableOrchestrationContext, _pool: State<Pool>) {}

#[func(orchestration)]
async fn by_reference(_context: DurableOrchestrationContext<u32>, _pool: &State<Pool>) -> u32 {
    0
}

#[func]
async fn settings(_context: DurableOrchestrationContext, _settings: Config<Pool>) {}

#[func]
fn with_arguments(_request: HttpRequest, #[binding(connection = "x")] _pool: State<Pool>) {}

#[func]
fn nothing_starts(_pool: State<Pool>) -> ActivityOutput {
    ().into()
}

#[func]
fn changed(_request: HttpRequest, _pool: &mut State<Pool>) {}

struct Counter(u32);

#[entity]
impl Counter {
    fn add(&mut self, amount: u32, _pool: &mut State<Pool>) {
        self.0 += amount;
    }
}

fn main() {}
