//! Durable entities: small states with operations, each known by a name and a key.
//!
//! [`#[entity]`](macro@crate::entity) makes an entity of a type with methods; a function that takes a [`DurableEntityContext`] is one, too.
//! The chapter [on entities](crate::guide::entities) has examples, and says what is certain.

pub(crate) mod batch;
pub(crate) mod class;
pub(crate) mod context;
mod error;
pub(crate) mod live;
mod output;
pub(crate) mod parked;
mod proxy;

pub use azure_functions_durable::{EntityId, EntityIdError};
pub(crate) use context::DurableEntityContext;
pub use error::EntityError;
pub use output::EntityOutput;
pub use proxy::{ClientSignals, Entity, EntityRef, EntitySender, SignalFuture};

pub(crate) use crate::entity_batch::{run_async as run_batch, run_blocking as run_batch_blocking};
pub(crate) use live::Live;
