//! Starting an orchestration over with an input of its type.

use crate::durable::{
    ContinueAsNewFuture, DurableOrchestrationContext,
    replay::{action::UnprocessedEvents, core::Core, refusal::Refusal},
};
use serde::Serialize;
use std::{
    fmt,
    marker::PhantomData,
    panic::Location,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

impl<T> DurableOrchestrationContext<T> {
    /// Ends this execution and starts the orchestration over with a new input of the same type and an empty history. External
    /// events that were not waited for are handed on, unless
    /// [`discard_unprocessed_events`](StartOver::discard_unprocessed_events) says otherwise. The future has any type, and is
    /// never ready: return it. What else runs beside it in this execution is cut off at its next await.
    ///
    /// ```
    /// # use azure_functions::prelude::*;
    /// #[func]
    /// async fn count(context: DurableOrchestrationContext<u32>) -> OrchestrationOutput<String> {
    ///     match context.input() {
    ///         3 => "done".into(),
    ///         n => context.start_over(n + 1).await,
    ///     }
    /// }
    /// ```
    ///
    /// # Panics
    /// If the input cannot be written as JSON.
    #[track_caller]
    pub fn start_over<R>(&self, input: T) -> StartOver<R>
    where
        T: Serialize,
    {
        let site = Location::caller();
        let counts = self.request_to_start_over(&input, UnprocessedEvents::Keep, site);
        StartOver {
            core: Rc::clone(&self.core),
            counts,
            never: ContinueAsNewFuture::new(&self.core, site),
            returned: PhantomData,
        }
    }
}

/// Future of [`start_over`](DurableOrchestrationContext::start_over): never ready, because this execution ends here.
#[must_use = "return this: nothing behind it runs in this execution"]
pub struct StartOver<R> {
    core: Rc<Core>,
    /// Whether this is the request that counts: the first one of the execution does.
    counts: bool,
    never: ContinueAsNewFuture,
    returned: PhantomData<fn() -> R>,
}

impl<R> StartOver<R> {
    /// Drops the external events that have come and were not waited for, instead of handing them on to the next execution.
    pub fn discard_unprocessed_events(self) -> Self {
        if self.counts {
            self.core
                .amend_continue_as_new(|request| request.events = UnprocessedEvents::Discard);
        }
        self
    }

    /// Starts over with another version, which [`version`](DurableOrchestrationContext::version) says from then on. Without this the
    /// version stays.
    ///
    /// Only the protobuf wire has that. On the JSON wire the orchestration is refused: it fails, and the error says so.
    #[track_caller]
    pub fn version(self, version: impl Into<String>) -> Self {
        let site = Location::caller();
        if self.counts && self.core.touch(site) {
            if self.core.history.has_shim() {
                self.core.refuse_about(Refusal::NewVersion, "version", site);
            }
            let version = version.into();
            self.core
                .amend_continue_as_new(|request| request.version = Some(version));
        }
        self
    }
}

impl<R> Future for StartOver<R> {
    type Output = R;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R> {
        // It cannot be ready; if it were, waiting on would be the only right thing.
        match Pin::new(&mut self.never).poll(cx) {
            Poll::Ready(_) | Poll::Pending => Poll::Pending,
        }
    }
}

impl<R> fmt::Debug for StartOver<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StartOver").field(&self.never).finish()
    }
}
