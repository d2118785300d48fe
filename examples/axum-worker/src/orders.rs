//! The orchestration, and its activities. Nothing here knows that there is no Functions host.

use azure_functions::prelude::*;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// What a customer wants.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Order {
    pub item: String,
    pub count: u32,
}

/// What is in the warehouse: a state that the web API and the activities share.
#[derive(Debug)]
pub struct Warehouse(Mutex<BTreeMap<String, u32>>);

impl Warehouse {
    pub fn with(items: &[(&str, u32)]) -> Self {
        let items = items.iter().map(|(item, count)| ((*item).to_owned(), *count));
        Self(Mutex::new(items.collect()))
    }

    fn take(&self, order: &Order) -> bool {
        // Nothing panics while it holds the lock.
        let mut items = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match items.get_mut(&order.item) {
            Some(left) if *left >= order.count => {
                *left -= order.count;
                true
            }
            _ => false,
        }
    }
}

/// Packs the order, and waits for the carrier.
#[func(orchestration)]
pub async fn ship(context: DurableOrchestrationContext<Order>) -> Result<String, CallError> {
    let order = context.input();
    if !context.call::<pack>(order.clone()).await? {
        return Ok(format!("{} is sold out", order.item));
    }
    context.set_custom_status("packed");
    let carrier = context.wait_for_event("picked-up").await;
    let carrier = carrier.as_str().unwrap_or("an unknown carrier");
    Ok(format!("{} {} with {carrier}", order.count, order.item))
}

/// Whether there was enough in the warehouse.
#[func(activity)]
fn pack(order: Order, warehouse: State<Warehouse>) -> bool {
    warehouse.take(&order)
}
