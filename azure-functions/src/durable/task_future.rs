//! The futures that the context gives out for single tasks.

use super::replay::{core::Core, event_wait::Content, operation::Answered, refusal::Refusal};
use crate::durable::replay::ids::{OpId, Site};
use serde_json::Value;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

/// An operation of the core whose drop stops it.
pub(super) struct Handle {
    pub(super) core: Rc<Core>,
    pub(super) op: OpId,
    site: Site,
}

impl Handle {
    pub(super) fn new(core: &Rc<Core>, op: OpId, site: Site) -> Self {
        Self {
            core: Rc::clone(core),
            op,
            site,
        }
    }

    pub(super) fn poll(&self, cx: &Context<'_>) -> Poll<Answered> {
        self.core.poll_operation(self.op, self.site, cx)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.core.drop_operation(self.op, self.site);
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.site.file(), self.site.line())
    }
}

/// Future of a durable timer: ready when it has fired. Dropping it, or [`cancel`](Self::cancel), cancels a timer that
/// has not.
#[must_use = "a timer that is dropped is cancelled: `.await` it"]
#[derive(Debug)]
pub struct TimerFuture {
    handle: Handle,
}

impl TimerFuture {
    pub(super) fn new(core: &Rc<Core>, op: OpId, site: Site) -> Self {
        Self {
            handle: Handle {
                core: Rc::clone(core),
                op,
                site,
            },
        }
    }

    /// Cancels the timer, as dropping it does.
    pub fn cancel(self) {
        drop(self);
    }
}

impl Future for TimerFuture {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.handle.poll(cx).map(|_| ())
    }
}

/// Future of an external event: its payload. Dropping it before it returned leaves the event to the next wait.
#[must_use = "nothing waits for the event unless you `.await` this"]
#[derive(Debug)]
pub struct EventFuture {
    handle: Handle,
}

impl EventFuture {
    pub(super) fn new(core: &Rc<Core>, op: OpId, site: Site) -> Self {
        Self {
            handle: Handle {
                core: Rc::clone(core),
                op,
                site,
            },
        }
    }

    /// The payload; an error if it is JSON that cannot be read.
    pub(super) fn poll_payload(&self, cx: &mut Context<'_>) -> Poll<serde_json::Result<Value>> {
        let answered = std::task::ready!(self.handle.poll(cx));
        let Answered::Arrival(event) = answered else {
            return Poll::Ready(Ok(Value::Null));
        };
        let core = &self.handle.core;
        Poll::Ready(match core.arrival_content(event) {
            Content::History(span) => core.history.nested_json(span),
            Content::HandedOn(json) => serde_json::from_str(&json),
        })
    }
}

impl Future for EventFuture {
    type Output = Value;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Value> {
        match std::task::ready!(self.poll_payload(cx)) {
            Ok(payload) => Poll::Ready(payload),
            Err(error) => {
                let Handle { core, site, .. } = &self.handle;
                core.refuse_about(Refusal::UnreadableEvent, &error.to_string(), site)
            }
        }
    }
}

/// Future of [`continue_as_new`](crate::bindings::DurableOrchestrationContext::continue_as_new): never ready, because
/// this execution ends here.
#[must_use = "await this: nothing behind it runs in this execution"]
#[derive(Debug)]
pub struct ContinueAsNewFuture {
    core: Rc<Core>,
    site: Site,
}

impl ContinueAsNewFuture {
    pub(super) fn new(core: &Rc<Core>, site: Site) -> Self {
        Self {
            core: Rc::clone(core),
            site,
        }
    }
}

impl Future for ContinueAsNewFuture {
    // So that `return context.continue_as_new(..).await` has the type that the orchestration returns.
    type Output = super::OrchestrationOutput;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.core.wait_for_good(self.site, cx);
        Poll::Pending
    }
}
