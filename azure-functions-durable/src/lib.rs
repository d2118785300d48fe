//! Client of the Durable Functions HTTP API.

mod entity_id;
mod purge;
mod runtime_status;
mod status;

pub use entity_id::{EntityId, EntityIdError};
pub use purge::PurgeHistoryResult;
pub use runtime_status::{OrchestrationRuntimeStatus, ParseRuntimeStatusError};
pub use status::OrchestrationStatusQueryResult;
