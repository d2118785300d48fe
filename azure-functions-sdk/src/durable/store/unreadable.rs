//! Rows that cannot be read when a hub opens: each is set aside and told in one sentence, and the others work.

/// A row that stays in the store and takes part in nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UnreadableRow {
    pub(crate) table: &'static str,
    /// Its number, or the id of an entity.
    pub(crate) row: String,
    /// Id of the instance or entity that it belongs to; where a row has only the key of an instance, that.
    pub(crate) owner: String,
    /// What is wrong with it.
    pub(crate) reason: String,
}
