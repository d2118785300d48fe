//! One operation of an entity, as its code sees it.

use crate::{
    binding_json::{parse_json, unreadable},
    durable::max_actions,
    entities::{EntityError, EntityId, Live, Signal},
    json_text,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{
    fmt,
    panic::Location,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What starts an entity function: one operation, with its input, and the state of the entity.
///
/// The function is called once for each operation, one after the other. The changes of the state and the signals of an operation
/// take effect when it succeeds. If it returns an error or panics, the caller gets the error, and the state stays as it was.
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
/// [`entities`](crate::entities), also for entities as a `struct` with methods.
#[derive(Clone)]
pub struct DurableEntityContext(Arc<Operation>);

/// One operation under way.
struct Operation {
    entity: Arc<EntityId>,
    name: String,
    /// JSON text.
    input: Option<String>,
    is_signal: bool,
    effects: Mutex<Effects>,
}

impl DurableEntityContext {
    pub(crate) fn new(
        entity: Arc<EntityId>,
        name: String,
        input: Option<String>,
        is_signal: bool,
        effects: Effects,
    ) -> Self {
        Self(Arc::new(Operation {
            entity,
            name,
            input,
            is_signal,
            effects: Mutex::new(effects),
        }))
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
        &self.0.name
    }

    /// Which entity this is.
    pub fn entity_id(&self) -> &EntityId {
        &self.0.entity
    }

    /// Whether this operation is a signal, whose sender does not wait for an answer. An error is then only logged.
    pub fn is_signal(&self) -> bool {
        self.0.is_signal
    }

    /// The input that the caller gave; `null` if it gave none. Text that is not JSON is that text. An operation whose input is JSON
    /// that cannot be read (nested more than 127 levels deep, for example) fails before it runs.
    pub fn input(&self) -> Value {
        let text = self.0.input.as_deref();
        // Checked before the operation runs.
        text.map_or(Value::Null, |text| json_text::value_or_text(text).unwrap_or_default())
    }

    /// Why the input cannot be read as any JSON.
    pub(crate) fn check_input(&self) -> Result<(), EntityError> {
        match self.0.input.as_deref().and_then(json_text::refused) {
            None => Ok(()),
            Some(error) => Err(EntityError::Input {
                entity: self.entity_id().clone(),
                operation: self.0.name.clone(),
                source: unreadable(error),
            }),
        }
    }

    /// The input as a type of yours.
    ///
    /// # Errors
    /// [`EntityError::Input`] if it is of another shape; the message says where.
    pub fn input_as<T: DeserializeOwned>(&self) -> Result<T, EntityError> {
        parse_json(self.0.input.as_deref().unwrap_or("null").as_bytes()).map_err(|source| EntityError::Input {
            entity: self.entity_id().clone(),
            operation: self.0.name.clone(),
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
    /// `input` may be `()` or `None` for an operation without one. The protocol knows no signals at a later time from
    /// entities; an orchestration can send those. Orchestrations are started with a
    /// [`DurableOrchestrationClient`](crate::bindings::DurableOrchestrationClient), which the function takes as a parameter.
    ///
    /// # Errors
    /// [`EntityError::Write`] if the input cannot be written as JSON; [`EntityError::TooManySignals`] if this operation has sent
    /// as many as it may.
    #[track_caller]
    pub fn signal_entity(&self, entity: &EntityId, operation: &str, input: impl Serialize) -> Result<(), EntityError> {
        let input = write(&input, || format!("the input of `{operation}` for entity `{entity}`"))?;
        let mut effects = self.effects();
        let limit = max_actions();
        if effects.signals.len() >= limit {
            return Err(EntityError::TooManySignals {
                limit,
                at: Location::caller(),
            });
        }
        effects.signals.push(Signal {
            target: entity.clone(),
            name: operation.to_owned(),
            input,
        });
        Ok(())
    }

    /// The error for an operation that the entity does not have, with the names of those that it has.
    pub fn unknown_operation<N: Into<String>>(&self, operations: impl IntoIterator<Item = N>) -> EntityError {
        EntityError::UnknownOperation {
            entity: self.entity_id().clone(),
            operation: self.0.name.clone(),
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
            .field("operation", &self.0.name)
            .field("is_signal", &self.0.is_signal)
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
    pub(crate) signals: Vec<Signal>,
    /// Whether the operation has deleted the state.
    pub(crate) deleted: bool,
}
