//! The futures of a list that are under way, and what has come of those that are done.

use super::{Group, Step};
use std::{
    fmt,
    future::Future,
    ops::ControlFlow,
    pin::Pin,
    task::{Context, Poll},
};

/// Futures by their index in the list, and of each that is done what its combinator keeps.
pub(super) struct Children<F, T> {
    futures: Vec<Option<Pin<Box<F>>>>,
    kept: Vec<Option<T>>,
    pending: usize,
}

impl<F, T> fmt::Debug for Children<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Children")
            .field("pending", &self.pending)
            .finish_non_exhaustive()
    }
}

impl<F, T> FromIterator<F> for Children<F, T> {
    fn from_iter<I: IntoIterator<Item = F>>(futures: I) -> Self {
        let futures: Vec<_> = futures.into_iter().map(|future| Some(Box::pin(future))).collect();
        let pending = futures.len();
        let kept = std::iter::repeat_with(|| None).take(pending).collect();
        Self { futures, kept, pending }
    }
}

impl<F, T> Children<F, T> {
    pub(super) fn push(&mut self, future: F) {
        self.futures.push(Some(Box::pin(future)));
        self.kept.push(None);
        self.pending += 1;
    }

    /// How many are not done.
    pub(super) fn pending(&self) -> usize {
        self.pending
    }

    pub(super) fn keep(&mut self, index: usize, value: T) {
        self.kept[index] = Some(value);
    }

    /// What was kept, in the order of the list.
    pub(super) fn take_kept(&mut self) -> Vec<T> {
        std::mem::take(&mut self.kept).into_iter().flatten().collect()
    }

    /// Drops all futures: timers are cancelled, retries stop.
    pub(super) fn abandon(&mut self) {
        self.futures.clear();
    }
}

impl<F: Future, T> Children<F, T> {
    /// Polls those that have to be, until `done`, which is told each output and its index, breaks.
    pub(super) fn drive<R>(
        &mut self,
        group: &mut Group,
        cx: &mut Context<'_>,
        mut done: impl FnMut(&mut Self, usize, F::Output) -> Step<R>,
    ) -> Poll<R> {
        group.drive(
            cx,
            self,
            |children| children.futures.len(),
            |children, index, cx| {
                let Some(future) = &mut children.futures[index] else {
                    return Poll::Ready(ControlFlow::Continue(()));
                };
                let output = std::task::ready!(future.as_mut().poll(cx));
                children.futures[index] = None;
                children.pending -= 1;
                Poll::Ready(done(children, index, output))
            },
        )
    }
}
