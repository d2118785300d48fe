//! The first of a list.

use super::Group;
use crate::durable::replay::{core::Core, ids::Site};
use std::{
    future::Future,
    ops::ControlFlow,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

/// Future of [`select_all`](crate::bindings::DurableOrchestrationContext::select_all): the first output, its index, and
/// the other futures in their order.
#[must_use = "futures do nothing unless you `.await` them"]
#[derive(Debug)]
pub struct SelectAll<F> {
    group: Group,
    futures: Vec<F>,
}

impl<F> SelectAll<F> {
    #[track_caller]
    pub(crate) fn new(core: &Rc<Core>, site: Site, futures: impl IntoIterator<Item = F>) -> Self {
        let mut list = Vec::new();
        for future in futures {
            core.check_items(list.len(), site);
            list.push(future);
        }
        assert!(
            !list.is_empty(),
            "select_all needs at least one future: an empty list would never be ready"
        );
        Self {
            group: Group::new(core, site),
            futures: list,
        }
    }
}

impl<F: Future + Unpin> Future for SelectAll<F> {
    type Output = (F::Output, usize, Vec<F>);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { group, futures } = &mut *self;
        std::task::ready!(group.poll_again(cx));
        let (output, index) = std::task::ready!(group.drive(cx, futures, Vec::len, |futures, i, cx| {
            let output = std::task::ready!(Pin::new(&mut futures[i]).poll(cx));
            Poll::Ready(ControlFlow::Break((output, i)))
        }));
        let mut rest = std::mem::take(futures);
        drop(rest.remove(index));
        group.end((output, index, rest))
    }
}
