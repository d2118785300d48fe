//! All of a list, or the first error.

use super::{Group, children::Children};
use crate::durable::replay::{core::Core, ids::Site};
use std::{
    future::Future,
    ops::ControlFlow,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

/// Future of [`try_join_all`](crate::bindings::DurableOrchestrationContext::try_join_all): the values of all futures in
/// the order of the list, or the error that comes first in history.
#[must_use = "futures do nothing unless you `.await` them"]
#[derive(Debug)]
pub struct TryJoinAll<F, T> {
    group: Group,
    children: Children<F, T>,
}

impl<F, T> Unpin for TryJoinAll<F, T> {}

impl<F, T> TryJoinAll<F, T> {
    pub(crate) fn new(core: &Rc<Core>, site: Site, futures: impl IntoIterator<Item = F>) -> Self {
        Self {
            group: Group::new(core, site),
            children: Children::of(core, site, futures),
        }
    }
}

impl<F: Future<Output = Result<T, E>>, T, E> Future for TryJoinAll<F, T> {
    type Output = Result<Vec<T>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { group, children } = &mut *self;
        std::task::ready!(group.poll_again(cx));
        if children.pending() > 0 {
            let ended = std::task::ready!(children.drive(group, cx, |children, index, result| match result {
                Ok(value) => {
                    children.keep(index, value);
                    if children.pending() == 0 {
                        ControlFlow::Break(Ok(()))
                    } else {
                        ControlFlow::Continue(())
                    }
                }
                Err(error) => {
                    children.abandon();
                    ControlFlow::Break(Err(error))
                }
            }));
            if let Err(error) = ended {
                return group.end(Err(error));
            }
        }
        group.end(Ok(children.take_kept()))
    }
}
