//! Settings that serde cannot read, and a state that threads cannot share.

use azure_functions::prelude::*;

struct Settings;

#[func]
fn unreadable(_request: HttpRequest, _settings: Config<Settings>) {}

struct Cell(std::cell::Cell<u32>);

#[func]
fn not_shared(_request: HttpRequest, _state: State<Cell>) {}

fn main() {
    let _ = Cell(Default::default()).0;
}
