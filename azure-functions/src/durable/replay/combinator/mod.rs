//! Combinators: several futures at once, in an order that every replay repeats.
//!
//! The outermost combinator delivers one history event at a time and polls only the child that the event woke; nested
//! ones defer to it. Children are first polled in list order, woken ones in the order they were woken.

mod children;
mod completed;
mod concurrent;
mod join;
mod join_all;
mod select;
mod select_all;
mod timeout;
mod try_join_all;

pub use completed::{AsCompleted, NextCompleted};
pub use concurrent::ForEachConcurrent;
pub use join::{Join, JoinTuple, TryJoin, TryJoinTuple};
pub use join_all::JoinAll;
pub use select::{Either, Either3, Either4, Race, RaceTuple, Select, SelectTuple};
pub use select_all::SelectAll;
pub use timeout::Timeout;
pub use try_join_all::TryJoinAll;

use super::{
    core::Core,
    frame::{Frame, GroupId},
    ids::Site,
};
use std::{
    fmt,
    ops::ControlFlow,
    rc::Rc,
    task::{Context, Poll},
};

/// The part that all combinators share: a group of children and who is to be polled next.
pub(crate) struct Group {
    core: Rc<Core>,
    id: GroupId,
    site: Site,
    /// Children below this have been polled at least once.
    started: usize,
    /// The combinator has been ready.
    over: bool,
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group")
            .field("site", &self.site)
            .finish_non_exhaustive()
    }
}

/// What a combinator makes of a child that is ready: go on, or be ready itself.
pub(crate) type Step<T> = ControlFlow<T>;

impl Group {
    pub(crate) fn new(core: &Rc<Core>, site: Site) -> Self {
        Self {
            core: Rc::clone(core),
            id: core.new_group(),
            site,
            started: 0,
            over: false,
        }
    }

    /// The beginning of every poll of the combinator: refused once it has been ready.
    pub(crate) fn poll_again(&self, cx: &Context<'_>) -> Poll<()> {
        if !self.over {
            return Poll::Ready(());
        }
        if self.core.enter(self.site, cx) {
            self.core.refuse_repoll_at(self.site);
        }
        Poll::Pending
    }

    /// The combinator is ready with this, and is not to be polled again.
    pub(crate) fn end<T>(&mut self, output: T) -> Poll<T> {
        self.over = true;
        Poll::Ready(output)
    }

    /// Polls the children that have to be, until `poll` breaks or nothing is left to deliver. `poll` is called with the
    /// index of a child below `children()`.
    pub(crate) fn drive<S, T>(
        &mut self,
        cx: &mut Context<'_>,
        state: &mut S,
        children: impl Fn(&S) -> usize,
        mut poll: impl FnMut(&mut S, usize, &mut Context<'_>) -> Poll<Step<T>>,
    ) -> Poll<T> {
        if !self.core.enter(self.site, cx) {
            return Poll::Pending;
        }
        self.core.state.borrow_mut().frames.adopt(self.id);
        loop {
            let woken = self.core.state.borrow_mut().frames.pop_ready(self.id);
            let child = match woken {
                Some(child) => child,
                // New children come first in list order, and before anything more is delivered.
                None if self.started < children(state) => {
                    self.started += 1;
                    self.started - 1
                }
                None if !self.core.at_root() || !self.core.deliver() => {
                    self.core.wait();
                    return Poll::Pending;
                }
                None => continue,
            };
            let frame = Frame::Child {
                group: self.id,
                child: u32::try_from(child).unwrap_or(u32::MAX),
            };
            if let Poll::Ready(ControlFlow::Break(done)) = self.core.frame(frame, || poll(state, child, cx)) {
                return Poll::Ready(done);
            }
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Ok(mut state) = self.core.state.try_borrow_mut() {
            state.frames.free_group(self.id);
        }
    }
}
