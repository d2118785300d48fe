use azure_functions::{bindings::*, func};

#[func(nam = "x")]
fn unknown(_req: HttpRequest) {}

#[func(name = 3)]
fn number(_req: HttpRequest) {}

#[func(name)]
fn nothing(_req: HttpRequest) {}

#[func(name = "a", name = "b")]
fn twice(_req: HttpRequest) {}

#[func(activity = true)]
fn flag(_context: DurableActivityContext) {}

#[func(disabled = true)]
fn disabled(_req: HttpRequest) {}

#[func(activity, retry)]
fn no_policy(_context: DurableActivityContext) {}

#[func(activity, retry = 3)]
fn no_path(_context: DurableActivityContext) {}

#[func(activity, retry = POLICY, retry = POLICY)]
fn two_policies(_context: DurableActivityContext) {}

#[func(retry = POLICY)]
fn no_activity(_req: HttpRequest) {}

#[func("x")]
fn text(_req: HttpRequest) {}

fn main() {}
