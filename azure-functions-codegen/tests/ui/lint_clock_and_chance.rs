//! Clocks, ids and chance in an orchestration.

use azure_functions::{bindings::*, func};

#[func]
async fn clock(context: DurableOrchestrationContext) {
    let begun = std::time::SystemTime::now();
    context.set_custom_status(format!("{:?}", begun.elapsed().map(|_| std::time::Instant::now())));
    let _ = [chrono::Utc::now(), chrono::Local::now()];
}

#[func]
async fn ids(ctx: DurableOrchestrationContext) {
    let _ = ctx.call_activity("pay", Uuid::new_v4()).await;
    let _ = ctx.call_activity("pay", Uuid::now_v7()).await;
}

#[func]
async fn chance(context: DurableOrchestrationContext) {
    let pause = vec![rand::random::<u64>(), fastrand::u64(..)];
    context.set_custom_status(pause);
}

/// Activities may do all of it.
#[func]
fn activity(_context: DurableActivityContext) {
    let _ = (std::time::SystemTime::now(), Uuid::new_v4(), rand::random::<u8>());
}

// What these crates look like from here.

struct Uuid;

impl Uuid {
    fn new_v4() -> u128 {
        4
    }

    fn now_v7() -> u128 {
        7
    }
}

mod chrono {
    pub struct Utc;
    pub struct Local;

    impl Utc {
        pub fn now() {}
    }

    impl Local {
        pub fn now() {}
    }
}

mod rand {
    pub fn random<T: Default>() -> T {
        T::default()
    }
}

mod fastrand {
    pub fn u64(_: std::ops::RangeFull) -> u64 {
        0
    }
}

fn main() {}
