//! `#[event]` in the wrong place, or without a name that can be sent.

use azure_functions::event;

#[event("a/b")]
struct Slash;

#[event("")]
struct Nameless;

#[event(approval)]
struct NoText;

#[event("approval")]
struct Generic<T>(T);

#[event("approval")]
fn function() {}

fn main() {}
