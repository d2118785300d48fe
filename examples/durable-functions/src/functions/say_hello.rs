use azure_functions::{bindings::DurableActivityContext, durable::ActivityOutput, func};

/// Greets its input.
#[func]
pub fn say_hello(context: DurableActivityContext) -> ActivityOutput {
    format!("Hello {}!", context.input().as_str().unwrap_or("stranger")).into()
}
