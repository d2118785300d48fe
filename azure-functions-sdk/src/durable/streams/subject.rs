//! What an item is for.

/// What an item is for. Workers that send no token name that in their answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// An instance.
    Orchestration(String),
    /// A task of an instance.
    Activity(String, i32),
    /// An entity.
    Entity(String),
}

impl Subject {
    pub(super) fn is_of_kind(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}
