//! The context of an orchestration.

use super::{
    AsCompleted, CallError, CallFuture, CalledKind, ContinueAsNewFuture, EventFuture, ForEachConcurrent, InputError,
    Join, JoinAll, JoinTuple, Race, RaceTuple, RetryOptions, Select, SelectAll, SelectTuple, TimerFuture, TryJoin,
    TryJoinAll, TryJoinTuple,
    replay::{
        action::ActionKind,
        combinator::Timeout,
        core::{Core, Site},
        deliver::add,
        outcome::ContinueAsNew,
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{
    any::{TypeId, type_name},
    cell::Cell,
    fmt,
    future::Future,
    ops::Deref,
    panic::Location,
    rc::Rc,
    time::Duration,
};
use uuid::Uuid;

/// The trigger of an orchestration, and its only way to act.
///
/// Calls are made when the method is called, not when the future is awaited; futures of one context are put together
/// with the context's own combinators, which go by the order of the history.
///
/// `T` is the input, any JSON unless you say otherwise. An instance that was started with an input of another shape fails
/// before its code runs, with an error that says where the input differs.
pub struct DurableOrchestrationContext<T = Value> {
    pub(super) core: Rc<Shared<T>>,
}

/// What the clones of a context have in common.
pub(super) struct Shared<T> {
    core: Rc<Core>,
    /// The start input, where the payload holds it in an envelope of ours.
    unwrapped_input: Option<Rc<str>>,
    /// The input as it was read to check it, until somebody asks for it.
    input: Cell<Option<T>>,
}

impl<T> Deref for Shared<T> {
    type Target = Rc<Core>;

    fn deref(&self) -> &Rc<Core> {
        &self.core
    }
}

impl<T> Clone for DurableOrchestrationContext<T> {
    fn clone(&self) -> Self {
        Self {
            core: Rc::clone(&self.core),
        }
    }
}

impl<T> fmt::Debug for DurableOrchestrationContext<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DurableOrchestrationContext")
            .field("instance_id", &self.instance_id())
            .finish_non_exhaustive()
    }
}

impl DurableOrchestrationContext {
    pub(crate) fn new(core: Rc<Core>, unwrapped_input: Option<String>) -> Self {
        Self {
            core: Rc::new(Shared {
                core,
                unwrapped_input: unwrapped_input.map(Into::into),
                input: Cell::new(None),
            }),
        }
    }
}

