//! A batch of operations on an entity with a long list in its state, beside the bare cost of reading and writing that state
//! as often: `cargo bench --bench entities`.
//!
//! Medians are printed.

use azure_functions::{
    in_process::{App, Call, Data, Surroundings, TypedData},
    prelude::*,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{
    hint::black_box,
    time::{Duration, Instant},
};

#[path = "mode.rs"]
mod mode;

const ROUNDS: usize = 15;

#[derive(Default, Serialize, Deserialize)]
struct RegistryList {
    items: Vec<String>,
}

#[entity]
impl RegistryList {
    fn add_item(&mut self, item: String) -> usize {
        self.items.push(item);
        self.items.len()
    }

    fn count(&self) -> usize {
        self.items.len()
    }
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (rounds, shapes) = match mode::is_quick() {
        true => (1, vec![(0, 10), (10, 1)]),
        false => (ROUNDS, vec![(0, 1_000), (1_000, 1), (1_000, 1_000), (10_000, 1_000)]),
    };
    let app = App::linked().unwrap();
    let function = app.find("RegistryList").unwrap();
    println!(
        "operation     state items  operations       batch   per operation    reads    writes (of the state, alone)"
    );
    for operation in ["add_item", "count"] {
        for &(items, operations) in &shapes {
            let list = RegistryList {
                items: (0..items).map(|i| format!("gift number {i}")).collect(),
            };
            let state = serde_json::to_string(&list).unwrap();
            let batch: Vec<_> = (0..operations)
                .map(|i| json!({"name": operation, "input": format!("\"gift {i}\""), "isSignal": true}))
                .collect();
            let payload = json!({
                "self": {"name": "registrylist", "key": "a"}, "exists": true, "state": state, "batch": batch,
            });
            let payload = payload.to_string();
            let batch = median(rounds, || {
                let data = TypedData {
                    data: Some(Data::String(payload.clone())),
                };
                let call = Call {
                    inputs: vec![("context".to_owned(), data)],
                    ..Call::default()
                };
                let start = Instant::now();
                let outputs = runtime.block_on(app.invoke(function, call, &Surroundings::default()));
                let took = start.elapsed();
                black_box(outputs.unwrap());
                took
            });
            let read = median(rounds, || {
                let start = Instant::now();
                black_box(serde_json::from_str::<RegistryList>(&state).unwrap());
                start.elapsed()
            });
            let write = median(rounds, || {
                let start = Instant::now();
                black_box(serde_json::to_string(&list).unwrap());
                start.elapsed()
            });
            println!(
                "{operation:<12}{items:>13}{operations:>12}{batch:>12.1?}{:>16.1?}{read:>9.1?}{write:>10.1?}",
                batch / operations,
            );
        }
    }
}

fn median(rounds: usize, round: impl FnMut() -> Duration) -> Duration {
    let mut times: Vec<_> = std::iter::repeat_with(round).take(rounds).collect();
    times.sort_unstable();
    times[rounds / 2]
}
