use azure_functions::{bindings::*, durable::*, func};

#[func]
fn synchronous(_context: DurableOrchestrationContext) {}

#[func]
async fn more_bindings(_context: DurableOrchestrationContext, _client: DurableOrchestrationClient, _name: String) {}

#[func]
async fn twice(_context: DurableOrchestrationContext, _other: DurableOrchestrationContext) {}

#[func]
async fn by_reference(_context: &DurableOrchestrationContext) {}

#[func]
async fn http(_context: DurableOrchestrationContext) -> HttpResponse {
    "".into()
}

#[func]
async fn activity_output(_context: DurableOrchestrationContext) -> Result<ActivityOutput, std::fmt::Error> {
    Ok("".into())
}

#[func]
async fn tuple(_context: DurableOrchestrationContext) -> (OrchestrationOutput, HttpResponse) {
    ("".into(), "".into())
}

#[func]
#[binding(name = "$return", route = "x")]
async fn bound(_context: DurableOrchestrationContext) -> OrchestrationOutput {
    "".into()
}

fn main() {}
