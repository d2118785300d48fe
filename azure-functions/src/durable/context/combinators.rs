//! Several futures of the context at once, in the order of the history.

use crate::durable::{
    AsCompleted, DurableOrchestrationContext, ForEachConcurrent, Join, JoinAll, JoinTuple, Race, RaceTuple, Select,
    SelectAll, SelectTuple, TryJoin, TryJoinAll, TryJoinTuple, replay::combinator::Timeout,
};
use std::{future::Future, panic::Location, time::Duration};

impl<T> DurableOrchestrationContext<T> {
    /// Waits for all of a list; the outputs come in the order of the list.
    ///
    /// The futures of a list are of one type. Different ones that have the same output go into boxes: every future of the context
    /// has a method `boxed`. The calls are made when they are listed; an `async` block in a box makes its calls later, when the list
    /// is first awaited.
    ///
    /// ```
    /// # use azure_functions::prelude::*;
    /// # #[func]
    /// # fn pack(order: String) -> ActivityOutput<String> {
    /// #     order.into()
    /// # }
    /// # #[func]
    /// # async fn bill(context: DurableOrchestrationContext<String>) -> OrchestrationOutput<String> {
    /// #     context.input().into()
    /// # }
    /// #[func]
    /// async fn ship(context: DurableOrchestrationContext<String>) -> Result<(), CallError> {
    ///     let order = context.input();
    ///     let steps = [
    ///         context.call::<pack>(order.clone()).boxed(),
    ///         context.call_sub::<bill>(order.clone()).boxed(),
    ///         Box::pin(async { context.call::<pack>(order).await }),
    ///     ];
    ///     for result in context.join_all(steps).await {
    ///         println!("{}", result?);
    ///     }
    ///     Ok(())
    /// }
    /// ```
    #[track_caller]
    pub fn join_all<I>(&self, futures: I) -> JoinAll<I::Item>
    where
        I: IntoIterator,
        I::Item: Future,
    {
        JoinAll::new(&self.core, Location::caller(), futures)
    }

    /// Waits for all of a list, or for the first error; the rest is dropped then. Calls that are dropped go on all the same: on
    /// the JSON wire the [instance stays `Running`](crate::guide::orchestrations#an-orchestration-that-has-ended-may-stay-running)
    /// until they have ended.
    #[track_caller]
    pub fn try_join_all<I, O, E>(&self, futures: I) -> TryJoinAll<I::Item, O>
    where
        I: IntoIterator,
        I::Item: Future<Output = Result<O, E>>,
    {
        TryJoinAll::new(&self.core, Location::caller(), futures)
    }

    /// Waits for all of a tuple of two to eight.
    #[track_caller]
    pub fn join<F: JoinTuple>(&self, futures: F) -> Join<F> {
        Join::new(&self.core, Location::caller(), futures)
    }

    /// Waits for all of a tuple of two to eight, or for the first error; the rest is dropped then. Calls that are dropped go on
    /// all the same: on the JSON wire
    /// the [instance stays `Running`](crate::guide::orchestrations#an-orchestration-that-has-ended-may-stay-running)
    /// until they have ended.
    #[track_caller]
    pub fn try_join<F: TryJoinTuple>(&self, futures: F) -> TryJoin<F> {
        TryJoin::new(&self.core, Location::caller(), futures)
    }

    /// Waits for the first of a list: its output, its index, and the other futures in their order. Dropping those stops the waits,
    /// not the calls: on the JSON wire
    /// the [instance stays `Running`](crate::guide::orchestrations#an-orchestration-that-has-ended-may-stay-running)
    /// until they have ended. To take all results as they come, [`as_completed`](Self::as_completed) costs less.
    ///
    /// Different futures go into one list as boxes, as with [`join_all`](Self::join_all):
    ///
    /// ```
    /// # use azure_functions::prelude::*;
    /// # use std::time::Duration;
    /// #[func]
    /// async fn first(context: DurableOrchestrationContext) -> Result<OrchestrationOutput<usize>, CallError> {
    ///     let reminder = context.create_timer_after(Duration::from_secs(3600));
    ///     let events = ["paid", "cancelled"].map(|name| context.wait_for_event(name).boxed());
    ///     let late = Box::pin(async {
    ///         reminder.await;
    ///         "late".into()
    ///     });
    ///     let (_, index, _rest) = context.select_all(events.into_iter().chain([late as _])).await;
    ///     Ok(index.into())
    /// }
    /// ```
    ///
    /// # Panics
    /// If the list is empty: nothing could ever be first.
    #[track_caller]
    pub fn select_all<I>(&self, futures: I) -> SelectAll<I::Item>
    where
        I: IntoIterator,
        I::Item: Future + Unpin,
    {
        SelectAll::new(&self.core, Location::caller(), futures)
    }

    /// Waits for the first of a tuple of two to four, and says which it was. The others are dropped; calls among them go on;
    /// on the JSON wire the [instance stays `Running`](crate::guide::orchestrations#an-orchestration-that-has-ended-may-stay-running)
    /// until they have ended.
    #[track_caller]
    pub fn select<F: SelectTuple>(&self, futures: F) -> Select<F> {
        Select::new(&self.core, Location::caller(), futures)
    }

    /// Waits for the first of a tuple of two to four that all have the same output. The others are dropped; calls among them go
    /// on; on the JSON wire the [instance stays `Running`](crate::guide::orchestrations#an-orchestration-that-has-ended-may-stay-running)
    /// until they have ended.
    #[track_caller]
    pub fn race<F: RaceTuple>(&self, futures: F) -> Race<F> {
        Race::new(&self.core, Location::caller(), futures)
    }

    /// Waits for a future, but no longer than a duration; [`CallError::TimedOut`](crate::durable::CallError::TimedOut) if that passes
    /// first. Around a call, `.await??` takes both errors.
    ///
    /// The call goes on after its limit. On the JSON wire
    /// the [instance stays `Running`](crate::guide::orchestrations#an-orchestration-that-has-ended-may-stay-running)
    /// until it has ended; on protobuf it ends when its code returns. The link has a recipe.
    #[track_caller]
    pub fn timeout<F: Future>(&self, limit: Duration, future: F) -> Timeout<F> {
        let site = Location::caller();
        let timer = self.timer_after(limit, site);
        Timeout {
            limit,
            select: Select::new(&self.core, site, (future, timer)),
        }
    }

    /// Runs a list of futures and gives out their results as they come.
    #[track_caller]
    pub fn as_completed<I>(&self, futures: I) -> AsCompleted<I::Item>
    where
        I: IntoIterator,
        I::Item: Future,
    {
        AsCompleted::new(&self.core, Location::caller(), futures)
    }

    /// Starts a future for each item, at most `limit` of them at a time (at least one); the outputs come in the order of
    /// the items.
    #[track_caller]
    pub fn for_each_concurrent<I, M, F>(&self, limit: usize, items: I, start: M) -> ForEachConcurrent<I::IntoIter, M, F>
    where
        I: IntoIterator,
        M: FnMut(I::Item) -> F,
        F: Future,
    {
        ForEachConcurrent::new(&self.core, Location::caller(), limit, items.into_iter(), start)
    }
}
