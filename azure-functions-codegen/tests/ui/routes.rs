use azure_functions::{bindings::HttpRequest, func, http::Route};

#[func]
fn slash(#[binding(route = "/x")] _req: HttpRequest) {}

#[func]
fn empty_part(#[binding(route = "a//b")] _req: HttpRequest) {}

#[func]
fn open(#[binding(route = "orders/{id")] _req: HttpRequest) {}

#[func]
fn close(#[binding(route = "orders/id}")] _req: HttpRequest) {}

#[func]
fn no_name(#[binding(route = "orders/{}")] _req: HttpRequest) {}

#[func]
fn same(#[binding(route = "{id}/{Id}")] _req: HttpRequest) {}

#[func]
fn rest(#[binding(route = "{*rest}/x")] _req: HttpRequest) {}

#[func]
fn adjacent(#[binding(route = "{a}{b}")] _req: HttpRequest) {}

#[func]
fn query(#[binding(route = "x?id={id}")] _req: HttpRequest) {}

#[func]
fn space(#[binding(route = "a b")] _req: HttpRequest) {}

#[func]
fn admin(#[binding(route = "admin/x")] _req: HttpRequest) {}

#[func]
fn runtime(#[binding(route = "Runtime")] _req: HttpRequest) {}

#[func]
fn administration(#[binding(route = "administration")] _req: HttpRequest) {}

#[func]
fn administers(_req: HttpRequest) {}

#[func]
fn runtimes(#[binding(route = "")] _req: HttpRequest) {}

#[func]
fn parameter(#[binding(route = "orders/{orderId}")] _req: HttpRequest, ordr_id: Route<u32>) {}

#[func]
fn no_route(_req: HttpRequest, id: Route<u32>) {}

fn main() {}
