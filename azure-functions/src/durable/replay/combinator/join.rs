//! All of a tuple.

use super::Group;
use crate::durable::replay::{core::Core, ids::Site};
use std::{
    fmt,
    future::Future,
    ops::ControlFlow,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

/// Tuples of two to eight futures that can be awaited together.
pub trait JoinTuple: Sized {
    /// The outputs, as a tuple.
    type Output;
    #[doc(hidden)]
    type Running;
    #[doc(hidden)]
    const COUNT: usize;
    #[doc(hidden)]
    fn start(self) -> Self::Running;
    /// Ready with whether the member was not done before.
    #[doc(hidden)]
    fn poll(running: &mut Self::Running, i: usize, cx: &mut Context<'_>) -> Poll<bool>;
    #[doc(hidden)]
    fn take(running: &mut Self::Running) -> Option<Self::Output>;
}

/// Tuples of two to eight futures of results that can be awaited together.
pub trait TryJoinTuple: JoinTuple {
    /// The values, as a tuple.
    type Values;
    /// The error that all share.
    type Error;
    #[doc(hidden)]
    fn error(running: &mut Self::Running, i: usize) -> Option<Self::Error>;
    #[doc(hidden)]
    fn values(output: Self::Output) -> Result<Self::Values, Self::Error>;
}

/// Future of [`join`](crate::bindings::DurableOrchestrationContext::join): the outputs of all futures of a tuple.
#[must_use = "futures do nothing unless you `.await` them"]
pub struct Join<T: JoinTuple> {
    group: Group,
    running: T::Running,
    pending: usize,
}

impl<T: JoinTuple> Unpin for Join<T> {}

impl<T: JoinTuple> fmt::Debug for Join<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Join")
            .field("pending", &self.pending)
            .finish_non_exhaustive()
    }
}

impl<T: JoinTuple> Join<T> {
    pub(crate) fn new(core: &Rc<Core>, site: Site, futures: T) -> Self {
        Self {
            group: Group::new(core, site),
            running: futures.start(),
            pending: T::COUNT,
        }
    }
}

impl<T: JoinTuple> Future for Join<T> {
    type Output = T::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T::Output> {
        let Self {
            group,
            running,
            pending,
        } = &mut *self;
        std::task::ready!(group.poll_again(cx));
        let mut state = (running, pending);
        let output = std::task::ready!(group.drive(
            cx,
            &mut state,
            |_| T::COUNT,
            |(running, pending), i, cx| {
                if !std::task::ready!(T::poll(running, i, cx)) {
                    return Poll::Ready(ControlFlow::Continue(()));
                }
                **pending -= 1;
                Poll::Ready(match (**pending, T::take(running)) {
                    (0, Some(output)) => ControlFlow::Break(output),
                    _ => ControlFlow::Continue(()),
                })
            },
        ));
        group.end(output)
    }
}

/// Future of [`try_join`](crate::bindings::DurableOrchestrationContext::try_join): the values of all futures of a tuple,
/// or the error that comes first in history.
#[must_use = "futures do nothing unless you `.await` them"]
pub struct TryJoin<T: TryJoinTuple> {
    group: Group,
    running: T::Running,
    pending: usize,
}

impl<T: TryJoinTuple> Unpin for TryJoin<T> {}

impl<T: TryJoinTuple> fmt::Debug for TryJoin<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TryJoin")
            .field("pending", &self.pending)
            .finish_non_exhaustive()
    }
}

impl<T: TryJoinTuple> TryJoin<T> {
    pub(crate) fn new(core: &Rc<Core>, site: Site, futures: T) -> Self {
        Self {
            group: Group::new(core, site),
            running: futures.start(),
            pending: T::COUNT,
        }
    }
}

