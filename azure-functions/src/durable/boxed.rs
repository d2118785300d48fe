//! Futures of the context in a box, for lists of different ones.

use super::{
    ActivityCall, ContinueAsNewFuture, EntityCall, EventFuture, EventOrTimeout, ForEachConcurrent, HttpCall, Join,
    JoinAll, JoinTuple, LockFuture, Race, RaceTuple, ReadJson, ReturnedByActivity, Select, SelectAll, SelectTuple,
    StartOver, SubOrchestrationCall, Timeout, TimerFuture, TryJoin, TryJoinAll, TryJoinTuple, TypedEvent,
};
use std::pin::Pin;

/// A future of an orchestration in a box. All with the same output are of one type, and go into one list.
///
/// Every future of the context has a method `boxed` that makes one. `Box::pin(async move { .. })` makes one of a block, whose calls
/// are made when it is first polled and not before.
pub type BoxedFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

macro_rules! boxed {
    ($([$($generics:tt)*] $future:ty;)*) => {$(
        impl<$($generics)*> $future {
            /// The future in a box, to go into a list with other futures that have the same output: see
            /// [`join_all`](crate::bindings::DurableOrchestrationContext::join_all).
            pub fn boxed<'f>(self) -> BoxedFuture<'f, <Self as Future>::Output>
            where
                Self: 'f,
            {
                Box::pin(self)
            }
        }
    )*};
}

boxed! {
    [O, E] ActivityCall<O, E>;
    [O, E] ReturnedByActivity<O, E>;
    [O] SubOrchestrationCall<O>;
    [T: ReadJson] EntityCall<T>;
    [] HttpCall;
    [] TimerFuture;
    [] EventFuture;
    [] EventOrTimeout;
    [E] TypedEvent<E>;
    [] LockFuture;
    [] ContinueAsNewFuture;
    [R] StartOver<R>;
    [F: Future] JoinAll<F>;
    [F: Future<Output = Result<T, E>>, T, E] TryJoinAll<F, T>;
    [T: JoinTuple] Join<T>;
    [T: TryJoinTuple] TryJoin<T>;
    [T: SelectTuple] Select<T>;
    [T: RaceTuple] Race<T>;
    [F: Future + Unpin] SelectAll<F>;
    [F: Future] Timeout<F>;
    [I: Iterator, M: FnMut(I::Item) -> F, F: Future] ForEachConcurrent<I, M, F>;
}