impl<T> DurableOrchestrationContext<T> {
    /// The same context with the input as another type.
    pub(crate) fn with_input<U: DeserializeOwned + 'static>(
        &self,
    ) -> Result<DurableOrchestrationContext<U>, InputError> {
        // Any input is a `Value`, and whoever never asks for it need not wait for it.
        let input = if TypeId::of::<U>() == TypeId::of::<Value>() {
            None
        } else {
            Some(self.input_as()?)
        };
        Ok(DurableOrchestrationContext {
            core: Rc::new(Shared {
                core: Rc::clone(&self.core.core),
                unwrapped_input: self.core.unwrapped_input.clone(),
                input: Cell::new(input),
            }),
        })
    }

    /// The same context without the type of its input, for functions that do not care.
    #[must_use]
    pub fn untyped(&self) -> DurableOrchestrationContext {
        DurableOrchestrationContext {
            core: Rc::new(Shared {
                core: Rc::clone(&self.core.core),
                unwrapped_input: self.core.unwrapped_input.clone(),
                input: Cell::new(None),
            }),
        }
    }

    /// Id of this instance.
    #[must_use]
    pub fn instance_id(&self) -> &str {
        &self.core.history.instance_id
    }

    /// Id of the instance that started this one as a sub-orchestration.
    #[must_use]
    pub fn parent_instance_id(&self) -> Option<&str> {
        self.core.history.parent_instance_id.as_deref()
    }

    /// Name under which this orchestration was started.
    #[must_use]
    pub fn name(&self) -> String {
        self.core
            .history
            .text(self.core.history.name)
            .unwrap_or_default()
            .into_owned()
    }

    /// Version that this instance was started with; empty if it has none.
    #[must_use]
    pub fn version(&self) -> String {
        self.core
            .history
            .text(self.core.history.version)
            .unwrap_or_default()
            .into_owned()
    }

    /// The input that this instance was started with; null if there was none.
    ///
    /// # Panics
    /// If a `Deserialize` of yours refuses what it took before: the input was read once to see that it has this shape.
    #[must_use]
    pub fn input(&self) -> T
    where
        T: DeserializeOwned,
    {
        self.core
            .input
            .take()
            .unwrap_or_else(|| match serde_json::from_str(self.raw_input()) {
                Ok(input) => input,
                Err(error) => panic!("the input cannot be read a second time: {error}"),
            })
    }

    /// The input as a type of yours.
    ///
    /// # Errors
    /// If it has another shape; says where.
    pub fn input_as<U: DeserializeOwned>(&self) -> Result<U, InputError> {
        let mut deserializer = serde_json::Deserializer::from_str(self.raw_input());
        serde_path_to_error::deserialize(&mut deserializer).map_err(|error| InputError {
            instance_id: self.instance_id().to_owned(),
            expected: type_name::<U>(),
            path: error.path().to_string(),
            source: error.into_inner(),
        })
    }

    fn raw_input(&self) -> &str {
        match &self.core.unwrapped_input {
            Some(input) => input,
            None if self.core.history.input.is_empty() => "null",
            None => self.core.history.raw(self.core.history.input),
        }
    }

    /// The time of this point of the orchestration: when the episode that first got here began. It is the same in every
    /// replay and never goes backwards; use it instead of the clock.
    #[track_caller]
    #[must_use]
    pub fn current_time(&self) -> DateTime<Utc> {
        self.core.touch(Location::caller());
        self.core.now()
    }

    /// Whether the code at this point has run before. Use it to do things once that are not durable, such as logging;
    /// log records emitted while replaying are dropped anyway.
    #[track_caller]
    #[must_use]
    pub fn is_replaying(&self) -> bool {
        self.core.touch(Location::caller());
        self.core.is_replaying()
    }

    /// A new GUID that is the same in every replay and no other's: made from instance, time and a counter.
    #[track_caller]
    #[must_use]
    pub fn new_guid(&self) -> Uuid {
        /// Namespace of deterministic GUIDs of Durable Functions.
        const NAMESPACE: Uuid = Uuid::from_u128(0x9e95_2958_5e33_4daf_827f_2fa1_2937_b875);
        self.core.touch(Location::caller());
        let time = self.core.now().format("%Y-%m-%dT%H:%M:%S%.9fZ");
        let name = format!("{}_{time}_{}", self.instance_id(), self.core.next_guid_number());
        Uuid::new_v5(&NAMESPACE, name.as_bytes())
    }

    /// Whether this instance goes the new way at a point where the code was changed while instances were in flight.
    ///
    /// True in every execution that gets here for the first time with this code, and from then on; false in one that
    /// passed this point with code that did not ask. The answer is in the history, so it is the same in every replay, and
    /// the same wherever the same id is asked for in one execution. A true answer takes an id, as a call does.
    ///
    /// ```
    /// # use azure_functions::{bindings::DurableOrchestrationContext, durable::CallError, func};
    /// #[func]
    /// pub async fn ship_order(context: DurableOrchestrationContext) -> Result<(), CallError> {
    ///     if context.patched("check-stock-first") {
    ///         context.call_activity("check_stock", context.input()).await?;
    ///     }
    ///     context.call_activity("ship", context.input()).await?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// Once no execution is left that was answered false, remove the old way and the question: what the others have
    /// recorded of it is passed over. [The chapter on changing code](super#changing-code-with-instances-in-flight) has the
    /// whole story.
    ///
    /// # Panics
    /// If the history could not tell this id from another that was asked for in the same execution, which one pair in
    /// five hundred thousand million does: rename one of them.
    #[track_caller]
    #[must_use]
    pub fn patched(&self, id: &str) -> bool {
        if !self.core.touch(Location::caller()) {
            return false;
        }
        match self.core.patched(id) {
            Ok(answer) => answer,
            Err(alike) => panic!(
                "the history cannot tell the patch ids '{}' and '{id}' apart: rename the newer one",
                alike.other
            ),
        }
    }

    /// Sets what the status of this instance shows as its custom status, up to 16 KB of JSON. The last one of an episode
    /// counts. A value that cannot be written as JSON is ignored.
    #[track_caller]
    pub fn set_custom_status<S: Serialize>(&self, status: S) {
        if self.core.touch(Location::caller())
            && let Ok(json) = serde_json::to_string(&status)
        {
            self.core.set_custom_status(json);
        }
    }

    /// Calls an activity.
    #[track_caller]
    pub fn call_activity<D: Serialize>(&self, name: &str, input: D) -> CallFuture {
        self.make_call(self.activity(name, &input), None, Location::caller())
    }

    /// Calls an activity, and again when it fails.
    #[track_caller]
    pub fn call_activity_with_retry<D: Serialize>(&self, name: &str, options: RetryOptions, input: D) -> CallFuture {
        self.make_call(self.activity(name, &input), Some(options), Location::caller())
    }

    /// Starts another orchestration and waits for its output. Without an instance id it gets one made from this
    /// execution's and a number.
    #[track_caller]
    pub fn call_sub_orchestrator<D: Serialize>(&self, name: &str, instance_id: Option<&str>, input: D) -> CallFuture {
        self.make_call(
            self.sub_orchestration(name, instance_id, &input),
            None,
            Location::caller(),
        )
    }

    /// Starts another orchestration and waits for its output, and again when it fails. A given instance id is used by
    /// every attempt.
    #[track_caller]
    pub fn call_sub_orchestrator_with_retry<D: Serialize>(
        &self,
        name: &str,
        instance_id: Option<&str>,
        options: RetryOptions,
        input: D,
    ) -> CallFuture {
        self.make_call(
            self.sub_orchestration(name, instance_id, &input),
            Some(options),
            Location::caller(),
        )
    }

    pub(super) fn activity<D: Serialize>(&self, name: &str, input: &D) -> Result<ActionKind, CallError> {
        Ok(ActionKind::CallActivity {
            name: self.known(CalledKind::Activity, name)?,
            input: self.json(name, input)?,
        })
    }

    pub(super) fn sub_orchestration<D: Serialize>(
        &self,
        name: &str,
        id: Option<&str>,
        input: &D,
    ) -> Result<ActionKind, CallError> {
        let known = self.known(CalledKind::Orchestration, name)?;
        let id = id.filter(|id| !id.is_empty());
        // The host swallows these mistakes, and every later id would shift.
        let same = |other: &str| id.is_some_and(|id| id.eq_ignore_ascii_case(other));
        let reason = match id {
            Some(id) if id.starts_with('@') => Some("ids of entities start with '@'"),
            Some(_) if same(self.instance_id()) => Some("it is the id of this instance"),
            Some(_) if self.parent_instance_id().is_some_and(same) => Some("it is the id of the parent instance"),
            _ => None,
        };
        if let (Some(reason), Some(id)) = (reason, id) {
            return Err(CallError::InstanceId {
                name: name.to_owned(),
                id: id.to_owned(),
                reason,
            });
        }
        let instance_id = id.map(str::to_owned);
        Ok(ActionKind::CallSubOrchestration {
            name: known,
            instance_id,
            input: self.json(name, input)?,
        })
    }

    pub(super) fn json<D: Serialize>(&self, name: &str, input: &D) -> Result<String, CallError> {
        self.core.json(input).map_err(|source| CallError::Input {
            name: name.to_owned(),
            source,
        })
    }

    pub(super) fn known(&self, kind: CalledKind, name: &str) -> Result<Rc<str>, CallError> {
        if let Some(name) = self.core.known(kind, name) {
            return Ok(name);
        }
        let known = self.core.functions.names(kind);
        Err(CallError::NotRegistered {
            kind: match kind {
                CalledKind::Activity => "activity",
                CalledKind::Orchestration => "orchestration",
                CalledKind::Entity => "entity",
            },
            name: name.to_owned(),
            known: if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            },
        })
    }

    pub(super) fn make_call(
        &self,
        call: Result<ActionKind, CallError>,
        retry: Option<RetryOptions>,
        site: Site,
    ) -> CallFuture {
        let core = &self.core;
        let call = match call {
            Ok(call) => call,
            Err(error) => {
                core.touch(site);
                return CallFuture::refused(core, error);
            }
        };
        if !core.touch(site) {
            return CallFuture::called(core, core.inert(site), site);
        }
        let op = match retry {
            None => core.issue_call(call, site),
            Some(options) => core.issue_retry(call, options, site),
        };
        CallFuture::called(core, op, site)
    }

    /// Creates a timer that fires at a time, at once if that has passed. It may be as far away as you like. Dropping the
    /// future cancels the timer.
    #[track_caller]
    pub fn create_timer(&self, fire_at: DateTime<Utc>) -> TimerFuture {
        self.timer_at(fire_at, Location::caller())
    }

    /// Creates a timer that fires after a duration, counted from [`current_time`](Self::current_time).
    #[track_caller]
    pub fn create_timer_after(&self, delay: Duration) -> TimerFuture {
        self.timer_after(delay, Location::caller())
    }

    fn timer_after(&self, delay: Duration, site: Site) -> TimerFuture {
        let delay = TimeDelta::from_std(delay).unwrap_or(TimeDelta::MAX);
        self.timer_at(add(self.core.now(), delay), site)
    }

    /// The time, for what is built from the context.
    pub(super) fn now_at(&self, site: Site) -> DateTime<Utc> {
        self.core.touch(site);
        self.core.now()
    }

    pub(super) fn timer_at(&self, fire_at: DateTime<Utc>, site: Site) -> TimerFuture {
        let core = &self.core;
        let op = if core.touch(site) {
            core.issue_timer(fire_at, site)
        } else {
            core.inert(site)
        };
        TimerFuture::new(core, op, site)
    }

    /// Waits for an external event. Names compare ignoring case; events that came before the wait are kept, and the
    /// oldest wait gets the oldest event.
    #[track_caller]
    pub fn wait_for_event(&self, name: &str) -> EventFuture {
        self.event(name, Location::caller())
    }

    pub(super) fn event(&self, name: &str, site: Site) -> EventFuture {
        let core = &self.core;
        let op = if core.touch(site) {
            core.issue_wait(name, site)
        } else {
            core.inert(site)
        };
        EventFuture::new(core, op, site)
    }

    /// Waits for an external event, but no longer than a duration. An event that wins cancels the timer.
    #[track_caller]
    pub fn wait_for_event_with_timeout(&self, name: &str, timeout: Duration) -> EventOrTimeout {
        let site = Location::caller();
        let event = self.event(name, site);
        let timer = self.timer_after(timeout, site);
        EventOrTimeout {
            timeout: Timeout {
                select: Select::new(&self.core, site, (event, timer)),
            },
        }
    }

    /// Ends this execution and starts the orchestration over with a new input and an empty history. External events that
    /// were not waited for are handed on if `preserve_unprocessed_events`. Await it: it is never ready, and what else
    /// runs beside it in this execution is cut off at its next await. Where the orchestration names the types of its input and
    /// output, [`start_over`](Self::start_over) keeps to them.
    #[track_caller]
    pub fn continue_as_new<D: Serialize>(&self, input: D, preserve_unprocessed_events: bool) -> ContinueAsNewFuture {
        let site = Location::caller();
        if self.core.touch(site) {
            let input = serde_json::to_string(&input);
            match input {
                Ok(input) => self.core.continue_as_new(ContinueAsNew {
                    input,
                    preserve_unprocessed_events,
                }),
                Err(error) => panic!("the input of continue_as_new cannot be written as JSON: {error}"),
            }
        }
        ContinueAsNewFuture::new(&self.core, site)
    }

    /// Waits for all of a list; the outputs come in the order of the list.
    #[track_caller]
    pub fn join_all<I>(&self, futures: I) -> JoinAll<I::Item>
    where
        I: IntoIterator,
        I::Item: Future,
    {
        JoinAll::new(&self.core, Location::caller(), futures)
    }

    /// Waits for all of a list, or for the first error; the rest is dropped then.
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

    /// Waits for all of a tuple of two to eight, or for the first error; the rest is dropped then.
    #[track_caller]
    pub fn try_join<F: TryJoinTuple>(&self, futures: F) -> TryJoin<F> {
        TryJoin::new(&self.core, Location::caller(), futures)
    }

    /// Waits for the first of a list: its output, its index, and the other futures in their order. Dropping those stops
    /// them. To take all results as they come, [`as_completed`](Self::as_completed) costs less.
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

    /// Waits for the first of a tuple of two to four, and says which it was. The others are dropped.
    #[track_caller]
    pub fn select<F: SelectTuple>(&self, futures: F) -> Select<F> {
        Select::new(&self.core, Location::caller(), futures)
    }

    /// Waits for the first of a tuple of two to four that all have the same output. The others are dropped.
    #[track_caller]
    pub fn race<F: RaceTuple>(&self, futures: F) -> Race<F> {
        Race::new(&self.core, Location::caller(), futures)
    }

    /// Waits for a future, but no longer than a duration.
    #[track_caller]
    pub fn timeout<F: Future>(&self, limit: Duration, future: F) -> Timeout<F> {
        let site = Location::caller();
        let timer = self.timer_after(limit, site);
        Timeout {
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

/// Future of [`DurableOrchestrationContext::wait_for_event_with_timeout`]: the event's payload, or `None` if the time
/// passed first.
#[must_use = "futures do nothing unless you `.await` them"]
#[derive(Debug)]
pub struct EventOrTimeout {
    timeout: Timeout<EventFuture>,
}

impl Future for EventOrTimeout {
    type Output = Option<Value>;

    fn poll(mut self: std::pin::Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> std::task::Poll<Option<Value>> {
        std::pin::Pin::new(&mut self.timeout).poll(cx).map(Result::ok)
    }
}