impl<T: TryJoinTuple> Future for TryJoin<T> {
    type Output = Result<T::Values, T::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self {
            group,
            running,
            pending,
        } = &mut *self;
        std::task::ready!(group.poll_again(cx));
        let mut state = (running, pending);
        let output = std::task::ready!(group.drive(
            cx,
            &mut state,
            |_| T::COUNT,
            |(running, pending), i, cx| {
                if !std::task::ready!(T::poll(running, i, cx)) {
                    return Poll::Ready(ControlFlow::Continue(()));
                }
                if let Some(error) = T::error(running, i) {
                    return Poll::Ready(ControlFlow::Break(Err(error)));
                }
                **pending -= 1;
                Poll::Ready(match (**pending, T::take(running)) {
                    (0, Some(output)) => ControlFlow::Break(T::values(output)),
                    _ => ControlFlow::Continue(()),
                })
            },
        ));
        group.end(output)
    }
}

/// A member of a tuple: under way, done, or taken.
#[doc(hidden)]
#[expect(unnameable_types, reason = "only the tuples' own trait names it")]
pub enum Member<F: Future> {
    Future(Pin<Box<F>>),
    Done(F::Output),
    Gone,
}

impl<F: Future> fmt::Debug for Member<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Future(_) => "Future",
            Self::Done(_) => "Done",
            Self::Gone => "Gone",
        })
    }
}

impl<F: Future> Member<F> {
    pub(super) fn new(future: F) -> Self {
        Self::Future(Box::pin(future))
    }

    /// Ready with true when the future is, with false if it had been before.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let Self::Future(future) = self else {
            return Poll::Ready(false);
        };
        let output = std::task::ready!(future.as_mut().poll(cx));
        *self = Self::Done(output);
        Poll::Ready(true)
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self, Self::Done(_))
    }

    pub(super) fn take(&mut self) -> Option<F::Output> {
        match std::mem::replace(self, Self::Gone) {
            Self::Done(output) => Some(output),
            other => {
                *self = other;
                None
            }
        }
    }
}

macro_rules! join_tuple {
    ($count:literal; $($f:ident $t:ident $i:tt),+) => {
        impl<$($f: Future),+> JoinTuple for ($($f,)+) {
            type Output = ($($f::Output,)+);
            type Running = ($(Member<$f>,)+);
            const COUNT: usize = $count;

            fn start(self) -> Self::Running {
                ($(Member::new(self.$i),)+)
            }

            fn poll(running: &mut Self::Running, i: usize, cx: &mut Context<'_>) -> Poll<bool> {
                match i {
                    $($i => running.$i.poll(cx),)+
                    _ => Poll::Ready(false),
                }
            }

            fn take(running: &mut Self::Running) -> Option<Self::Output> {
                if $(running.$i.is_done())&&+ { Some(($(running.$i.take()?,)+)) } else { None }
            }
        }

        impl<Error, $($t,)+ $($f: Future<Output = Result<$t, Error>>),+> TryJoinTuple for ($($f,)+) {
            type Values = ($($t,)+);
            type Error = Error;

            fn error(running: &mut Self::Running, i: usize) -> Option<Error> {
                match i {
                    $($i if matches!(running.$i, Member::Done(Err(_))) => running.$i.take()?.err(),)+
                    _ => None,
                }
            }

            fn values(output: Self::Output) -> Result<Self::Values, Error> {
                Ok(($(output.$i?,)+))
            }
        }
    };
}

join_tuple!(2; A TA 0, B TB 1);
join_tuple!(3; A TA 0, B TB 1, C TC 2);
join_tuple!(4; A TA 0, B TB 1, C TC 2, D TD 3);
join_tuple!(5; A TA 0, B TB 1, C TC 2, D TD 3, E TE 4);
join_tuple!(6; A TA 0, B TB 1, C TC 2, D TD 3, E TE 4, F TF 5);
join_tuple!(7; A TA 0, B TB 1, C TC 2, D TD 3, E TE 4, F TF 5, G TG 6);
join_tuple!(8; A TA 0, B TB 1, C TC 2, D TD 3, E TE 4, F TF 5, G TG 6, H TH 7);
