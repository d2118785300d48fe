//! What waits for its turn on a worker.

use std::sync::Arc;

use azure_functions_durable::TraceContext;

use super::attempts::Attempts;
use crate::durable::{
    engine::event::Tags,
    store::{InstanceKey, RowId},
};

/// How far an instance or an entity is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Waits for messages.
    Idle,
    /// In the queue.
    Ready,
    /// In an episode.
    Running,
    /// Waits before the episode is tried again, or for its trial.
    BackingOff,
}

/// An activity whose schedule is on disk.
#[derive(Clone, Debug)]
pub(super) struct Activity {
    pub(super) row: RowId,
    pub(super) instance: InstanceKey,
    pub(super) instance_id: Arc<str>,
    pub(super) execution_id: Arc<str>,
    pub(super) task_id: i32,
    pub(super) name: String,
    pub(super) input: Option<String>,
    pub(super) version: Option<String>,
    pub(super) tags: Tags,
    pub(super) trace: Option<Box<TraceContext>>,
    /// Times that the host failed to run it.
    pub(super) failures: u32,
    /// By workers of streams.
    pub(super) attempts: Attempts,
}
