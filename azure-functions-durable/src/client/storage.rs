//! What a task hub keeps of entities that nothing needs any more.

use super::error::OrchestrationClientError;
use super::{ClientFuture, OrchestrationClient};

/// A cleaning of the storage of entities, with its options. Nothing is sent before it is awaited.
///
/// # Errors
/// [`Unsupported`](OrchestrationClientError::Unsupported) over HTTP, which has no such operation.
#[must_use = "nothing is cleaned unless you `.await` this"]
#[derive(Debug)]
pub struct CleanEntityStorage<'a> {
    client: &'a OrchestrationClient,
    pub(super) empty_entities: bool,
    pub(super) orphaned_locks: bool,
}

/// What a cleaning has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CleanEntityStorageResult {
    /// How many entities without a state and without messages were removed.
    pub empty_entities_removed: u64,
    /// How many locks were released whose orchestrations have ended.
    pub orphaned_locks_released: u64,
}

impl CleanEntityStorage<'_> {
    /// Leaves entities without a state where they are.
    pub fn keep_empty_entities(mut self) -> Self {
        self.empty_entities = false;
        self
    }

    /// Leaves locks alone whose orchestrations have ended.
    pub fn keep_orphaned_locks(mut self) -> Self {
        self.orphaned_locks = false;
        self
    }

    async fn send(self) -> Result<CleanEntityStorageResult, OrchestrationClientError> {
        const OPERATION: &str = "clean the storage of entities";
        #[cfg(feature = "grpc")]
        if let Some(grpc) = self.client.grpc() {
            return grpc
                .clean_entity_storage(OPERATION, self.empty_entities, self.orphaned_locks)
                .await;
        }
        Err(OrchestrationClientError::unsupported(
            OPERATION,
            self.client.wire(),
            "the durable HTTP API has no such operation",
        ))
    }
}

impl<'a> IntoFuture for CleanEntityStorage<'a> {
    type Output = Result<CleanEntityStorageResult, OrchestrationClientError>;
    type IntoFuture = ClientFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl OrchestrationClient {
    /// Removes entities without a state and without messages from the task hub, and releases locks whose orchestrations have ended.
    /// It takes [options](CleanEntityStorage), and as long as the hub has entities to look at.
    pub fn clean_entity_storage(&self) -> CleanEntityStorage<'_> {
        CleanEntityStorage {
            client: self,
            empty_entities: true,
            orphaned_locks: true,
        }
    }
}
