//! All of a list.

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

/// Future of [`join_all`](crate::bindings::DurableOrchestrationContext::join_all): the outputs of all futures, in the
/// order of the list.
#[must_use = "futures do nothing unless you `.await` them"]
pub struct JoinAll<F: Future> {
    group: Group,
    children: Children<F, F::Output>,
}

impl<F: Future> Unpin for JoinAll<F> {}

impl<F: Future> fmt::Debug for JoinAll<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinAll")
            .field("children", &self.children)
            .finish_non_exhaustive()
    }
}

impl<F: Future> JoinAll<F> {
    pub(crate) fn new(core: &Rc<Core>, site: Site, futures: impl IntoIterator<Item = F>) -> Self {
        Self {
            group: Group::new(core, site),
            children: Children::of(core, site, futures),
        }
    }
}

impl<F: Future> Future for JoinAll<F> {
    type Output = Vec<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { group, children } = &mut *self;
        std::task::ready!(group.poll_again(cx));
        if children.pending() > 0 {
            std::task::ready!(children.drive(group, cx, |children, index, output| {
                children.keep(index, output);
                if children.pending() == 0 {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            }));
        }
        group.end(children.take_kept())
    }
}
