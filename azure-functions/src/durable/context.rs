//! The context of an orchestration.

mod calls;
mod combinators;
mod events;
mod waits;

pub use waits::EventOrTimeout;

use super::{ContinueAsNewFuture, InputError, replay::core::Core};
use crate::{
    durable::replay::{
        action::{ContinueAsNew, UnprocessedEvents},
        ids::Site,
    },
    json_text,
};
use chrono::{DateTime, Utc};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{
    any::{TypeId, type_name},
    cell::Cell,
    fmt,
    ops::Deref,
    panic::Location,
    rc::Rc,
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
    /// The input as it was read to check it, until the code asks for it.
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
        // Any input that can be read is a `Value`, and an orchestration that never asks for it need not wait for it.
        let input = if TypeId::of::<U>() == TypeId::of::<Value>() && json_text::refused(self.raw_input()).is_none() {
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
        let failed = |path: String, source| InputError {
            instance_id: self.instance_id().to_owned(),
            expected: type_name::<U>(),
            path,
            source,
        };
        let input = self.raw_input();
        if let Some(error) = json_text::misread(input) {
            return Err(failed(".".to_owned(), error));
        }
        let mut deserializer = serde_json::Deserializer::from_str(input);
        serde_path_to_error::deserialize(&mut deserializer)
            .map_err(|error| failed(error.path().to_string(), error.into_inner()))
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
    /// recorded of it is passed over. [The chapter on changing code](crate::guide::changing_code) has the whole story.
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
            && let Ok(json) = json_text::write(&status)
        {
            self.core.set_custom_status(json);
        }
    }

    /// Ends this execution and starts the orchestration over with a new input and an empty history. External events that
    /// were not waited for are handed on if `preserve_unprocessed_events`. Await it: it is never ready, and what else
    /// runs beside it in this execution is cut off at its next await. Where the orchestration names the types of its input and
    /// output, [`start_over`](Self::start_over) keeps to
    /// them, and names the choice.
    #[track_caller]
    pub fn continue_as_new<D: Serialize>(&self, input: D, preserve_unprocessed_events: bool) -> ContinueAsNewFuture {
        let site = Location::caller();
        let events = if preserve_unprocessed_events {
            UnprocessedEvents::Keep
        } else {
            UnprocessedEvents::Discard
        };
        self.request_to_start_over(&input, events, site);
        ContinueAsNewFuture::new(&self.core, site)
    }

    /// Whether this is the request that counts: the first one of the execution does.
    pub(super) fn request_to_start_over<D: Serialize>(&self, input: &D, events: UnprocessedEvents, site: Site) -> bool {
        if !self.core.touch(site) {
            return false;
        }
        match json_text::write(input) {
            Ok(input) => self.core.continue_as_new(ContinueAsNew {
                input,
                events,
                version: None,
            }),
            Err(error) => panic!("the input of continue_as_new cannot be written as JSON: {error}"),
        }
    }
}
