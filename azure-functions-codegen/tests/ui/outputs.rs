use azure_functions::{bindings::*, durable::*, func, http::Json};

#[func]
fn text(_req: HttpRequest) -> String {
    String::new()
}

#[func]
fn activity(_req: HttpRequest) -> ActivityOutput {
    ().into()
}

#[func]
fn orchestration(_req: HttpRequest) -> OrchestrationOutput {
    ().into()
}

#[func]
fn answer_of_a_timer(#[binding(schedule = "0 0 * * * *")] _timer: TimerInfo) -> Json<u32> {
    Json(3)
}

#[func]
fn some_type(_req: HttpRequest) -> impl Into<HttpResponse> {
    ""
}

#[func]
fn borrowed(_req: HttpRequest) -> &'static str {
    ""
}

#[func]
fn never(_req: HttpRequest) -> ! {
    loop {}
}

#[func]
#[binding(name = "$return", route = "x")]
fn arguments(_req: HttpRequest) -> HttpResponse {
    "".into()
}

#[func]
#[binding(name = "$return", route = "x")]
fn nothing(_req: HttpRequest) {}

#[func]
#[binding(name = "output1", route = "x")]
fn missing(_req: HttpRequest) -> HttpResponse {
    "".into()
}

fn main() {}
