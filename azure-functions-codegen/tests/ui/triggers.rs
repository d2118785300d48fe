use azure_functions::{bindings::*, func, http::*};

#[func]
fn none() {}

#[func]
fn only_input(_client: DurableOrchestrationClient) {}

#[func]
fn two(_req: HttpRequest, #[binding(schedule = "0 0 * * * *")] _timer: TimerInfo) {}

#[func]
fn two_bodies(_first: Json<u32>, _second: Json<u32>) {}

#[func]
fn body_of_a_timer(#[binding(schedule = "0 0 * * * *")] _timer: TimerInfo, _body: Json<u32>) {}

#[func]
fn route_of_a_timer(#[binding(schedule = "0 0 * * * *")] _timer: TimerInfo, _id: Route<u32>) {}

#[func]
fn only_a_route(#[binding(methods = "get", route = "orders/{id}")] _id: Route<u32>) -> HttpResponse {
    "".into()
}

#[func]
fn data(_req: HttpRequest, _name: String) {}

#[func(queue)]
fn queue(_message: String) {}

#[func(blob_trigger = "images/{name}")]
fn blob(_image: Vec<u8>) {}

fn main() {}
