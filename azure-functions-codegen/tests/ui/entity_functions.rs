use azure_functions::{bindings::*, durable::*, entities::EntityOutput, func};

#[func]
fn plain(context: DurableEntityContext) -> i64 {
    context.input_as().unwrap()
}

#[func]
fn tuple(_context: DurableEntityContext) -> (EntityOutput, EntityOutput) {
    (1.into(), 2.into())
}

#[func]
fn activity(_context: DurableEntityContext) -> ActivityOutput {
    ().into()
}

#[func]
fn two_triggers(_context: DurableEntityContext, _request: HttpRequest) {}

#[func]
fn input(_context: DurableEntityContext, _amount: i64) {}

#[func]
fn not_an_entity(_request: HttpRequest) -> EntityOutput {
    1.into()
}

#[func]
#[binding(name = "$return", queue_name = "x")]
fn bound(_context: DurableEntityContext) -> EntityOutput {
    1.into()
}

#[func]
fn misspelt(#[binding(entitiy = "x")] _context: DurableEntityContext) {}

#[func]
async fn both(_context: DurableOrchestrationContext, _entity: DurableEntityContext) {}

fn main() {}
