//! How operations, external events and calls of user code are named within an episode.

use std::panic::Location;

/// Index of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OpId(pub(crate) u32);

/// Index of an arrival: its place in the order of all events.
pub(crate) type ArrivalId = usize;

/// A call of user code.
pub(crate) type Site = &'static Location<'static>;
