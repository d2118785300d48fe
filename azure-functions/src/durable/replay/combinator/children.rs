//! The futures of a list that are under way, and what has come of those that are done.

use super::{Group, Step};
use crate::durable::replay::{core::Core, ids::Site};
use std::{
    fmt,
    future::Future,
    ops::ControlFlow,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

/// Futures by their index in the list, and of each that is done what its combinator keeps.
pub(super) struct Children<F, T> {
    core: Rc<Core>,
    site: Site,
    futures: Vec<Option<Pin<Box<F>>>>,
    /// As long as the futures once there is something in it.
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

impl<F, T> Children<F, T> {
    pub(super) fn new(core: &Rc<Core>, site: Site) -> Self {
        Self {
            core: Rc::clone(core),
            site,
            futures: Vec::new(),
            kept: Vec::new(),
            pending: 0,
        }
    }

    /// All of a list, as far as the limit allows.
    pub(super) fn of(core: &Rc<Core>, site: Site, futures: impl IntoIterator<Item = F>) -> Self {
        let mut children = Self::new(core, site);
        for future in futures {
            children.push(future);
        }
        children
    }

    pub(super) fn push(&mut self, future: F) {
        self.core.check_items(self.futures.len(), self.site);
        self.futures.push(Some(Box::pin(future)));
        self.pending += 1;
    }

    /// How many are not done.
    pub(super) fn pending(&self) -> usize {
        self.pending
    }

    pub(super) fn keep(&mut self, index: usize, value: T) {
        if self.kept.len() <= index {
            self.kept.resize_with(self.futures.len(), || None);
        }
        self.kept[index] = Some(value);
    }

    /// What was kept, in the order of the list.
    pub(super) fn take_kept(&mut self) -> Vec<T> {
        // In place, where `flatten` would take another list.
        std::mem::take(&mut self.kept).into_iter().filter_map(|kept| kept).collect()
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
