//! Patches: questions of changed code whose answers lie in the history.
//!
//! An answer of true is an action like any other: a *marker*, a timer that is cancelled at once and due long ago, whose
//! fire time says which question it answers. So every host records it, none arms it, and no protocol has to know of it.

use super::{
    action::{Action, ActionKind},
    core::{Core, State},
    history::{Event, History, ScheduledKind},
    operation::OpId,
};
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
    asked: Option<Box<str>>,
    answer: bool,
}

/// The marker of one patch id is that of another.
#[derive(Debug)]
pub(crate) struct Alike {
    /// The id that was asked for before.
    pub(crate) other: Box<str>,
}

impl Core {
    /// Answers whether the code may go the new way here.
    pub(crate) fn patched(&self, id: &str) -> Result<bool, Alike> {
        let marker = PatchMarker::of(id);
        if !self.state.borrow().patches.contains_key(&marker) {
            self.check_room(None);
        }
        let mut state = self.state.borrow_mut();
        let answer = match state.patches.get(&marker) {
            Some(Patch { asked: Some(other), .. }) if **other != *id => {
                return Err(Alike { other: other.clone() });
            }
            Some(known) => known.answer,
            None => state.decide(&self.history, marker, self.committed),
        };
        let patch = state.patches.entry(marker).or_insert(Patch { asked: None, answer });
        patch.asked.get_or_insert_with(|| id.into());
        Ok(answer)
    }

    /// Reissues the markers at the end of the history that the code did not get to.
    pub(super) fn reissue_last_markers(&self) {
        self.state.borrow_mut().reissue(&self.history);
    }
}

impl State {
    /// `committed`: what the code asked for before this place of the history has been recorded.
    fn decide(&mut self, history: &History, marker: PatchMarker, committed: usize) -> bool {
        let next = self.actions.len();
        // Markers that are asked for no more may lie before it.
        let skipped = (next..)
            .map_while(|id| self.recorded_marker(history, id))
            .position(|recorded| recorded == marker);
        if let Some(skipped) = skipped {
            for _ in 0..=skipped {
                self.reissue_one(history);
            }
            return true;
        }
        let other = self.scheduled.get(next).is_some_and(Option::is_some);
        // An episode that panicked records nothing: if there was anything before the question, it is asked anew.
        let passed = self.cursor <= committed && next <= self.scheduled.len();
        if other || passed {
            return false;
        }
        self.issue_marker(marker);
        true
    }

    /// Reissues the markers that the history has next: whoever asks for something else has not asked for them.
    pub(super) fn reissue(&mut self, history: &History) {
        while !self.stopped() && self.reissue_one(history) {}
    }

    fn reissue_one(&mut self, history: &History) -> bool {
        let Some(marker) = self.recorded_marker(history, self.actions.len()) else {
            return false;
        };
        self.issue_marker(marker);
        self.patches.entry(marker).or_insert(Patch {
            asked: None,
            answer: true,
        });
        true
    }

    /// The cursor passes the event of an action: if the code has not asked for it by now and it is a marker, it never will.
    pub(super) fn pass_scheduled(&mut self, history: &History, id: u32) {
        // The host checks its own list when it gets here, so this cannot wait for the next action.
        if id as usize == self.actions.len() {
            self.reissue(history);
        }
    }

    fn recorded_marker(&self, history: &History, id: usize) -> Option<PatchMarker> {
        let place = self.scheduled.get(id).copied().flatten()?;
        match history.events[place] {
            Event::Scheduled {
                kind: ScheduledKind::Timer,
                fire_at: Some(fire_at),
                ..
            } => PatchMarker::of_timer(fire_at),
            _ => None,
        }
    }

    /// Takes the next id. The marker joins the open segment, which is never too late for the host, and never ends it: when
    /// it was asked for shows no more once the question is gone, and what follows has to be issued at the same time as
    /// before, because the ids of messages to entities come from the time.
    fn issue_marker(&mut self, marker: PatchMarker) {
        self.open_call = None;
        self.actions.push(Action {
            kind: ActionKind::CreateTimer {
                fire_at: marker.fire_at(),
                cancelled: true,
            },
            // Nobody waits for it.
            op: OpId(u32::MAX),
            settled: None,
        });
    }
}

impl Action {
    /// Whether it is the answer to a question of `patched`.
    pub(crate) fn is_patch_marker(&self) -> bool {
        matches!(self.kind, ActionKind::CreateTimer { fire_at, .. } if PatchMarker::of_timer(fire_at).is_some())
    }
}

/// When a timer that the code wants is due: never among the markers. It is long past either way.
pub(super) fn apart_from_markers(due: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp(EARLIEST_TIMER, 0).map_or(due, |earliest| due.max(earliest))
}
