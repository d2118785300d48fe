//! Bounded fan-out.

use super::{Group, children::Children};
use crate::durable::replay::{core::Core, ids::Site};
use std::{
    fmt,
    future::Future,
    ops::ControlFlow,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

/// Future of [`for_each_concurrent`](crate::bindings::DurableOrchestrationContext::for_each_concurrent): the outputs in
/// the order of the items.
#[must_use = "futures do nothing unless you `.await` them"]
pub struct ForEachConcurrent<I: Iterator, M, F: Future> {
    group: Group,
    waiting: Waiting<I, M>,
    children: Children<F, F::Output>,
}

/// The items that have not been started yet.
struct Waiting<I: Iterator, M> {
    items: std::iter::Fuse<I>,
    start: M,
    limit: usize,
}

impl<I: Iterator, M, F: Future> Unpin for ForEachConcurrent<I, M, F> {}

impl<I: Iterator, M, F: Future> fmt::Debug for ForEachConcurrent<I, M, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForEachConcurrent")
            .field("limit", &self.waiting.limit)
            .field("children", &self.children)
            .finish_non_exhaustive()
    }
}

impl<I: Iterator, M: FnMut(I::Item) -> F, F: Future> ForEachConcurrent<I, M, F> {
    pub(crate) fn new(core: &Rc<Core>, site: Site, limit: usize, items: I, start: M) -> Self {
        Self {
            group: Group::new(core, site),
            waiting: Waiting {
                items: items.fuse(),
                start,
                limit: limit.max(1),
            },
            children: Children::new(core, site),
        }
    }
}

impl<I: Iterator, M> Waiting<I, M> {
    /// Starts items up to the limit; whether anything runs.
    fn fill<F>(&mut self, children: &mut Children<F, F::Output>) -> bool
    where
        M: FnMut(I::Item) -> F,
        F: Future,
    {
        while children.pending() < self.limit {
            let Some(item) = self.items.next() else { break };
            children.push((self.start)(item));
        }
        children.pending() > 0
    }
}

impl<I: Iterator, M: FnMut(I::Item) -> F, F: Future> Future for ForEachConcurrent<I, M, F> {
    type Output = Vec<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self {
            group,
            waiting,
            children,
        } = &mut *self;
        std::task::ready!(group.poll_again(cx));
        if children.pending() > 0 || waiting.fill(children) {
            std::task::ready!(children.drive(group, cx, |children, index, output| {
                children.keep(index, output);
                if waiting.fill(children) {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            }));
        }
        group.end(children.take_kept())
    }
}
