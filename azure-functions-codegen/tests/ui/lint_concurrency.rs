//! Several things at once, without the context.

#![allow(unused_variables)]

use azure_functions::{bindings::*, func};

#[func]
async fn macros(context: DurableOrchestrationContext) {
    tokio::join!(context.call_activity("a", 1), context.call_activity("b", 2));
    tokio::select! {
        _ = context.call_activity("a", 1) => {}
        _ = tokio::time::sleep(DAY) => {}
    }
    futures::select! { _ = context.wait_for_event("paid") => {} };
    futures::try_join!(context.call_activity("a", 1));
}

#[func]
async fn functions(context: DurableOrchestrationContext) {
    use futures::future::join_all;
    join_all([context.call_activity("a", 1)]);
    futures::future::select(context.call_activity("a", 1), context.call_activity("b", 2));
    futures::stream::FuturesUnordered::new();
}

// What these crates look like from here.

mod tokio {
    pub use crate::{ignored as join, ignored as select};
}

mod futures {
    pub use crate::{ignored as select, ignored as try_join};

    pub mod future {
        pub fn join_all<T>(_: T) {}
        pub fn select<A, B>(_: A, _: B) {}
    }

    pub mod stream {
        pub struct FuturesUnordered;

        impl FuturesUnordered {
            pub fn new() {}
        }
    }
}

#[macro_export]
macro_rules! ignored {
    ($($any:tt)*) => {};
}

fn main() {}
