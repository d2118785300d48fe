//! What an orchestrator asks for: a flat list of actions, inputs left as raw text.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde_json::value::RawValue;

use super::{entity::EntityId, retry::RetryPolicy};

/// Index that stands for no node.
pub(super) const NONE: u32 = u32::MAX;

/// What an orchestrator answered.
#[derive(Debug)]
pub(super) struct Answer<'t> {
    pub(super) is_done: bool,
    pub(super) plan: Plan<'t>,
    /// JSON text; null is none.
    pub(super) output: Option<&'t RawValue>,
    /// Never empty.
    pub(super) error: Option<Cow<'t, str>>,
    /// JSON text; null is none.
    pub(super) custom_status: Option<&'t RawValue>,
}

/// All actions since the start of the execution, in preorder: a compound stands before its members.
#[derive(Debug, Default)]
pub(super) struct Plan<'t> {
    pub(super) schema: Schema,
    pub(super) nodes: Vec<Node<'t>>,
    /// Nodes to issue one after the other, each awaited before the next.
    pub(super) steps: Vec<u32>,
}

/// Schema version of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Schema {
    /// One inner array per step, which any of its members ends.
    #[default]
    V1,
    /// One inner array; each top-level action is a step.
    V2,
    /// With timers of any length.
    V3,
    /// With locks of entities.
    V4,
}

/// One action.
#[derive(Debug)]
pub(super) struct Node<'t> {
    pub(super) action: Action<'t>,
    /// The compound that this is a member of, or `NONE`.
    pub(super) parent: u32,
    /// Index after the last descendant.
    pub(super) end: u32,
    /// Number of members; of a V1 group, only those that are waited for.
    pub(super) members: u32,
}

/// What an action asks for.
#[derive(Debug)]
pub(super) enum Action<'t> {
    Activity {
        name: Cow<'t, str>,
        input: Option<&'t RawValue>,
        retry: Option<RetryPolicy>,
    },
    Child {
        name: Cow<'t, str>,
        instance_id: Option<Cow<'t, str>>,
        version: Option<Cow<'t, str>>,
        input: Option<&'t RawValue>,
        retry: Option<RetryPolicy>,
    },
    ContinueAsNew {
        input: Option<&'t RawValue>,
    },
    Timer {
        fire_at: DateTime<Utc>,
        cancelled: bool,
    },
    Wait {
        name: Cow<'t, str>,
    },
    Http {
        request: &'t RawValue,
    },
    CallEntity {
        target: EntityId,
        operation: Cow<'t, str>,
        input: Option<&'t RawValue>,
    },
    SignalEntity {
        target: EntityId,
        operation: Cow<'t, str>,
        input: Option<&'t RawValue>,
        fire_at: Option<DateTime<Utc>>,
    },
    /// In the order in which they are locked; never empty.
    LockEntities {
        targets: Vec<EntityId>,
    },
    ReleaseEntities,
    Any,
    All,
    /// An inner array of `actions`.
    Group,
    /// Fails the orchestration when it is issued; the text says why.
    Refused(String),
}

impl Action<'_> {
    /// True if a V1 group does not wait for it.
    pub(super) fn is_fire_and_forget(&self) -> bool {
        matches!(
            self,
            Self::ContinueAsNew { .. } | Self::SignalEntity { .. } | Self::ReleaseEntities
        )
    }
}
