//! Looks at the threads while they poll.

use super::{polling::Shared, stations::WARNED};
use crate::{context::Context, once::first_time};
use std::{
    sync::{Arc, PoisonError},
    thread,
    time::Duration,
};

/// How often the watch looks at the threads.
const TICK: Duration = Duration::from_millis(50);

impl Shared {
    /// Looks at the threads while any of them polls.
    pub(super) fn watch(self: Arc<Self>) {
        let mut state = self.state();
        while !state.stopped {
            state.watched = state.busy > 0;
            if !state.watched {
                state = self.polling.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            drop(state);
            thread::sleep(TICK);
            self.replace_reader();
            state = self.state();
            let blocking = state.look();
            let wanted = state.wanted(self.width, state.ready.len());
            let numbers: Vec<usize> = (0..wanted).map(|_| state.begin_thread()).collect();
            drop(state);
            for number in numbers {
                self.add(number);
            }
            for context in blocking {
                warn(&context);
            }
            state = self.state();
        }
    }
}

/// Names a function that has been in one poll for long. What it does there is not known: it may wait without `.await`, compute, or
/// loop over what is always ready.
fn warn(context: &Context) {
    let function = context.function_name();
    if first_time(function, "blocking a thread") {
        context.enter(|| {
            log::warn!(
                "function `{function}` blocks its thread, for more than {} ms now: an `async` function waits with `.await` only; make it \
                 a plain `fn`, which has a thread to itself, or move what blocks to `tokio::task::spawn_blocking` (said once)",
                TICK.as_millis() * u128::from(WARNED)
            );
        });
    }
}
