//! All of a list, or the first error.

use super::Group;
use crate::durable::replay::core::{Core, Site};
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

#[derive(Debug)]
struct Children<F, T> {
    futures: Vec<Option<Pin<Box<F>>>>,
    values: Vec<Option<T>>,
    pending: usize,
}

impl<F, T> Unpin for TryJoinAll<F, T> {}

impl<F, T> TryJoinAll<F, T> {
    pub(crate) fn new(core: &Rc<Core>, site: Site, futures: impl IntoIterator<Item = F>) -> Self {
        let futures: Vec<_> = futures.into_iter().map(|f| Some(Box::pin(f))).collect();
        let pending = futures.len();
        let values = std::iter::repeat_with(|| None).take(pending).collect();
        Self {
            group: Group::new(core, site),
            children: Children {
                futures,
                values,
                pending,
            },
        }
    }
}

impl<F: Future<Output = Result<T, E>>, T, E> Future for TryJoinAll<F, T> {
    type Output = Result<Vec<T>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { group, children } = &mut *self;
        if children.pending == 0 {
            return Poll::Ready(Ok(std::mem::take(&mut children.values).into_iter().flatten().collect()));
        }
        let ended = std::task::ready!(group.drive(
            cx,
            children,
            |children| children.futures.len(),
            |children, i, cx| {
                let Some(future) = &mut children.futures[i] else {
                    return Poll::Ready(ControlFlow::Continue(()));
                };
                match std::task::ready!(future.as_mut().poll(cx)) {
                    Ok(value) => {
                        children.futures[i] = None;
                        children.values[i] = Some(value);
                        children.pending -= 1;
                        let all = children.pending == 0;
                        Poll::Ready(if all {
                            ControlFlow::Break(Ok(()))
                        } else {
                            ControlFlow::Continue(())
                        })
                    }
                    Err(error) => {
                        // The rest is dropped here: timers are cancelled, retries stop.
                        children.futures.clear();
                        Poll::Ready(ControlFlow::Break(Err(error)))
                    }
                }
            },
        ));
        Poll::Ready(ended.map(|()| std::mem::take(&mut children.values).into_iter().flatten().collect()))
    }
}
