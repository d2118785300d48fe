//! The waker that user code is polled with. It wakes nothing: code that clones or wakes it awaits something that history
//! does not know, and is told so at once.

use super::{core::Core, refusal::Refusal};
use std::{
    ptr,
    task::{RawWaker, RawWakerVTable, Waker},
};

static VTABLE: RawWakerVTable = RawWakerVTable::new(|_| refuse(), |_| refuse(), |_| refuse(), |_| ());

/// The waker of every episode.
#[expect(
    unsafe_code,
    reason = "a waker that notices its clones can only be made from a raw one"
)]
pub(crate) fn panicking() -> Waker {
    // SAFETY: the data pointer is null and no function of the table looks at it; cloning, waking and waking by
    // reference unwind, dropping does nothing. There is no safe way to see a waker being cloned: `Wake` clones an Arc.
    unsafe { Waker::from_raw(RawWaker::new(ptr::null(), &VTABLE)) }
}

/// Whether `waker` is ours and not one that a foreign combinator put in its place.
pub(crate) fn is_ours(waker: &Waker) -> bool {
    ptr::eq(waker.vtable(), &VTABLE)
}

fn refuse<T>() -> T {
    Core::refuse_current(Refusal::ForeignAwait)
}
