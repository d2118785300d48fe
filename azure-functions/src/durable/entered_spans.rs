//! The spans of the crate `tracing` that code has entered and not left when it waits. A guard of a span may live across an `.await` in an
//! orchestration; while the code is parked, what else runs on its thread is not inside its spans.

#[cfg(feature = "tracing")]
use tracing::{dispatcher, span::Id};

/// The spans of one orchestration.
#[derive(Default)]
pub(super) struct EnteredSpans {
    /// Outermost first.
    #[cfg(feature = "tracing")]
    left: Vec<Id>,
    /// The span around the newest poll.
    #[cfg(feature = "tracing")]
    around: Option<Id>,
}

/// So deep are no spans: without this, a subscriber that does not do as it says would be asked for ever.
#[cfg(feature = "tracing")]
const DEPTH: usize = 1_000;

impl EnteredSpans {
    /// Enters them again: the code is about to be polled.
    #[cfg(feature = "tracing")]
    pub(super) fn enter(&mut self) {
        dispatcher::get_default(|dispatch| {
            self.around = dispatch.current_span().id().cloned();
            self.left.drain(..).for_each(|span| dispatch.enter(&span));
        });
    }

    /// Leaves what the newest poll has left entered: the code is going to be parked.
    #[cfg(feature = "tracing")]
    pub(super) fn leave(&mut self) {
        dispatcher::get_default(|dispatch| {
            while self.left.len() < DEPTH
                && let Some(span) = dispatch.current_span().id().cloned()
                && Some(&span) != self.around.as_ref()
            {
                dispatch.exit(&span);
                self.left.push(span);
            }
        });
        self.left.reverse();
    }

    /// Without the crate there are none.
    #[cfg(not(feature = "tracing"))]
    pub(super) fn enter(&mut self) {}

    /// Without the crate there are none.
    #[cfg(not(feature = "tracing"))]
    pub(super) fn leave(&mut self) {}
}
