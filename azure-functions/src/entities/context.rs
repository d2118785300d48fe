//! One operation of an entity, as its code sees it.

use crate::{
    binding_json::{parse_json, unreadable},
    durable::max_actions,
    durable_wire::{Unsupported, Wire},
    entities::{
        EntityError, EntityId, Live,
        batch::{EntityAction, OperationRequest, Signal, Start},
    },
    json_text,
};
use azure_functions_durable::{TraceContext, check_instance_id};
use chrono::{DateTime, Utc};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{
    fmt,
    panic::Location,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use uuid::Uuid;

/// Namespace of the ids of orchestrations that an entity starts.
const NAMESPACE: Uuid = Uuid::from_u128(0x9d1c_0b7a_52c4_4b0e_8f4e_6a1f_03d7_52ab);

/// What starts an entity function: one operation, with its input, and the state of the entity.
///
/// The function is called once for each operation, one after the other. The changes of the state, the signals and the starts of
/// an operation take effect when it succeeds. If it returns an error or panics, the caller gets the error, and the state stays as it was.
/// Unlike an orchestration, an entity is not replayed: it may do I/O and use the clock.
///
/// ```
/// use azure_functions::prelude::*;
///
/// #[func]
/// pub fn register(context: DurableEntityContext) -> Result<EntityOutput, EntityError> {
///     match context.operation() {
///         "set" => {
///             let value: String = context.input_as()?;
///             context.set_state(&value)?;
///             Ok(value.into())
///         }
///         "get" => Ok(context.state::<String>()?.into()),
///         _ => Err(context.unknown_operation(["set", "get"])),
///     }
/// }
/// ```
///
/// Argument of its binding: `entity`, the name in the task hub if it is not the function's. See
/// the [guide](crate::guide::entities), also for entities as a `struct` with methods.
#[derive(Clone)]
pub struct DurableEntityContext(Arc<Operation>);

/// One operation under way.
struct Operation {
    wire: Wire,
    entity: Arc<EntityId>,
    /// Its input is JSON text.
    request: OperationRequest,
    effects: Mutex<Effects>,
}

impl DurableEntityContext {
    pub(crate) fn new(wire: Wire, entity: Arc<EntityId>, request: OperationRequest, effects: Effects) -> Self {
        Self(Arc::new(Operation {
            wire,
            entity,
            request,
            effects: Mutex::new(effects),
        }))
    }

    /// The trace of what it asks for.
    fn trace(&self) -> Option<TraceContext> {
        self.0.request.trace.clone()
    }

    /// What the operation changes, once it has ended.
    pub(crate) fn take_effects(&self) -> Effects {
        std::mem::take(&mut self.effects())
    }

    fn effects(&self) -> MutexGuard<'_, Effects> {
        // No code panics while it holds the lock.
        self.0.effects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Name of the operation, as the caller gave it.
    pub fn operation(&self) -> &str {
        &self.0.request.name
    }

    /// Which entity this is.
    pub fn entity_id(&self) -> &EntityId {
        &self.0.entity
    }

    /// Whether this operation is known to be a signal, whose sender does not wait for an answer. An error is then only logged.
    ///
    /// Only hosts on the [JSON wire](crate::durable::Wire) say it: on the protobuf wire this is always `false`.
    pub fn is_signal(&self) -> bool {
        self.0.request.is_signal == Some(true)
    }

    /// Whether a caller is known to wait for the answer.
    pub(crate) fn is_call(&self) -> bool {
        self.0.request.is_signal == Some(false)
    }

    /// The input that the caller gave; `null` if it gave none. Text that is not JSON is that text. An operation whose input is JSON
    /// that cannot be read (nested more than 127 levels deep, for example) fails before it runs.
    pub fn input(&self) -> Value {
        let text = self.0.request.input.as_deref();
        // Checked before the operation runs.
        text.map_or(Value::Null, |text| json_text::value_or_text(text).unwrap_or_default())
    }

    /// Why the input cannot be read as any JSON.
    pub(crate) fn check_input(&self) -> Result<(), EntityError> {
        match self.0.request.input.as_deref().and_then(json_text::refused) {
            None => Ok(()),
            Some(error) => Err(EntityError::Input {
                entity: self.entity_id().clone(),
                operation: self.0.request.name.clone(),
                source: unreadable(error),
            }),
        }
    }

    /// The input as a type of yours.
    ///
    /// # Errors
    /// [`EntityError::Input`] if it is of another shape; the message says where.
    pub fn input_as<T: DeserializeOwned>(&self) -> Result<T, EntityError> {
        parse_json(self.0.request.input.as_deref().unwrap_or("null").as_bytes()).map_err(|source| EntityError::Input {
            entity: self.entity_id().clone(),
            operation: self.0.request.name.clone(),
            source,
        })
    }

    /// Whether the entity has a state: an operation has set it, and none has deleted it since.
    pub fn exists(&self) -> bool {
        self.effects().exists
    }

    /// The state of the entity, as this operation has left it so far; `None` if the entity does not exist, or if its
    /// state is `null`.
    ///
    /// # Errors
    /// [`EntityError::State`] if it is of another shape; the message says where.
    pub fn state<T: DeserializeOwned>(&self) -> Result<Option<T>, EntityError> {
        let state = self.effects().state.clone();
        match state.as_deref() {
            None => Ok(None),
            Some(text) => parse_json(text.as_bytes()).map_err(|source| EntityError::State {
                entity: self.entity_id().clone(),
                source,
            }),
        }
    }

    /// Sets the state. The entity exists from then on.
    ///
    /// # Errors
    /// [`EntityError::Write`] if the value cannot be written as JSON, say a map whose keys are not text.
    pub fn set_state<T: Serialize + ?Sized>(&self, state: &T) -> Result<(), EntityError> {
        self.write_state(state).map(drop)
    }

    /// Sets the state; gives its text.
    pub(crate) fn write_state<T: Serialize + ?Sized>(&self, state: &T) -> Result<Arc<str>, EntityError> {
        let text = write(state, || "the state".to_owned())?;
        let text: Arc<str> = text.into();
        let mut effects = self.effects();
        effects.exists = true;
        effects.state = Some(Arc::clone(&text));
        effects.deleted = false;
        Ok(text)
    }

    /// The text of the state, and the value of that text, if an earlier operation has left it.
    pub(crate) fn take_live<E: 'static>(&self) -> (Option<Arc<str>>, Option<E>) {
        let (text, live) = {
            let mut effects = self.effects();
            (effects.state.clone(), effects.live.take())
        };
        let value = text
            .as_ref()
            .zip(live)
            .and_then(|(text, live)| live.into_value_of(text));
        (text, value)
    }

    /// Leaves the value of a text for the next operation.
    pub(crate) fn keep_live<E: Send + 'static>(&self, text: Arc<str>, value: E) {
        let replaced = self.effects().live.replace(Live::new(text, value));
        // Without the lock: this may be code of the user's.
        drop(replaced);
    }

    /// Deletes the state, and with it the entity. A later operation finds no state.
    pub fn delete(&self) {
        let mut effects = self.effects();
        effects.exists = false;
        effects.state = None;
        effects.deleted = true;
    }

    /// Whether this operation has deleted the state, and not set it since.
    pub(crate) fn is_deleted(&self) -> bool {
        self.effects().deleted
    }

    /// Asks another entity (or this one) to run an operation, once this operation has succeeded. There is no answer.
    ///
    /// `input` may be `()` or `None` for an operation without one.
    ///
    /// # Errors
    /// [`EntityError::Write`] if the input cannot be written as JSON; [`EntityError::TooManyActions`] if this operation has asked
    /// for as much as it may.
    #[track_caller]
    pub fn signal_entity(&self, entity: &EntityId, operation: &str, input: impl Serialize) -> Result<(), EntityError> {
        self.signal(entity, operation, input, None)
    }

    /// As [`signal_entity`](Self::signal_entity), with a time before which the signal is not delivered.
    ///
    /// # Errors
    /// As [`signal_entity`](Self::signal_entity); [`EntityError::Unsupported`] on the [JSON wire](crate::durable::Wire), which knows no
    /// such signals from entities. An orchestration can send them there.
    #[track_caller]
    pub fn signal_entity_at(
        &self,
        entity: &EntityId,
        operation: &str,
        input: impl Serialize,
        at: DateTime<Utc>,
    ) -> Result<(), EntityError> {
        self.only_on_protobuf(
            "an entity cannot signal another one at a later time",
            "let an orchestration send the signal",
        )?;
        self.signal(entity, operation, input, Some(at))
    }

    #[track_caller]
    fn signal(
        &self,
        entity: &EntityId,
        operation: &str,
        input: impl Serialize,
        at: Option<DateTime<Utc>>,
    ) -> Result<(), EntityError> {
        let input = write(&input, || format!("the input of `{operation}` for entity `{entity}`"))?;
        self.ask_for(EntityAction::Signal(Signal {
            target: entity.clone(),
            name: operation.to_owned(),
            input,
            at,
            asked: Utc::now(),
            trace: self.trace(),
        }))
    }

    /// Starts an orchestration, once this operation has succeeded; gives the id of the instance. Without an id it gets one made from
    /// this request's. If the app has no orchestration of this name, the instance fails. [`start`](Self::start) does the same by type.
    ///
    /// # Errors
    /// [`EntityError::Unsupported`] on the [JSON wire](crate::durable::Wire): take a
    /// [`DurableOrchestrationClient`](crate::bindings::DurableOrchestrationClient) as a parameter there. [`EntityError::InstanceId`] if
    /// the id breaks the rule of [`check_instance_id`](crate::durable::check_instance_id); else as
    /// [`signal_entity`](Self::signal_entity).
    #[track_caller]
    pub fn start_new(
        &self,
        name: &str,
        instance_id: Option<&str>,
        input: impl Serialize,
    ) -> Result<String, EntityError> {
        self.start_instance(name, instance_id, input, None)
    }

    /// As [`start_new`](Self::start_new), with a time before which the instance does not begin.
    ///
    /// # Errors
    /// As [`start_new`](Self::start_new).
    #[track_caller]
    pub fn start_new_at(
        &self,
        name: &str,
        instance_id: Option<&str>,
        input: impl Serialize,
        at: DateTime<Utc>,
    ) -> Result<String, EntityError> {
        self.start_instance(name, instance_id, input, Some(at))
    }

    #[track_caller]
    fn start_instance(
        &self,
        name: &str,
        instance_id: Option<&str>,
        input: impl Serialize,
        at: Option<DateTime<Utc>>,
    ) -> Result<String, EntityError> {
        self.only_on_protobuf(
            "an entity cannot start an orchestration by its answer",
            "take a `DurableOrchestrationClient` as a parameter, and start it with that",
        )?;
        let input = write(&input, || format!("the input of orchestration `{name}`"))?;
        let asked = Utc::now();
        let instance_id = match instance_id {
            Some(id) => {
                check_instance_id(id).map_err(|source| EntityError::InstanceId {
                    name: name.to_owned(),
                    id: id.to_owned(),
                    source,
                })?;
                id.to_owned()
            }
            None => self.new_instance_id(asked),
        };
        self.ask_for(EntityAction::Start(Start {
            name: name.to_owned(),
            instance_id: instance_id.clone(),
            input,
            at,
            asked,
            trace: self.trace(),
        }))?;
        Ok(instance_id)
    }

    /// An id that is the same if this request is delivered once more.
    fn new_instance_id(&self, now: DateTime<Utc>) -> String {
        let number = self.effects().actions.len();
        let request = match self.0.request.request_id.as_str() {
            "" => now.to_rfc3339(),
            id => id.to_owned(),
        };
        let text = format!("{}_{request}_{number}", self.entity_id());
        Uuid::new_v5(&NAMESPACE, text.as_bytes()).simple().to_string()
    }

    fn only_on_protobuf(&self, what: &'static str, instead: &'static str) -> Result<(), EntityError> {
        match self.0.wire {
            Wire::Protobuf => Ok(()),
            wire @ Wire::Json => Err(Unsupported::new(what, wire, instead).into()),
        }
    }

    #[track_caller]
    fn ask_for(&self, action: EntityAction) -> Result<(), EntityError> {
        let mut effects = self.effects();
        let limit = max_actions();
        if effects.actions.len() >= limit {
            return Err(EntityError::TooManyActions {
                limit,
                at: Location::caller(),
            });
        }
        effects.actions.push(action);
        Ok(())
    }

    /// The error for an operation that the entity does not have, with the names of those that it has.
    pub fn unknown_operation<N: Into<String>>(&self, operations: impl IntoIterator<Item = N>) -> EntityError {
        EntityError::UnknownOperation {
            entity: self.entity_id().clone(),
            operation: self.0.request.name.clone(),
            operations: operations.into_iter().map(Into::into).collect(),
        }
    }
}

fn write<T: Serialize + ?Sized>(value: &T, what: impl FnOnce() -> String) -> Result<String, EntityError> {
    json_text::write(value).map_err(|source| EntityError::Write { what: what(), source })
}

impl fmt::Debug for DurableEntityContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the state nor the input: they may be secrets.
        f.debug_struct("DurableEntityContext")
            .field("entity_id", self.entity_id())
            .field("operation", &self.0.request.name)
            .field("is_signal", &self.0.request.is_signal)
            .finish_non_exhaustive()
    }
}

/// What an operation changes, if it ends well.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    pub(crate) exists: bool,
    /// JSON text; none if the entity does not exist.
    pub(crate) state: Option<Arc<str>>,
    /// The value that an earlier operation has left; it may be that of an older text.
    pub(crate) live: Option<Live>,
    pub(crate) actions: Vec<EntityAction>,
    /// Whether the operation has deleted the state.
    pub(crate) deleted: bool,
}
