//! What comes of an item.

use azure_functions_durable::protobuf::{ActivityResponse, EntityBatchResult, OrchestratorResponse};

/// What a worker has answered.
#[derive(Debug)]
pub(crate) enum Answer {
    Orchestration(OrchestratorResponse),
    Activity(ActivityResponse),
    Entity(EntityBatchResult),
}

/// Why an item has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// The stream of the worker, of this number, has ended while it had the item.
    Gone(u64),
    /// No worker has had it: the stream had ended before it was sent, or the hub closes.
    Unserved,
    /// The worker, of this number, gave the item back.
    Abandoned(u64),
    /// The answer cannot be taken, from this worker or another one.
    Unusable(String),
}
