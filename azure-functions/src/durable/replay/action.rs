//! What an orchestrator asks for. Every action takes exactly one id, its index in the list.

use super::{
    history::ScheduledKind,
    http_call::{HTTP_ACTIVITY, Request},
    ids::OpId,
    patch_marker::PatchMarker,
    texts::Text,
};
use azure_functions_durable::EntityId;
use chrono::{DateTime, Utc};
use std::{collections::BTreeMap, rc::Rc};
use uuid::Uuid;

/// One action.
#[derive(Debug)]
pub(crate) struct Action {
    pub(crate) kind: ActionKind,
    /// The operation that waits for its answer.
    pub(crate) op: OpId,
    /// When its answer was delivered, counted in deliveries.
    pub(crate) settled: Option<u32>,
}

/// The primitive actions. There is one for each call of a history, so what few calls have lies in a box.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ActionKind {
    /// `input` is JSON text.
    CallActivity {
        name: Rc<str>,
        input: Text,
        tags: Option<Box<Tags>>,
    },
    /// An HTTP request that the host makes.
    CallHttp { request: Rc<Request> },
    /// `input` is JSON text.
    CallSubOrchestration {
        name: Rc<str>,
        input: Text,
        options: Option<Box<SubOptions>>,
    },
    /// A durable timer.
    CreateTimer { fire_at: DateTime<Utc>, cancelled: bool },
    /// Calls an entity, given by its instance id; `input` is JSON text.
    CallEntity {
        target: Rc<str>,
        operation: Text,
        input: Text,
    },
    /// A message to an entity without a wait for an answer, delivered at a time if one is given.
    SignalEntity {
        target: Rc<str>,
        operation: Text,
        input: Text,
        at: Option<DateTime<Utc>>,
    },
    /// An external event for another instance; `data` is JSON text.
    SendEvent {
        instance_id: Rc<str>,
        name: Rc<str>,
        data: Text,
    },
    /// Asks for the locks of these entities, in the order of their instance ids.
    LockEntities { entities: Rc<[EntityId]>, request: Uuid },
    /// Gives one lock back. All locks of a critical section are given back by one action on the wire, which takes as many
    /// ids: the one for the `first` stands for it.
    ReleaseEntity {
        target: Rc<str>,
        first: bool,
        /// The request for the locks.
        lock: Uuid,
    },
}

/// The tags of a call, by their names.
pub(crate) type Tags = BTreeMap<String, String>;

/// What a sub-orchestration is started with besides its input. Without an instance id the host makes one, and without a version it
/// takes its default.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SubOptions {
    pub(crate) instance_id: Option<Rc<str>>,
    pub(crate) version: Option<Rc<str>>,
    pub(crate) tags: Tags,
}

impl ActionKind {
    /// The options of a sub-orchestration, to change them.
    pub(crate) fn sub_options(&mut self) -> Option<&mut SubOptions> {
        match self {
            Self::CallSubOrchestration { options, .. } => Some(options.get_or_insert_default()),
            _ => None,
        }
    }

    /// The tags of what can have some, to change them.
    pub(crate) fn tags(&mut self) -> Option<&mut Tags> {
        match self {
            Self::CallActivity { tags, .. } => Some(tags.get_or_insert_default()),
            _ => Some(&mut self.sub_options()?.tags),
        }
    }

    pub(crate) fn scheduled_kind(&self) -> ScheduledKind {
        match self {
            Self::CallActivity { .. } | Self::CallHttp { .. } => ScheduledKind::Activity,
            Self::CallSubOrchestration { .. } => ScheduledKind::SubOrchestration,
            Self::CreateTimer { .. } => ScheduledKind::Timer,
            Self::CallEntity { .. }
            | Self::SignalEntity { .. }
            | Self::SendEvent { .. }
            | Self::LockEntities { .. }
            | Self::ReleaseEntity { .. } => ScheduledKind::Message,
        }
    }

    /// The name that history records of a function or an event; others have none.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::CallActivity { name, .. }
            | Self::CallSubOrchestration { name, .. }
            | Self::SendEvent { name, .. } => Some(name),
            Self::CallHttp { .. } => Some(HTTP_ACTIVITY),
            _ => None,
        }
    }

    /// Whether the host's shim goes on without an answer.
    pub(crate) fn settles_when_issued(&self) -> bool {
        matches!(
            self,
            Self::CreateTimer { cancelled: true, .. }
                | Self::SignalEntity { .. }
                | Self::SendEvent { .. }
                | Self::ReleaseEntity { .. }
        )
    }

    /// Whether it is a message without an answer.
    pub(crate) fn is_one_way(&self) -> bool {
        matches!(
            self,
            Self::SignalEntity { .. } | Self::SendEvent { .. } | Self::ReleaseEntity { .. }
        )
    }
}

impl Action {
    /// Whether the shim sees the action settled once `tick` deliveries have been made.
    pub(crate) fn settled_by(&self, tick: u32) -> bool {
        self.kind.settles_when_issued() || self.settled.is_some_and(|at| at <= tick)
    }
}

impl ActionKind {
    /// Whether it is the answer to a question of `patched`.
    pub(crate) fn is_patch_marker(&self) -> bool {
        matches!(self, Self::CreateTimer { fire_at, .. } if PatchMarker::of_timer(*fire_at).is_some())
    }
}

/// A request to start over.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ContinueAsNew {
    /// JSON text.
    pub(crate) input: String,
    pub(crate) events: UnprocessedEvents,
    /// The version of the next execution, if it is another one.
    pub(crate) version: Option<String>,
}

/// What happens to external events that have come and were not waited for when an execution starts over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnprocessedEvents {
    /// The next execution gets them.
    Keep,
    /// They are dropped.
    Discard,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A replay makes one for each call of the history: what it takes to move and to keep them is a good part of an episode.
    #[test]
    fn an_action_takes_no_more_than_a_cache_line() {
        assert!(size_of::<Action>() <= 64, "{}", size_of::<Action>());
    }
}
