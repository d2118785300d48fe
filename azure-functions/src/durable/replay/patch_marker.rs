//! Markers: how the answer to `patched` stands in a history.
//!
//! An answer of true is an action like any other: a *marker*, a timer that is cancelled at once and due long ago, whose
//! fire time says which question it answers. So every host records it, none arms it, and no protocol has to know of it.

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Namespace of the hash of patch ids.
const NAMESPACE: Uuid = Uuid::from_u128(0x2a0f_6ec1_7f0c_4a52_9d3b_51c8_06e7_b4d9);

/// 1980-01-01, in milliseconds since 1970: after every zero that a host may mean by "none", before any clock.
const FIRST: i64 = 315_532_800_000;

/// Markers fill so many bits of milliseconds, up to June 1997. Milliseconds survive every host and protocol.
const BITS: u32 = 39;

/// 2000-01-01, in seconds since 1970: no other timer is due before this.
const EARLIEST_TIMER: i64 = 946_684_800;

/// The answer "true" to one question, as the history keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PatchMarker(u64);

impl PatchMarker {
    /// The marker of a patch id: the first 39 bits of the id's UUID of version 5 (SHA-1), for ever.
    pub(crate) fn of(id: &str) -> Self {
        let (high, _) = Uuid::new_v5(&NAMESPACE, id.as_bytes()).as_u64_pair();
        Self(high >> (64 - BITS))
    }

    /// The marker that a timer is, if it is one.
    pub(crate) fn of_timer(fire_at: DateTime<Utc>) -> Option<Self> {
        let offset = u64::try_from(fire_at.timestamp_millis() - FIRST).ok()?;
        (offset < 1 << BITS).then_some(Self(offset))
    }

    pub(crate) fn fire_at(self) -> DateTime<Utc> {
        // 39 bits and some years: far from the limits of both types.
        DateTime::from_timestamp_millis(FIRST + self.0.cast_signed()).unwrap_or_default()
    }
}

/// What is known of one question.
#[derive(Debug)]
pub(super) struct Patch {
    /// The id that was asked for; `None` if only the history has it so far.
    pub(super) asked: Option<Box<str>>,
    pub(super) answer: bool,
}

/// When a timer that the code wants is due: never among the markers. It is long past either way.
pub(super) fn apart_from_markers(due: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp(EARLIEST_TIMER, 0).map_or(due, |earliest| due.max(earliest))
}
