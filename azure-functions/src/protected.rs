//! Runs the user's code so that a panic stays where it is.

use crate::{
    FunctionError,
    context::Context,
    invocation::Outputs,
    panics::{Panic, catch},
};
use std::{
    future::Future,
    mem,
    pin::Pin,
    task::{self, Poll},
};

/// How a function ended.
pub(crate) type Outcome = Result<Result<Outputs, FunctionError>, Panic>;

/// Asynchronous code of the user: its beginning, every poll and its end run inside the invocation's context, and may panic.
pub(crate) struct Protected<F, T> {
    state: State<F, T>,
    context: Context,
}

enum State<F, T> {
    Start(F),
    Polled(Pin<Box<dyn Future<Output = T> + Send>>),
    Over,
}

impl<F: FnOnce() -> Pin<Box<dyn Future<Output = T> + Send>>, T> Protected<F, T> {
    /// Begins with the first poll.
    pub(crate) fn new(begin: F, context: Context) -> Self {
        Self {
            state: State::Start(begin),
            context,
        }
    }
}

/// Nothing in it is pinned in place: what is polled is in a box.
impl<F, T> Unpin for Protected<F, T> {}

/// A worker that stops drops the functions that still wait, and so does a test host. What a function holds is dropped in the
/// invocation's context, too, and what it panics with goes no further: the executor ends the process for a panic here.
impl<F, T> Drop for Protected<F, T> {
    fn drop(&mut self) {
        let state = mem::replace(&mut self.state, State::Over);
        if matches!(state, State::Over) {
            return;
        }
        // The hook has told of the panic, and there is no answer to put it into.
        let _ = self.context.enter(|| catch(move || drop(state)));
    }
}

impl<F: FnOnce() -> Pin<Box<dyn Future<Output = T> + Send>>, T> Future for Protected<F, T> {
    type Output = Result<T, Panic>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Result<T, Panic>> {
        let this = &mut *self;
        let state = &mut this.state;
        this.context.enter(|| {
            let polled = catch(|| {
                if let State::Start(..) = state
                    && let State::Start(begin) = mem::replace(state, State::Over)
                {
                    *state = State::Polled(begin());
                }
                match state {
                    State::Polled(future) => future.as_mut().poll(cx),
                    // Only after a panic, and then the future is over.
                    State::Start(..) | State::Over => Poll::Pending,
                }
            });
            let outcome = match polled {
                Ok(Poll::Pending) => return Poll::Pending,
                Ok(Poll::Ready(result)) => Ok(result),
                Err(panic) => Err(panic),
            };
            let ended = catch(|| *state = State::Over);
            Poll::Ready(outcome.and_then(|result| ended.map(|()| result)))
        })
    }
}
