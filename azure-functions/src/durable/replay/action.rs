//! What an orchestrator asks for. Every action takes exactly one id, its index in the list.

use super::{history::ScheduledKind, operation::OpId};
use chrono::{DateTime, Utc};
use std::rc::Rc;

/// One action.
#[derive(Debug)]
pub(crate) struct Action {
    pub(crate) kind: ActionKind,
    /// The operation that waits for its answer.
    pub(crate) op: OpId,
    /// When its answer was delivered, counted in deliveries.
    pub(crate) settled: Option<u32>,
}

/// The primitive actions.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ActionKind {
    /// `input` is JSON text.
    CallActivity { name: Rc<str>, input: String },
    /// `input` is JSON text; without an instance id the host makes one.
    CallSubOrchestration {
        name: Rc<str>,
        instance_id: Option<String>,
        input: String,
    },
    /// A durable timer.
    CreateTimer { fire_at: DateTime<Utc>, cancelled: bool },
    /// A message to an entity that nobody waits for; only ever reissued from history.
    SignalEntity { instance_id: String, operation: String },
}

impl ActionKind {
    pub(crate) fn scheduled_kind(&self) -> ScheduledKind {
        match self {
            Self::CallActivity { .. } => ScheduledKind::Activity,
            Self::CallSubOrchestration { .. } => ScheduledKind::SubOrchestration,
            Self::CreateTimer { .. } => ScheduledKind::Timer,
            Self::SignalEntity { .. } => ScheduledKind::Message,
        }
    }

    /// The name that history records; timers have none.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::CallActivity { name, .. } | Self::CallSubOrchestration { name, .. } => Some(name),
            Self::CreateTimer { .. } => None,
            Self::SignalEntity { instance_id, .. } => Some(instance_id),
        }
    }

    /// Whether the host's shim goes on without an answer.
    pub(crate) fn settles_when_issued(&self) -> bool {
        matches!(
            self,
            Self::CreateTimer { cancelled: true, .. } | Self::SignalEntity { .. }
        )
    }
}

impl Action {
    /// Whether the shim sees the action settled once `tick` deliveries have been made.
    pub(crate) fn settled_by(&self, tick: u32) -> bool {
        self.kind.settles_when_issued() || self.settled.is_some_and(|at| at <= tick)
    }
}
