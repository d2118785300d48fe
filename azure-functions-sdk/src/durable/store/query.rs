//! Which instances a listing asks for.

use super::commit::{EntityRow, InstanceKey, InstanceRow, Micros};
use crate::durable::{engine::runtime_status::RuntimeStatus, work::Wire};

/// Filter and position of one page of instances.
#[derive(Clone, Debug, Default)]
pub(crate) struct InstanceQuery {
    /// Inclusive.
    pub(crate) created_from: Option<Micros>,
    /// Inclusive.
    pub(crate) created_to: Option<Micros>,
    /// Last change, which of one that has ended is its end; inclusive.
    pub(crate) updated_from: Option<Micros>,
    /// Inclusive.
    pub(crate) updated_to: Option<Micros>,
    /// `None` means all, an empty list means none.
    pub(crate) statuses: Option<Vec<RuntimeStatus>>,
    /// Compared byte by byte.
    pub(crate) id_prefix: Option<String>,
    /// Those that this instance has started.
    pub(crate) parent: Option<String>,
    pub(crate) with_input: bool,
    /// At most so many rows.
    pub(crate) limit: usize,
    /// Continue after this instance.
    pub(crate) after: Option<InstanceKey>,
}

/// One page of instances.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) instances: Vec<InstanceRow>,
    /// Those on this page that cannot be read.
    pub(crate) damaged: Vec<DamagedRow>,
    /// Where the next page begins; `None` when there is none.
    pub(crate) next: Option<InstanceKey>,
}

/// A row of an instance that cannot be read, with what of it can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DamagedRow {
    pub(crate) key: InstanceKey,
    pub(crate) id: String,
    pub(crate) name: String,
    /// What the database says of it.
    pub(crate) reason: String,
    /// `None` if that cannot be read.
    pub(crate) status: Option<RuntimeStatus>,
    /// `None` if that cannot be read; `Some(None)` if there is none.
    pub(crate) wire: Option<Option<Wire>>,
    /// Whether its input can be read.
    pub(crate) has_readable_input: bool,
}

impl DamagedRow {
    /// What is wrong, and what to do.
    pub(crate) fn problem(&self) -> String {
        format!(
            "The row of this instance in the task hub's database cannot be read: {}. Purge the instance, or terminate it to give it an end that can be read.",
            self.reason
        )
    }
}

/// Filter and position of one page of entities that exist.
#[derive(Clone, Debug, Default)]
pub(crate) struct EntityQuery {
    /// Lower-cased name of the function; `None` means all.
    pub(crate) name: Option<String>,
    /// Last operation; inclusive.
    pub(crate) updated_from: Option<Micros>,
    /// Inclusive.
    pub(crate) updated_to: Option<Micros>,
    pub(crate) with_state: bool,
    /// At most so many rows.
    pub(crate) limit: usize,
    /// Continue after this id.
    pub(crate) after: Option<String>,
}

/// One page of entities, by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EntityPage {
    pub(crate) entities: Vec<EntityRow>,
    /// Where the next page begins; `None` when there is none.
    pub(crate) next: Option<String>,
}
