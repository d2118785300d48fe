//! A list, one result at a time, as they come.

use super::{Group, children::Children};
use crate::durable::replay::{core::Core, ids::Site};
use std::{
    convert::Infallible,
    future::Future,
    ops::ControlFlow,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

/// What [`as_completed`](crate::bindings::DurableOrchestrationContext::as_completed) gives out: the results of a list of
/// futures in the order in which they come. Each costs the same, however long the list is.
#[derive(Debug)]
pub struct AsCompleted<F> {
    group: Group,
    /// Results are given out at once, none is kept.
    children: Children<F, Infallible>,
}

impl<F> Unpin for AsCompleted<F> {}

impl<F: Future> AsCompleted<F> {
    pub(crate) fn new(core: &Rc<Core>, site: Site, futures: impl IntoIterator<Item = F>) -> Self {
        Self {
            group: Group::new(core, site),
            children: Children::of(core, site, futures),
        }
    }

    #[expect(
        clippy::should_implement_trait,
        reason = "it is the asynchronous `next`, as streams have it"
    )]
    /// The next result with the index of its future in the list; `None` once all have been given out.
    pub fn next(&mut self) -> NextCompleted<'_, F> {
        NextCompleted { all: self, over: false }
    }

    /// How many results are still to come.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.children.pending()
    }
}

/// Future of [`AsCompleted::next`].
#[must_use = "futures do nothing unless you `.await` them"]
#[derive(Debug)]
pub struct NextCompleted<'a, F> {
    all: &'a mut AsCompleted<F>,
    /// It has been ready.
    over: bool,
}

impl<F: Future> Future for NextCompleted<'_, F> {
    type Output = Option<(usize, F::Output)>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { all, over } = &mut *self;
        let AsCompleted { group, children } = &mut **all;
        if *over {
            group.over = true;
        }
        std::task::ready!(group.poll_again(cx));
        if children.pending() == 0 {
            *over = true;
            return Poll::Ready(None);
        }
        let next = std::task::ready!(children.drive(group, cx, |_, index, output| ControlFlow::Break((index, output))));
        *over = true;
        Poll::Ready(Some(next))
    }
}
