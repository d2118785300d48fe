use azure_functions::{bindings::*, func, http::Route};

#[func]
fn unknown(#[binding(rout = "x", connection = "y")] _req: HttpRequest) {}

#[func]
fn wrong_values(#[binding(auth_level = "anonymus", methods = ["get", "fetch", 3], route = 5)] _req: HttpRequest) {}

#[func]
fn wrong_kinds(
    #[binding(schedule = true, run_on_startup = "yes")] _timer: TimerInfo,
    #[binding(task_hub = 3, type = "client")] _client: DurableOrchestrationClient,
) {
}

#[func]
fn no_methods(#[binding(methods = [])] _req: HttpRequest) {}

#[func]
fn pipe(#[binding(methods = "get|pots")] _req: HttpRequest) {}

#[func]
fn not_literal(#[binding(route = concat!("a", "b"), auth_level = -"x", methods = 'c')] _req: HttpRequest) {}

#[func]
fn no_value(#[binding(route)] _req: HttpRequest) {}

#[func]
fn no_list(#[binding] _req: HttpRequest) {}

#[func]
fn syntax(#[binding(route: "x")] _req: HttpRequest) {}

#[func]
fn twice(#[binding(route = "x", route = "y")] _req: HttpRequest) {}

#[func]
fn two_attributes(#[binding(route = "x")] #[binding(methods = "get")] _req: HttpRequest) {}

#[func]
#[binding(name = "req", methods = "get")]
fn both_places(#[binding(route = "x")] req: HttpRequest) {}

#[func]
fn named(#[binding(name = "other")] _req: HttpRequest) {}

#[func]
#[binding(route = "x")]
fn unnamed(_req: HttpRequest) {}

#[func]
#[binding(name = "requst", route = "x")]
fn misnamed(request: HttpRequest) {}

#[func]
#[binding(name = 3)]
fn number(_req: HttpRequest) {}

#[func]
fn part(#[binding(route = "{id}")] _req: HttpRequest, #[binding(route = "x")] id: Route<u32>) {}

#[func]
fn required(_timer: TimerInfo) {}

#[func]
fn no_queue(_message: QueueTrigger) {}

#[func]
fn misspelt_queue(#[binding(queue = "orders", connection = 3)] _message: QueueTrigger<String>) {}

#[func]
fn wrong_queue(#[binding(queue_name = "my_orders")] _message: QueueTrigger) {}

#[func]
fn no_queue_to_send_to(_req: HttpRequest) -> (HttpResponse, Option<Vec<QueueMessage>>) {
    ("".into(), None)
}

#[func]
#[binding(name = "output1", queue_nam = "a-", queue_name = "a-")]
fn wrong_queue_to_send_to(_req: HttpRequest) -> (HttpResponse, QueueMessage<&'static str>) {
    ("".into(), QueueMessage(""))
}

fn main() {}
