//! By what rows are told apart, and the unit of their times.

/// Surrogate key of an instance: an id that is used again gets a new key, so that late messages cannot reach it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct InstanceKey(pub(crate) i64);

/// Number of a row; given out by the hub, rising, and never used again within a run.
pub(crate) type RowId = i64;

/// Microseconds since 1970 UTC.
pub(crate) type Micros = i64;
