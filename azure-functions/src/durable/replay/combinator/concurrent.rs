//! Bounded fan-out.

use super::Group;
use crate::durable::replay::core::{Core, Site};
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
    work: Work<I, M, F>,
}

struct Work<I: Iterator, M, F: Future> {
    items: std::iter::Fuse<I>,
    start: M,
    limit: usize,
    futures: Vec<Option<Pin<Box<F>>>>,
    outputs: Vec<Option<F::Output>>,
    running: usize,
}

impl<I: Iterator, M, F: Future> Unpin for ForEachConcurrent<I, M, F> {}

impl<I: Iterator, M, F: Future> fmt::Debug for ForEachConcurrent<I, M, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForEachConcurrent")
            .field("running", &self.work.running)
            .finish_non_exhaustive()
    }
}

impl<I: Iterator, M: FnMut(I::Item) -> F, F: Future> ForEachConcurrent<I, M, F> {
    pub(crate) fn new(core: &Rc<Core>, site: Site, limit: usize, items: I, start: M) -> Self {
        let work = Work {
            items: items.fuse(),
            start,
            limit: limit.max(1),
            futures: Vec::new(),
            outputs: Vec::new(),
            running: 0,
        };
        Self {
            group: Group::new(core, site),
            work,
        }
    }
}

impl<I: Iterator, M: FnMut(I::Item) -> F, F: Future> Work<I, M, F> {
    /// Starts items up to the limit; whether anything runs.
    fn fill(&mut self) -> bool {
        while self.running < self.limit {
            let Some(item) = self.items.next() else { break };
            self.futures.push(Some(Box::pin((self.start)(item))));
            self.outputs.push(None);
            self.running += 1;
        }
        self.running > 0
    }
}

impl<I: Iterator, M: FnMut(I::Item) -> F, F: Future> Future for ForEachConcurrent<I, M, F> {
    type Output = Vec<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { group, work } = &mut *self;
        if work.running == 0 && !work.fill() {
            return Poll::Ready(std::mem::take(&mut work.outputs).into_iter().flatten().collect());
        }
        group
            .drive(
                cx,
                work,
                |work| work.futures.len(),
                |work, i, cx| {
                    let Some(future) = &mut work.futures[i] else {
                        return Poll::Ready(ControlFlow::Continue(()));
                    };
                    let output = std::task::ready!(future.as_mut().poll(cx));
                    work.futures[i] = None;
                    work.outputs[i] = Some(output);
                    work.running -= 1;
                    Poll::Ready(if work.fill() {
                        ControlFlow::Continue(())
                    } else {
                        ControlFlow::Break(())
                    })
                },
            )
            .map(|()| std::mem::take(&mut work.outputs).into_iter().flatten().collect())
    }
}
