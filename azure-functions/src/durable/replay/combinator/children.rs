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
    /// Those of a list: in one piece of memory, where they stay.
    listed: Pin<Box<[Option<F>]>>,
    /// Those that came one by one, behind the list.
    later: Vec<Option<Pin<Box<F>>>>,
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

/// Room for so many futures is made at once.
const FORESEEN: usize = 10_000;

impl<F, T> Children<F, T> {
    pub(super) fn new(core: &Rc<Core>, site: Site) -> Self {
        Self {
            core: Rc::clone(core),
            site,
            listed: Box::into_pin(Box::default()),
            later: Vec::new(),
            kept: Vec::new(),
            pending: 0,
        }
    }

    /// All of a list, as far as the limit allows.
    pub(super) fn of(core: &Rc<Core>, site: Site, futures: impl IntoIterator<Item = F>) -> Self {
        let futures = futures.into_iter();
        // Grown step by step, a list of large futures would be copied again and again; what an iterator promises may be too much.
        let mut list = Vec::with_capacity(futures.size_hint().0.min(FORESEEN));
        for future in futures {
            core.check_items(list.len(), site);
            list.push(Some(future));
        }
        Self {
            pending: list.len(),
            listed: Box::into_pin(list.into_boxed_slice()),
            ..Self::new(core, site)
        }
    }

    fn len(&self) -> usize {
        self.listed.len() + self.later.len()
    }

    /// A future, if it is not done.
    fn future(&mut self, index: usize) -> Option<Pin<&mut F>> {
        match index.checked_sub(self.listed.len()) {
            None => element(self.listed.as_mut(), index).as_pin_mut(),
            Some(index) => self.later[index].as_mut().map(Pin::as_mut),
        }
    }

    /// A future is done.
    fn forget(&mut self, index: usize) {
        match index.checked_sub(self.listed.len()) {
            None => element(self.listed.as_mut(), index).set(None),
            Some(index) => self.later[index] = None,
        }
    }

    pub(super) fn push(&mut self, future: F) {
        self.core.check_items(self.len(), self.site);
        self.later.push(Some(Box::pin(future)));
        self.pending += 1;
    }

    /// How many are not done.
    pub(super) fn pending(&self) -> usize {
        self.pending
    }

    pub(super) fn keep(&mut self, index: usize, value: T) {
        if self.kept.len() <= index {
            self.kept.resize_with(self.len(), || None);
        }
        self.kept[index] = Some(value);
    }

    /// What was kept, in the order of the list.
    #[expect(
        clippy::filter_map_identity,
        reason = "it works in place, where `flatten` takes another list"
    )]
    pub(super) fn take_kept(&mut self) -> Vec<T> {
        std::mem::take(&mut self.kept)
            .into_iter()
            .filter_map(|kept| kept)
            .collect()
    }

    /// Drops all futures: timers are cancelled, retries stop.
    pub(super) fn abandon(&mut self) {
        self.listed = Box::into_pin(Box::default());
        self.later.clear();
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
        group.drive(cx, self, Self::len, |children, index, cx| {
            let Some(future) = children.future(index) else {
                return Poll::Ready(ControlFlow::Continue(()));
            };
            let output = std::task::ready!(future.poll(cx));
            children.forget(index);
            children.pending -= 1;
            Poll::Ready(done(children, index, output))
        })
    }
}

/// An element of a pinned list, which is pinned, too.
#[expect(
    unsafe_code,
    reason = "the standard library has no safe way to an element of a pinned slice, and a box for each future costs a fan-out a tenth of its time"
)]
fn element<F>(list: Pin<&mut [Option<F>]>, index: usize) -> Pin<&mut Option<F>> {
    // SAFETY: nothing moves an element of the list. It is reachable only behind this `Pin`: `Children` drops elements where they are,
    // and the list as a whole is a box, which moves without them. `Option` has no part that would be moved by a pinned method.
    unsafe { list.map_unchecked_mut(|list| &mut list[index]) }
}
