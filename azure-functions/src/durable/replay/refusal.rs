//! What the core refuses user code, and how it says so: the reason is recorded in the core, where no `catch_unwind` of
//! user code can hide it, and a marker unwinds to the episode.

use std::{borrow::Cow, panic::Location};

/// What to do where there is too much.
const PORTIONS: &str = "Do the work in portions: give a part of it to each of several sub-orchestrations, or start over with \
    `context.continue_as_new(..)`. AZURE_FUNCTIONS_EPISODE_MAX_ACTIONS sets this limit, `maxOrchestrationActions` in host.json \
    that of the host";

/// Why an episode was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The waker was cloned or woken: a timer, socket, channel or task of some runtime was awaited.
    ForeignAwait,
    /// Pending, but nothing of the context was awaited.
    NothingAwaited,
    /// The context was used after an await of it had gone pending: two awaits at once without a combinator of the context.
    ForeignConcurrency,
    /// A future of the context was polled by a combinator that brings its own waker.
    ForeignWaker,
    /// A future was ready although it had awaited something that is not there yet.
    ReadyAfterPending,
    /// A finished future was polled again.
    PolledAfterReady,
    /// The host is too old for critical sections.
    HostWithoutLocks,
    /// Another version for the next execution, where the host has no place for it.
    NewVersion,
    /// A lock of no entity at all.
    NothingToLock,
    /// A lock while locks are held.
    NestedLock,
    /// A lock while another is asked for.
    LockPending,
    /// A call to another entity while locks are held.
    CallOutsideLocks,
    /// A call to a locked entity while another is out.
    SecondCall,
    /// A signal to a locked entity.
    SignalToLocked,
    /// A sub-orchestration while locks are held.
    SubOrchestrationInSection,
    /// The lock of an entity that the app does not have.
    UnknownEntity,
    /// An option of a call, set after something else had happened.
    LateOption,
    /// An event came with JSON that no `Value` holds.
    UnreadableEvent,
    /// More actions in one execution than this limit.
    TooManyActions(usize),
    /// More futures or entities in one call than this limit.
    TooManyItems(usize),
}

/// A refusal with the call it happened at, if one is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused {
    pub(crate) refusal: Refusal,
    pub(crate) site: Option<&'static Location<'static>>,
}

/// The unwinding payload of a refusal. It carries nothing: the core knows.
pub(crate) struct Marker;

impl Refusal {
    /// What happened and what to write instead; reads after "orchestration 'x' …".
    pub(crate) fn explain(self) -> Cow<'static, str> {
        let text = match self {
            Self::TooManyActions(limit) => {
                return format!(
                    "asked for more than {limit} actions (activities, timers, events and the like) in one execution. {PORTIONS}"
                )
                .into();
            }
            Self::TooManyItems(limit) => {
                return format!("gave more than {limit} futures or entities to one call of its context. {PORTIONS}")
                    .into();
            }
            Self::ForeignAwait | Self::NothingAwaited => {
                "awaited something that is not a durable task (a timer, socket, channel, lock or task of a runtime, a set of futures with \
                 a waker of its own such as `FuturesUnordered`, or a future that never completes). An orchestration is replayed from its \
                 history and may only await what its context gives out: do the work in an activity and await \
                 `context.call_activity(..)`; to wait for a time use `context.create_timer(..)`, for a message \
                 `context.wait_for_event(..)`, for several tasks `context.join_all(..)` or `context.as_completed(..)`"
            }
            Self::ForeignConcurrency | Self::ReadyAfterPending => {
                "awaited two things at once without the context knowing (`tokio::join!`, `tokio::select!`, `futures::join!` and their kin). \
                 Their order cannot be replayed: use `context.join(..)`, `context.join_all(..)`, `context.select(..)` or \
                 `context.select_all(..)` instead"
            }
            Self::ForeignWaker => {
                "awaited a task of its context inside a combinator that wakes by itself (`FuturesUnordered`, `futures::future::join_all`, \
                 `shared` and their kin). Their order cannot be replayed: use `context.join_all(..)`, `context.select_all(..)` or \
                 `context.as_completed(..)` instead"
            }
            Self::PolledAfterReady => "polled a task again after it was ready. Await each task once",
            Self::HostWithoutLocks => {
                "asked for the locks of entities, which this host cannot give: it does not offer schema V4 of the durable protocol. Use \
                 version 3.13.0 or newer of the Durable Task extension, or a local host of this version"
            }
            Self::NewVersion => {
                "started over with another version, which the JSON wire has no place for. Use the protobuf wire (extension 3.15 or \
                 newer), or start a new instance of that version"
            }
            Self::NothingToLock => "asked for a lock without naming an entity. Give `context.lock(..)` at least one",
            Self::NestedLock => {
                "asked for locks while it holds some. Two orchestrations that do so can wait for each other for ever: name all entities \
                 in one `context.lock(..)`, or drop the guard first"
            }
            Self::LockPending => {
                "asked for locks while it waits for others that it asked for before. Name all entities in one `context.lock(..)`, and \
                 await one lock at a time"
            }
            Self::CallOutsideLocks => {
                "called an entity that it has not locked while it holds locks. Name it in `context.lock(..)` too, or call it before the \
                 lock or after the guard is dropped"
            }
            Self::SecondCall => {
                "called a locked entity while another call to it is still out. Await the calls to one entity one after the other"
            }
            Self::SignalToLocked => {
                "signalled an entity that it has locked, which would receive that only after the critical section. Call it instead, or \
                 signal it when the guard is dropped"
            }
            Self::SubOrchestrationInSection => {
                "started a sub-orchestration while it holds locks. Call it before the lock, or after the guard is dropped"
            }
            Self::LateOption => {
                "set an option of a call too late: another call was made, or something was awaited, since the call. Set the options \
                 where the call is made, as in `context.call_activity(..).retry(&policy).await`"
            }
            Self::UnreadableEvent => {
                "waited for an event that came with JSON that cannot be read (nested more than 127 levels deep, a number that no `f64` holds, or \
                 half of a surrogate pair). Raise it with another payload, or wait with `context.wait_for::<..>()`, which gives an error"
            }
            Self::UnknownEntity => "asked for the lock of an entity that this app does not have",
        };
        text.into()
    }
}
