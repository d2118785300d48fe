//! Waits, threads, and tasks that are lost with the process.

use azure_functions::{bindings::*, func};
use std::time::Duration;

#[func]
async fn sleeps(context: DurableOrchestrationContext) {
    std::thread::sleep(Duration::from_secs(1));
    tokio::time::sleep(tokio::time::Duration::from_secs(1)).await;
    let _ = tokio::time::timeout(Duration::from_secs(1), context.wait_for_event("paid")).await;
}

#[func]
async fn threads(_context: DurableOrchestrationContext) {
    let _ = std::thread::spawn(|| ()).join();
    tokio::spawn(async {});
    async_std::task::spawn(async {});
    tokio::task::yield_now().await;
}

#[func]
async fn blocks(context: DurableOrchestrationContext) {
    let _ = Runtime.block_on(context.call_activity("pay", 1));
    let _ = futures::executor::block_on(context.call_activity("pay", 1));
}

/// Names of the user's own.
#[func]
async fn own(_context: DurableOrchestrationContext) {
    sleep(1);
    crate::clock::SystemTime::now();
}

fn sleep(_: u8) {}

mod clock {
    pub struct SystemTime;

    impl SystemTime {
        pub fn now() {}
    }
}

// What these crates look like from here.

struct Runtime;

impl Runtime {
    fn block_on<F: Future>(&self, _: F) {}
}

mod tokio {
    pub fn spawn<F: Future>(_: F) {}

    pub mod task {
        pub async fn yield_now() {}
    }

    pub mod time {
        pub use std::time::Duration;

        pub async fn sleep(_: Duration) {}

        pub async fn timeout<F: Future>(_: Duration, future: F) -> F::Output {
            future.await
        }
    }
}

mod async_std {
    pub mod task {
        pub fn spawn<F: Future>(_: F) {}
    }
}

mod futures {
    pub mod executor {
        pub fn block_on<F: Future>(_: F) {}
    }
}

fn main() {}
