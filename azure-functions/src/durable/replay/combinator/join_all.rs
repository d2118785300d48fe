//! All of a list.

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

/// Future of [`join_all`](crate::bindings::DurableOrchestrationContext::join_all): the outputs of all futures, in the
/// order of the list.
#[must_use = "futures do nothing unless you `.await` them"]
pub struct JoinAll<F: Future> {
    group: Group,
    children: Children<F>,
}

struct Children<F: Future> {
    futures: Vec<Option<Pin<Box<F>>>>,
    outputs: Vec<Option<F::Output>>,
    pending: usize,
}

impl<F: Future> Unpin for JoinAll<F> {}

impl<F: Future> fmt::Debug for JoinAll<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinAll")
            .field("pending", &self.children.pending)
            .finish_non_exhaustive()
    }
}

impl<F: Future> JoinAll<F> {
    pub(crate) fn new(core: &Rc<Core>, site: Site, futures: impl IntoIterator<Item = F>) -> Self {
        let futures: Vec<_> = futures.into_iter().map(|f| Some(Box::pin(f))).collect();
        let pending = futures.len();
        let outputs = std::iter::repeat_with(|| None).take(pending).collect();
        Self {
            group: Group::new(core, site),
            children: Children {
                futures,
                outputs,
                pending,
            },
        }
    }
}

impl<F: Future> Future for JoinAll<F> {
    type Output = Vec<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { group, children } = &mut *self;
        if children.pending == 0 {
            return Poll::Ready(std::mem::take(&mut children.outputs).into_iter().flatten().collect());
        }
        group
            .drive(
                cx,
                children,
                |children| children.futures.len(),
                |children, i, cx| {
                    let Some(future) = &mut children.futures[i] else {
                        return Poll::Ready(ControlFlow::Continue(()));
                    };
                    let output = std::task::ready!(future.as_mut().poll(cx));
                    children.futures[i] = None;
                    children.outputs[i] = Some(output);
                    children.pending -= 1;
                    Poll::Ready(if children.pending == 0 {
                        ControlFlow::Break(())
                    } else {
                        ControlFlow::Continue(())
                    })
                },
            )
            .map(|()| std::mem::take(&mut children.outputs).into_iter().flatten().collect())
    }
}
