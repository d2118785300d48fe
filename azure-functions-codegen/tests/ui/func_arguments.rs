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

#[func("x")]
fn text(_req: HttpRequest) {}

fn main() {}
