#![doc = include_str!("entities.md")]

mod batch;
pub(crate) mod class;
mod error;
mod live;
mod output;
mod payload;
mod proxy;

pub use azure_functions_durable::{EntityId, EntityIdError};
pub use error::EntityError;
pub use output::EntityOutput;
pub use proxy::{ClientSignals, Entity, EntityRef, EntitySender, SignalFuture};

pub(crate) use batch::{Effects, run_async as run_batch, run_blocking as run_batch_blocking};
pub(crate) use live::Live;
pub(crate) use payload::{Signal, addressee};
