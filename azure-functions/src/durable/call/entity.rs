//! The call of an operation of an entity.

use super::{RawCall, typed_output};
use crate::durable::{CallError, ReadJson};
use serde_json::Value;
use std::{
    fmt,
    marker::PhantomData,
    panic::Location,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// Future of a called operation of an entity: what it answered, or why the call failed.
#[must_use = "the call has been made, but its output and its failure are lost unless you `.await` it"]
pub struct EntityCall<T = Value> {
    call: RawCall,
    operation: &'static str,
    answer: PhantomData<fn() -> T>,
}

impl<T> EntityCall<T> {
    pub(in crate::durable) fn new(call: RawCall, operation: &'static str) -> Self {
        Self {
            call,
            operation,
            answer: PhantomData,
        }
    }

    /// A name for this call in reports, as that of [`ActivityCall::named`](super::ActivityCall::named).
    #[track_caller]
    pub fn named(self, name: &str) -> Self {
        self.call.named(name, Location::caller());
        self
    }
}

// Operations may answer with what nobody reads, so that only here it is asked whether it can be read.
impl<T: ReadJson> Future for EntityCall<T> {
    type Output = Result<T, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(Pin::new(&mut self.call).poll(cx));
        Poll::Ready(answer.and_then(|answer| typed_output(self.operation, answer)))
    }
}

impl<T> fmt::Debug for EntityCall<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntityCall")
            .field("call", &self.call)
            .finish_non_exhaustive()
    }
}
