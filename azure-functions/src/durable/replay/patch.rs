//! Patches: questions of changed code whose answers lie in the history.
//!
//! An answer of true is an action like any other: a *marker*, a timer that is cancelled at once and due long ago, whose
//! fire time says which question it answers. So every host records it, none arms it, and no protocol has to know of it.

use super::{
    action::{Action, ActionKind},
    core::{Core, State},
    history::{Event, History, ScheduledKind},
    ids::OpId,
    patch_marker::{Patch, PatchMarker},
};

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
            None => state.decide(&self.history, marker, self.marks.get().committed),
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

    /// Reissues the markers that the history has next: code that asks for something else has not asked for them.
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
        match history.event(place)? {
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
            // Nothing waits for it.
            op: OpId(u32::MAX),
            settled: None,
        });
    }
}
