//! The first of a tuple.

use super::{Group, join::JoinTuple};
use crate::durable::replay::{core::Core, ids::Site};
use std::{
    fmt,
    future::Future,
    ops::ControlFlow,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

/// Which of two was first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Either<A, B> {
    /// The first of the tuple.
    First(A),
    /// The second of the tuple.
    Second(B),
}

/// Which of three was first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Either3<A, B, C> {
    /// The first of the tuple.
    First(A),
    /// The second of the tuple.
    Second(B),
    /// The third of the tuple.
    Third(C),
}

/// Which of four was first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Either4<A, B, C, D> {
    /// The first of the tuple.
    First(A),
    /// The second of the tuple.
    Second(B),
    /// The third of the tuple.
    Third(C),
    /// The fourth of the tuple.
    Fourth(D),
}

/// Tuples of two to four futures of which the first can be awaited.
pub trait SelectTuple: JoinTuple {
    /// Says which was first.
    type First;
    #[doc(hidden)]
    fn first(running: &mut Self::Running, i: usize) -> Option<Self::First>;
}

/// Tuples of two to four futures of one output of which the first can be awaited.
pub trait RaceTuple: JoinTuple {
    /// The output that all share.
    type Winner;
    #[doc(hidden)]
    fn winner(running: &mut Self::Running, i: usize) -> Option<Self::Winner>;
}

macro_rules! selector {
    ($(#[$doc:meta])* $name:ident, $tuple:ident, $output:ident, $take:ident) => {
        $(#[$doc])*
        #[must_use = "futures do nothing unless you `.await` them"]
        pub struct $name<T: $tuple> {
            group: Group,
            // Gone once it is ready, so that the losers are dropped with the wait and not with the variable.
            running: Option<T::Running>,
        }

        impl<T: $tuple> Unpin for $name<T> {}

        impl<T: $tuple> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }

        impl<T: $tuple> $name<T> {
            pub(crate) fn new(core: &Rc<Core>, site: Site, futures: T) -> Self {
                Self { group: Group::new(core, site), running: Some(futures.start()) }
            }
        }

        impl<T: $tuple> Future for $name<T> {
            type Output = T::$output;

            fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T::$output> {
                let Self { group, running } = &mut *self;
                std::task::ready!(group.poll_again(cx));
                let first = std::task::ready!(group.drive(cx, running, |_| T::COUNT, |running, i, cx| {
                    let Some(members) = running else { return Poll::Pending };
                    let _done = std::task::ready!(T::poll(members, i, cx));
                    Poll::Ready(match T::$take(members, i) {
                        Some(first) => ControlFlow::Break(first),
                        None => ControlFlow::Continue(()),
                    })
                }));
                *running = None;
                group.end(first)
            }
        }
    };
}

selector! {
    /// Future of [`select`](crate::bindings::DurableOrchestrationContext::select): the first output of a tuple, and whose
    /// it is. The others are dropped.
    Select, SelectTuple, First, first
}
selector! {
    /// Future of [`race`](crate::bindings::DurableOrchestrationContext::race): the first output of a tuple whose futures
    /// all have the same. The others are dropped.
    Race, RaceTuple, Winner, winner
}

macro_rules! select_tuple {
    ($either:ident; $($f:ident $variant:ident $i:tt),+) => {
        impl<$($f: Future),+> SelectTuple for ($($f,)+) {
            type First = $either<$($f::Output),+>;

            fn first(running: &mut Self::Running, i: usize) -> Option<Self::First> {
                match i {
                    $($i => running.$i.take().map($either::$variant),)+
                    _ => None,
                }
            }
        }

        impl<Output, $($f: Future<Output = Output>),+> RaceTuple for ($($f,)+) {
            type Winner = Output;

            fn winner(running: &mut Self::Running, i: usize) -> Option<Output> {
                match i {
                    $($i => running.$i.take(),)+
                    _ => None,
                }
            }
        }
    };
}

select_tuple!(Either; A First 0, B Second 1);
select_tuple!(Either3; A First 0, B Second 1, C Third 2);
select_tuple!(Either4; A First 0, B Second 1, C Third 2, D Fourth 3);

#[cfg(test)]
mod tests {
    use crate::durable::replay::combinator::join::Member;

    #[test]
    fn a_member_is_taken_once() {
        let mut member: Member<std::future::Ready<u8>> = Member::Done(3);
        assert_eq!(member.take(), Some(3));
        assert_eq!(member.take(), None);
    }
}
