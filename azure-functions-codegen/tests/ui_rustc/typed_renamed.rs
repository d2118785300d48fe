//! Row 47 of the acceptance table: a function that was renamed breaks the build at every call.

use azure_functions::prelude::*;

#[func]
fn greet(name: String) -> ActivityOutput<String> {
    format!("Hello {name}!").into()
}

#[func]
async fn hello_world(context: DurableOrchestrationContext) -> Result<(), CallError> {
    context.call::<say_hello>("Tokyo".into()).await?;
    context.call::<say_hello>("London".into()).await?;
    Ok(())
}

#[func]
async fn about_http(context: DurableOrchestrationContext) -> Result<(), CallError> {
    context.call::<page>(()).await?;
    Ok(())
}

#[func]
fn page(_req: HttpRequest) {}

fn main() {}
