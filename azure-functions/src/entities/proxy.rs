//! Operations of an entity as methods: what `#[entity]` generates stands on this.

use super::{EntityError, EntityId, EntityIdError};
use crate::bindings::DurableEntityContext;
use azure_functions_durable::{ClientFuture, OrchestrationClient, OrchestrationClientError};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

/// A type whose methods are the operations of an entity, and whose values are its states.
///
/// [`#[entity]`](macro@crate::entity) implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an entity",
    label = "no entity",
    note = "put `#[entity]` on the `impl` block of `{Self}` that has the operations"
)]
pub trait Entity: Serialize + DeserializeOwned + Default + Send + 'static {
    /// Name of the entity function.
    const NAME: &'static str;

    /// The operations as methods of one who sends them; each gives the sender's [`Reply`](EntitySender::Reply).
    type Proxy<S: EntitySender>;

    /// The operations of one entity.
    fn proxy<S: EntitySender>(entity: EntityRef<S>) -> Self::Proxy<S>;

    /// The id of the entity with this key.
    ///
    /// # Errors
    /// The key has a character that the host refuses.
    fn entity_id(key: impl Into<String>) -> Result<EntityId, EntityIdError> {
        EntityId::new(Self::NAME, key)
    }
}

/// One who can ask entities to run operations: a client, another entity, an orchestration.
pub trait EntitySender {
    /// What the sender gets for an operation that returns `T`.
    type Reply<T>;

    /// Asks an entity to run an operation. The id may be wrong, which is an error in the reply.
    #[track_caller]
    fn send<T>(
        &self,
        entity: &Result<EntityId, EntityIdError>,
        operation: &'static str,
        input: impl Serialize,
    ) -> Self::Reply<T>;
}

/// An entity, and one who sends it operations.
#[derive(Clone, Debug)]
pub struct EntityRef<S> {
    sender: S,
    entity: Result<EntityId, EntityIdError>,
}

impl<S: EntitySender> EntityRef<S> {
    /// The operations of the entity with this key.
    pub fn proxy<E: Entity>(sender: S, key: impl Into<String>) -> E::Proxy<S> {
        E::proxy(Self {
            sender,
            entity: E::entity_id(key),
        })
    }

    /// Asks the entity to run an operation that returns `T`.
    #[track_caller]
    pub fn send<T>(&self, operation: &'static str, input: impl Serialize) -> S::Reply<T> {
        self.sender.send(&self.entity, operation, input)
    }
}

impl DurableEntityContext {
    /// The operations of another entity as methods, to signal them: each is sent once this operation has ended well.
    ///
    /// ```
    /// use azure_functions::prelude::*;
    /// # use serde::{Deserialize, Serialize};
    /// #
    /// # #[derive(Default, Serialize, Deserialize)]
    /// # struct Visits(u64);
    /// #
    /// # #[entity]
    /// # impl Visits {
    /// #     fn add(&mut self, count: u64) {
    /// #         self.0 += count;
    /// #     }
    /// # }
    ///
    /// #[func]
    /// fn door(context: DurableEntityContext) -> Result<EntityOutput, EntityError> {
    ///     context.entity::<Visits>("home").add(1)?;
    ///     Ok(().into())
    /// }
    /// ```
    pub fn entity<E: Entity>(&self, key: impl Into<String>) -> E::Proxy<Self> {
        EntityRef::proxy::<E>(self.clone(), key)
    }
}

/// Signals over the HTTP API: see [`TypedClient::entity`](crate::durable::TypedClient::entity).
#[derive(Clone, Debug)]
pub struct ClientSignals(OrchestrationClient);

impl ClientSignals {
    pub(crate) fn new(client: OrchestrationClient) -> Self {
        Self(client)
    }
}

impl EntityRef<ClientSignals> {
    /// The state of the entity, as it was when the host looked; `None` if it has none. Operations may be under way.
    ///
    /// A type with `#[entity]` has this as a method of what
    /// [`client.entity::<..>(key)`](crate::durable::TypedClient::entity) gives, unless it has an operation `state`.
    ///
    /// # Errors
    /// As [`OrchestrationClient::read_entity_state`].
    pub fn state<E: Entity>(&self) -> ClientFuture<'static, Result<Option<E>, OrchestrationClientError>> {
        let (client, entity) = (self.sender.0.clone(), self.entity.clone());
        Box::pin(async move {
            let entity = entity.map_err(|error| OrchestrationClientError::InvalidInput {
                operation: "read the state of an entity".to_owned(),
                message: error.to_string(),
                source: Some(Box::new(error)),
            })?;
            Ok(client.read_entity_state(&entity).await?.state)
        })
    }
}

impl EntitySender for ClientSignals {
    type Reply<T> = SignalFuture;

    fn send<T>(
        &self,
        entity: &Result<EntityId, EntityIdError>,
        operation: &'static str,
        input: impl Serialize,
    ) -> SignalFuture {
        let refused = |message: String, source: Box<dyn std::error::Error + Send + Sync>| {
            OrchestrationClientError::InvalidInput {
                operation: format!("signal `{operation}` to an entity"),
                message,
                source: Some(source),
            }
        };
        let signal = match (entity, serde_json::value::to_raw_value(&input)) {
            (Ok(entity), Ok(input)) => Ok((self.0.clone(), entity.clone(), input)),
            (Err(error), _) => Err(refused(error.to_string(), Box::new(error.clone()))),
            (_, Err(error)) => Err(refused(
                format!("the input cannot be written as JSON: {error}"),
                Box::new(error),
            )),
        };
        SignalFuture(Box::pin(async move {
            let (client, entity, input) = signal?;
            client.signal_entity(&entity, operation, input).await
        }))
    }
}

impl EntitySender for DurableEntityContext {
    type Reply<T> = Result<(), EntityError>;

    fn send<T>(
        &self,
        entity: &Result<EntityId, EntityIdError>,
        operation: &'static str,
        input: impl Serialize,
    ) -> Result<(), EntityError> {
        match entity {
            Ok(entity) => self.signal_entity(entity, operation, input),
            Err(error) => Err(error.clone().into()),
        }
    }
}

/// A signal on its way to the host. Nothing is sent before it is awaited.
#[must_use = "a signal is sent when it is awaited"]
pub struct SignalFuture(Pin<Box<dyn Future<Output = Result<(), OrchestrationClientError>> + Send>>);

impl Future for SignalFuture {
    type Output = Result<(), OrchestrationClientError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for SignalFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignalFuture").finish_non_exhaustive()
    }
}
