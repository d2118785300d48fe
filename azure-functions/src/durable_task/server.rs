//! What the worker asks of a Durable Task server.

use azure_functions_durable::protobuf::{
    ActivityResponse, EntityBatchResult, GetWorkItemsRequest, HistoryEvent, OrchestratorResponse, WorkItem,
};
use futures_util::{future::BoxFuture, stream::BoxStream};
use std::fmt;
use tonic::Status;

/// A call, under way.
pub(super) type Call<'a, T> = BoxFuture<'a, Result<T, Status>>;

/// What the server gives out.
pub(super) type WorkItems = BoxStream<'static, Result<WorkItem, Status>>;

/// The kinds of work items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Orchestration,
    Activity,
    Entity,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Orchestration => "orchestration",
            Self::Activity => "activity",
            Self::Entity => "entity",
        })
    }
}

/// What comes of a work item.
#[derive(Clone, Debug)]
pub(super) enum Completion {
    Orchestration(OrchestratorResponse),
    Activity(ActivityResponse),
    Entity(EntityBatchResult),
}

/// A server.
pub(super) trait Server: Send + Sync {
    /// Asks whether it is there.
    fn hello(&self) -> Call<'_, ()>;

    /// Opens the stream of work items.
    fn work_items(&self, request: GetWorkItemsRequest) -> Call<'_, WorkItems>;

    /// Takes one answer, or a part of one.
    fn complete(&self, completion: Completion) -> Call<'_, ()>;

    /// Gives an item back that is not answered.
    fn abandon(&self, kind: Kind, token: String) -> Call<'_, ()>;

    /// The past of an execution.
    fn history(&self, instance_id: String, execution_id: Option<String>) -> Call<'_, Vec<HistoryEvent>>;

    /// From now on calls are made over a new connection.
    fn reconnect(&self);
}
