//! How much the hub alone can do: `cargo test --release -p azure-functions-sdk --test durable load -- --ignored --nocapture`.

use std::{sync::Arc, time::Instant};

use serde_json::json;

use crate::{
    scripted::{Scripted, ok},
    world::World,
};

fn worker() -> Scripted {
    Scripted::default()
        .activity("echo", |input| ok(input.unwrap()))
        .orchestration("three", |context| {
            let one = context.activity("echo", "a")?;
            let two = context.activity("echo", "b")?;
            let three = context.activity("echo", "c")?;
            Ok(json!([one, two, three]))
        })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures; needs release mode and a quiet machine"]
async fn three_activity_orchestrations_per_second() {
    for in_flight in [1, 16, 256] {
        let world = Arc::new(World::new(worker()));
        let total = if in_flight == 1 { 500 } else { 10_000 };
        let start = Instant::now();
        let clients: Vec<_> = (0..in_flight)
            .map(|_| {
                let world = world.clone();
                tokio::spawn(async move {
                    for _ in 0..total / in_flight {
                        let answer = world
                            .post("/orchestrators/three?timeout=30&pollingInterval=1", "")
                            .await;
                        assert_eq!(answer.text, "[\"a\",\"b\",\"c\"]");
                    }
                })
            })
            .collect();
        for client in clients {
            client.await.unwrap();
        }
        let seconds = start.elapsed().as_secs_f64();
        let done = f64::from(total / in_flight * in_flight);
        let latency = seconds * 1000.0 * f64::from(in_flight) / done;
        println!(
            "{in_flight:>4} in flight: {:>7.0}/s, {latency:.2} ms each",
            done / seconds
        );
    }
}
