//! What an orchestration tells entities, and hears from them, where its worker has messages for that (`sendEntityMessage`). Workers
//! without them send events in the form of the durable extension, and hear events.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::durable::engine::failure_details::FailureDetails;

/// A message to or from an entity. Members are named as in the messages of the protocol; ids are those that the worker gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum EntityEvent {
    /// An operation was sent without waiting for the answer.
    Signaled(EntityOperation),
    /// An operation was sent, and its answer is waited for.
    Called(EntityOperation),
    /// Locks were asked for.
    #[serde(rename_all = "PascalCase")]
    LockRequested {
        critical_section_id: String,
        lock_set: Vec<String>,
        position: i32,
        parent_instance_id: Option<String>,
    },
    /// A lock was given back.
    #[serde(rename_all = "PascalCase")]
    UnlockSent {
        critical_section_id: String,
        target_instance_id: String,
        parent_instance_id: Option<String>,
    },
    /// A call has its result: JSON text.
    #[serde(rename_all = "PascalCase")]
    Completed { request_id: String, result: Option<String> },
    /// A call failed.
    #[serde(rename_all = "PascalCase")]
    Failed {
        request_id: String,
        failure_details: Box<FailureDetails>,
    },
    /// All locks of a critical section are there.
    #[serde(rename_all = "PascalCase")]
    LockGranted { critical_section_id: String },
}

/// An operation that was sent to an entity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct EntityOperation {
    pub(crate) request_id: String,
    pub(crate) operation: String,
    /// JSON text.
    pub(crate) input: Option<String>,
    pub(crate) target_instance_id: String,
    /// Not to run before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) scheduled_time: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) parent_instance_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) parent_execution_id: Option<String>,
}

impl EntityEvent {
    /// Number of the event type: that of the field in the protocol's `HistoryEvent`. No other event has it.
    pub(super) fn number(&self) -> i32 {
        match self {
            Self::Signaled(_) => 23,
            Self::Called(_) => 24,
            Self::Completed { .. } => 25,
            Self::Failed { .. } => 26,
            Self::LockRequested { .. } => 27,
            Self::LockGranted { .. } => 28,
            Self::UnlockSent { .. } => 29,
        }
    }

    /// Bytes of what it carries.
    pub(super) fn payload_len(&self) -> usize {
        match self {
            Self::Signaled(operation) | Self::Called(operation) => operation.input.as_deref().map_or(0, str::len),
            Self::Completed { result, .. } => result.as_deref().map_or(0, str::len),
            Self::Failed { failure_details, .. } => failure_details.error_message.len(),
            Self::LockRequested { .. } | Self::LockGranted { .. } | Self::UnlockSent { .. } => 0,
        }
    }

    /// The stored form.
    pub(super) fn to_json(&self) -> String {
        // Strings, numbers and times have a JSON form.
        serde_json::to_string(self).unwrap_or_default()
    }
}
