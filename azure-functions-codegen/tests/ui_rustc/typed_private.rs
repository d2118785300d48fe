//! A function that everybody can call takes what only its module knows.

use azure_functions::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Order {
    items: u32,
}

#[func]
pub fn count(order: Order) -> ActivityOutput<u32> {
    order.items.into()
}

fn main() {}
