//! A critical section, as the core knows it.

use azure_functions_durable::EntityId;
use std::{collections::BTreeMap, rc::Rc};

use super::{ids::OpId, segment::Known};

/// The critical section that an execution is in, or asks for.
#[derive(Debug)]
pub(super) struct Section {
    /// The action that asked for the locks.
    pub(super) request: u32,
    pub(super) op: OpId,
    /// Sorted, each once.
    pub(super) entities: Rc<[EntityId]>,
    /// The host has granted the locks.
    pub(super) granted: bool,
    /// The newest answer that steps rest on; none before the code can know of the grant.
    pub(super) known: Option<Known>,
    /// Calls to locked entities that are out: instance id and action.
    pub(super) calls: BTreeMap<Rc<str>, u32>,
}

/// A timer that hands on an answer.
#[derive(Debug)]
pub(super) struct Relay {
    /// The action that was answered, at this place of the history.
    pub(super) step: u32,
    pub(super) place: usize,
}

impl Section {
    pub(super) fn holds(&self, target: &str) -> bool {
        self.granted && self.entities.iter().any(|entity| entity.to_string() == target)
    }
}
