use azure_functions::{bindings::*, func};

#[func(name = "")]
fn empty(_req: HttpRequest) {}

#[func(name = "1st")]
fn digit(_req: HttpRequest) {}

#[func(name = "a b")]
fn space(_req: HttpRequest) {}

#[func(name = "Host")]
fn reserved(_req: HttpRequest) {}

#[func(name = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
fn long(_req: HttpRequest) {}

#[func]
fn _underscore(_req: HttpRequest) {}

#[func]
fn größe(_req: HttpRequest) {}

#[func]
fn host(_req: HttpRequest) {}

fn main() {}
