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
    stage: Stage<F, T>,
    context: Context,
}

enum Stage<F, T> {
    Start(F),
    Polled(Pin<Box<dyn Future<Output = T> + Send>>),
    Over,
}

impl<F: FnOnce() -> Pin<Box<dyn Future<Output = T> + Send>>, T> Protected<F, T> {
    /// Begins with the first poll.
    pub(crate) fn new(begin: F, context: Context) -> Self {
        Self {
            stage: Stage::Start(begin),
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
        let stage = mem::replace(&mut self.stage, Stage::Over);
        if matches!(stage, Stage::Over) {
            return;
        }
        // The hook has told of the panic, and there is no answer to put it into.
        let _ = self.context.enter(|| catch(move || drop(stage)));
    }
}

impl<F: FnOnce() -> Pin<Box<dyn Future<Output = T> + Send>>, T> Future for Protected<F, T> {
    type Output = Result<T, Panic>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Result<T, Panic>> {
        let this = &mut *self;
        let stage = &mut this.stage;
        this.context.enter(|| {
            let polled = catch(|| {
                if let Stage::Start(..) = stage
                    && let Stage::Start(begin) = mem::replace(stage, Stage::Over)
                {
                    *stage = Stage::Polled(begin());
                }
                match stage {
                    Stage::Polled(future) => future.as_mut().poll(cx),
                    // Only after a panic, and then the future is over.
                    Stage::Start(..) | Stage::Over => Poll::Pending,
                }
            });
            let outcome = match polled {
                Ok(Poll::Pending) => return Poll::Pending,
                Ok(Poll::Ready(result)) => Ok(result),
                Err(panic) => Err(panic),
            };
            let ended = catch(|| *stage = Stage::Over);
            Poll::Ready(outcome.and_then(|result| ended.map(|()| result)))
        })
    }
}
