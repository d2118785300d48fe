//! A time limit around anything.

use super::{Either, Select};
use crate::durable::TimerFuture;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

/// Future of [`timeout`](crate::bindings::DurableOrchestrationContext::timeout): the output, or [`Elapsed`] if the timer
/// fired first. The loser is dropped, so a losing timer is cancelled.
#[must_use = "futures do nothing unless you `.await` them"]
#[derive(Debug)]
pub struct Timeout<F: Future> {
    pub(crate) select: Select<(F, TimerFuture)>,
}

/// The time limit passed first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the time limit passed")]
pub struct Elapsed;

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.select).poll(cx).map(|first| match first {
            Either::First(output) => Ok(output),
            Either::Second(()) => Err(Elapsed),
        })
    }
}
