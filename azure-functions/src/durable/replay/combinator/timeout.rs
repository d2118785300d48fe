//! A time limit around anything.

use super::{Either, Select};
use crate::durable::{CallError, TimerFuture};
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

/// Future of [`timeout`](crate::bindings::DurableOrchestrationContext::timeout): the output, or [`CallError::TimedOut`]
/// if the timer fired first. The loser is dropped, so a losing timer is cancelled.
#[must_use = "futures do nothing unless you `.await` them"]
#[derive(Debug)]
pub struct Timeout<F: Future> {
    pub(crate) limit: Duration,
    pub(crate) select: Select<(F, TimerFuture)>,
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let limit = self.limit;
        Pin::new(&mut self.select).poll(cx).map(|first| match first {
            Either::First(output) => Ok(output),
            Either::Second(()) => Err(CallError::TimedOut { limit }),
        })
    }
}
