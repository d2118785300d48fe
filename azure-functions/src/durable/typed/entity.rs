//! Operations of entities by type, sent by an orchestration.

use super::Orchestration;
use crate::{
    bindings::DurableEntityContext,
    durable::{CallError, CriticalSection, DurableOrchestrationContext, EntityCall, call::RawCall},
    entities::{Entity, EntityError, EntityId, EntityIdError, EntityRef, EntitySender},
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::panic::Location;

impl DurableEntityContext {
    /// Starts an orchestration of this app, once this operation has succeeded; gives the id of the instance. Name and input are checked
    /// when the app is compiled.
    ///
    /// # Errors
    /// As [`start_new`](Self::start_new): only on the protobuf [wire](crate::durable::Wire).
    ///
    /// ```
    /// use azure_functions::prelude::*;
    ///
    /// #[func(orchestration)]
    /// async fn restock(context: DurableOrchestrationContext<String>) -> Result<(), CallError> {
    ///     Ok(())
    /// }
    ///
    /// #[func]
    /// fn shelf(context: DurableEntityContext) -> Result<EntityOutput, EntityError> {
    ///     Ok(context.start::<restock>("tea".to_owned())?.into())
    /// }
    /// ```
    #[track_caller]
    pub fn start<F: Orchestration>(&self, input: F::Input) -> Result<String, EntityError>
    where
        F::Input: Serialize,
    {
        self.start_new(F::NAME, None, input)
    }
}

/// Entities by type: what `#[entity]` generates.
impl<T> DurableOrchestrationContext<T> {
    /// The operations of an entity as methods, to call them: each gives a future of what the operation returns. Operations
    /// and their inputs and answers are checked when the app is compiled.
    ///
    /// ```
    /// use azure_functions::prelude::*;
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Default, Serialize, Deserialize)]
    /// struct Stock {
    ///     left: u32,
    /// }
    ///
    /// #[entity]
    /// impl Stock {
    ///     fn take(&mut self, count: u32) -> Result<u32, String> {
    ///         self.left = self.left.checked_sub(count).ok_or("there are not enough")?;
    ///         Ok(self.left)
    ///     }
    ///
    ///     fn add(&mut self, count: u32) {
    ///         self.left += count;
    ///     }
    /// }
    ///
    /// #[func]
    /// async fn order(context: DurableOrchestrationContext<String>) -> Result<(), CallError> {
    ///     let item = context.input();
    ///     let left = context.entity::<Stock>(&item).take(3).await?;
    ///     if left < 10 {
    ///         context.signal::<Stock>(&item).add(50)?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn entity<E: Entity>(&self, key: impl Into<String>) -> E::Proxy<EntityCalls> {
        EntityRef::proxy::<E>(
            EntityCalls {
                context: self.untyped(),
            },
            key,
        )
    }

    /// The operations of an entity as methods, to signal them: each is sent at once, and nothing tells what came of it.
    pub fn signal<E: Entity>(&self, key: impl Into<String>) -> E::Proxy<EntitySignals> {
        EntityRef::proxy::<E>(
            EntitySignals {
                context: self.untyped(),
                time: None,
            },
            key,
        )
    }

    /// The operations of an entity as methods, to signal them: the entity receives each at this time, or at once if it has
    /// passed.
    pub fn signal_at<E: Entity>(&self, time: DateTime<Utc>, key: impl Into<String>) -> E::Proxy<EntitySignals> {
        EntityRef::proxy::<E>(
            EntitySignals {
                context: self.untyped(),
                time: Some(time),
            },
            key,
        )
    }
}

impl CriticalSection {
    /// The operations of a locked entity as methods, to call them, as [`entity`](DurableOrchestrationContext::entity) of the
    /// context does.
    pub fn entity<E: Entity>(&self, key: impl Into<String>) -> E::Proxy<EntityCalls> {
        self.context().entity::<E>(key)
    }
}

/// Calls from an orchestration: see [`DurableOrchestrationContext::entity`].
#[derive(Clone, Debug)]
pub struct EntityCalls {
    context: DurableOrchestrationContext,
}

/// Signals from an orchestration: see [`DurableOrchestrationContext::signal`].
#[derive(Clone, Debug)]
pub struct EntitySignals {
    context: DurableOrchestrationContext,
    time: Option<DateTime<Utc>>,
}

impl EntitySender for EntityCalls {
    type Reply<T> = EntityCall<T>;

    #[track_caller]
    fn send<T>(
        &self,
        entity: &Result<EntityId, EntityIdError>,
        operation: &'static str,
        input: impl Serialize,
    ) -> EntityCall<T> {
        let call = match entity {
            Ok(entity) => self
                .context
                .raw_call_entity(entity, operation, &input, Location::caller()),
            Err(error) => {
                self.context.core.touch(Location::caller());
                RawCall::refused(&self.context.core, error.clone().into())
            }
        };
        EntityCall::new(call, operation)
    }
}

impl EntitySender for EntitySignals {
    type Reply<T> = Result<(), CallError>;

    #[track_caller]
    fn send<T>(
        &self,
        entity: &Result<EntityId, EntityIdError>,
        operation: &'static str,
        input: impl Serialize,
    ) -> Result<(), CallError> {
        let entity = entity.as_ref().map_err(|error| CallError::from(error.clone()))?;
        match self.time {
            None => self.context.signal_entity(entity, operation, input),
            Some(time) => self.context.signal_entity_at(entity, operation, input, time),
        }
    }
}
