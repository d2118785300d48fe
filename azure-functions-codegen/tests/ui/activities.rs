use azure_functions::{bindings::*, durable::*, func};

#[func]
fn http(_context: DurableActivityContext) -> HttpResponse {
    "".into()
}

#[func]
fn http_first(_context: DurableActivityContext) -> (HttpResponse, ActivityOutput) {
    ("".into(), "".into())
}

#[func(activity)]
fn several_outputs(id: String) -> (String, ActivityOutput) {
    (id, ().into())
}

#[func]
fn two_inputs(_a: i32, _b: i32) -> ActivityOutput {
    ().into()
}

#[func]
fn input_and_context(_context: DurableActivityContext, _b: String) -> ActivityOutput {
    ().into()
}

#[func]
fn two_contexts(_a: DurableActivityContext, _b: DurableActivityContext) {}

#[func(activity)]
fn no_input() {}

#[func]
fn with_request(_context: DurableActivityContext, _req: HttpRequest) {}

#[func]
#[binding(name = "$return", queue_name = "x")]
fn bound(_context: DurableActivityContext) -> ActivityOutput {
    ().into()
}

#[func]
fn inner_result(_context: DurableActivityContext) -> (Result<ActivityOutput, std::fmt::Error>, ()) {
    (Ok(().into()), ())
}

fn main() {}
