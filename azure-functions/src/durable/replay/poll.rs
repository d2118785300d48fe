//! The one poll of a turn, and the frames that combinators open in it.

use super::{
    core::{CURRENT, Core},
    frame::Frame,
    ids::Site,
    refusal::Refusal,
    waker,
};
use std::{
    rc::Rc,
    task::{Context, Poll},
};

impl Core {
    /// Runs `body` as the one poll of this turn; a kept instance has one a turn. Panics of user code pass through.
    pub(crate) fn poll<T>(self: &Rc<Self>, body: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        struct Reset;
        impl Drop for Reset {
            fn drop(&mut self) {
                CURRENT.take();
            }
        }
        CURRENT.set(Some(Rc::clone(self)));
        let _reset = Reset;
        let waker = waker::panicking();
        self.frame(Frame::Root, || body(&mut Context::from_waker(&waker)))
    }

    /// Polls in a frame of its own, and refuses what the frame shows to be foreign.
    pub(super) fn frame<T>(&self, frame: Frame, body: impl FnOnce() -> Poll<T>) -> Poll<T> {
        struct Close<'a>(&'a Core, Option<bool>);
        impl Drop for Close<'_> {
            fn drop(&mut self) {
                if self.1.is_none() {
                    self.0.state.borrow_mut().frames.pop();
                }
            }
        }
        self.state.borrow_mut().frames.push(frame);
        let mut close = Close(self, None);
        let polled = body();
        let waits = self.state.borrow_mut().frames.pop();
        close.1 = Some(waits);
        match (&polled, waits) {
            (Poll::Pending, false) => self.refuse(Refusal::NothingAwaited, None),
            (Poll::Ready(_), true) => self.refuse(Refusal::ReadyAfterPending, None),
            _ => polled,
        }
    }

    /// Every poll of a future of the context comes through here; false if it is to stay pending.
    pub(super) fn enter(&self, site: Site, cx: &Context<'_>) -> bool {
        if self.sealed.get() {
            return false;
        }
        let mut state = self.state.borrow_mut();
        state.open_call = None;
        let waits = state.frames.waits();
        drop(state);
        if waits {
            self.refuse(Refusal::ForeignConcurrency, Some(site));
        }
        if !waker::is_ours(cx.waker()) {
            self.refuse(Refusal::ForeignWaker, Some(site));
        }
        true
    }
}
