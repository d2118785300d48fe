//! Messages to entities as the history records them: what kind each is, and under which id its answer comes.

use super::{
    action::ActionKind,
    history::{History, Span, eq_ignore_case},
};
use azure_functions_durable::EntityId;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

/// What a message asks of an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MessageKind {
    Call,
    Signal,
    Lock,
    Release,
}

/// A recorded message, as far as it can be read: the host's own objects, with whatever else they have.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Request {
    op: Value,
    signal: Value,
    id: Value,
    lockset: Value,
    due: Value,
}

impl Request {
    pub(crate) fn read(history: &History, request: Span) -> Option<Self> {
        serde_json::from_str(&history.text(request)?).ok()
    }

    pub(crate) fn kind(&self) -> MessageKind {
        match (&self.op, &self.lockset) {
            (_, lockset) if !lockset.is_null() => MessageKind::Lock,
            (Value::Null, _) => MessageKind::Release,
            _ if self.signal == true => MessageKind::Signal,
            _ => MessageKind::Call,
        }
    }

    /// Whether nothing of it could be read.
    pub(crate) fn is_empty(&self) -> bool {
        self.op.is_null() && self.id.is_null()
    }

    /// The name of the event that answers it.
    pub(crate) fn id(&self) -> Option<String> {
        Some(self.id.as_str()?.to_ascii_lowercase())
    }

    pub(crate) fn operation(&self) -> Option<&str> {
        self.op.as_str()
    }

    /// When a signal is to be delivered.
    pub(crate) fn due(&self) -> Option<DateTime<Utc>> {
        self.due.as_str()?.parse().ok()
    }

    pub(crate) fn lock_set(&self) -> Vec<EntityId> {
        let members = self.lockset.as_array().map(Vec::as_slice).unwrap_or_default();
        let members = members.iter();
        members
            .filter_map(|id| serde_json::from_value(id.clone()).ok())
            .collect()
    }
}

/// Whether a message to this instance id is one to an entity: an orchestration's id never begins like that.
pub(crate) fn is_to_entity(instance_id: &str) -> bool {
    instance_id.starts_with('@')
}

/// Whether a recorded message is what the code asks for now. Only what changes the way of the code counts; which entity a
/// lock request goes to first, and in which order locks are given back, is the host's business.
pub(crate) fn is_same(
    history: &History,
    target: Span,
    name: Span,
    request: Option<&Request>,
    code: &ActionKind,
) -> bool {
    let to = |id: &str| {
        history
            .text(target)
            .is_some_and(|recorded| eq_ignore_case(&recorded, id))
    };
    let kind = request.map(Request::kind);
    let is = |wanted: MessageKind| kind.is_none_or(|kind| kind == wanted);
    match code {
        ActionKind::CallEntity { target, .. } => is(MessageKind::Call) && to(target),
        ActionKind::SignalEntity { target, .. } => is(MessageKind::Signal) && to(target),
        ActionKind::LockEntities { entities, .. } => {
            is(MessageKind::Lock) && entities.iter().any(|entity| to(&entity.to_string()))
        }
        ActionKind::ReleaseEntity { .. } => is(MessageKind::Release),
        ActionKind::SendEvent {
            instance_id,
            name: event,
            ..
        } => to(instance_id) && history.is_name(name, event),
        _ => false,
    }
}
