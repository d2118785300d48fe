use azure_functions::{bindings::*, func, http::Json};

#[func]
fn unnamed(_: HttpRequest) {}

#[func]
fn pattern(Json(_body): Json<u32>) {}

#[func]
fn by_ref(ref _req: HttpRequest) {}

#[func]
fn mutable(_req: &mut HttpRequest) {}

#[func]
fn lifetime(_req: &'static HttpRequest) {}

#[func(activity)]
fn text(_name: &str) {}

#[func(activity)]
fn slice(_names: &[String]) {}

#[func]
fn some_type(_req: impl Clone) {}

#[func]
fn collide(my_client: DurableOrchestrationClient, myClient: DurableOrchestrationClient, _req: HttpRequest) {}

#[func]
fn no_letter(_1: HttpRequest) {}

#[func]
fn not_ascii(größe: HttpRequest) {}

#[func]
fn output_name(output1: HttpRequest) -> ((), HttpResponse) {
    ((), "".into())
}

// All mistakes of one function, each in its own place.
#[func(nam = "x")]
fn several(#[binding(rout = "a", auth_level = "public")] _: HttpRequest, _timer: TimerInfo) -> String {
    String::new()
}

fn main() {}
