//! Whether the worker keeps instances between their episodes. A host can only offer it: one that keeps nothing asks for the whole history
//! each time, which costs a second call.

use chrono::{DateTime, TimeDelta, Utc};

/// After so many refusals, with nothing ever kept, a worker is taken for one that keeps nothing.
const REFUSALS: u32 = 16;

/// What a worker was offered with the last episode of an instance.
#[derive(Clone, Copy, Debug)]
pub(super) struct Session {
    worker: u64,
    /// When the worker may have let go of it.
    ends: DateTime<Utc>,
}

impl Session {
    /// Begins with an answer, and ends when the instance has been idle for so long.
    pub(super) fn new(worker: u64, now: DateTime<Utc>, idle: TimeDelta) -> Self {
        let ends = now.checked_add_signed(idle).unwrap_or(DateTime::<Utc>::MAX_UTC);
        Self { worker, ends }
    }

    /// Whether this worker may have the instance still.
    pub(super) fn goes_on(&self, worker: u64, now: DateTime<Utc>) -> bool {
        self.worker == worker && now < self.ends
    }
}

/// What is known of the present worker.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    worker: u64,
    kept: bool,
    refusals: u32,
}

impl Sessions {
    /// Whether this worker gets an episode without the history that it had before.
    pub(super) fn are_offered(&mut self, worker: u64) -> bool {
        if self.worker != worker {
            *self = Self {
                worker,
                ..Self::default()
            };
        }
        self.kept || self.refusals < REFUSALS
    }

    /// This worker has answered an episode without its history: from what it kept, or by asking for the history.
    pub(super) fn answered(&mut self, worker: u64, from_what_it_kept: bool) {
        if self.worker != worker {
            return;
        }
        if from_what_it_kept {
            self.kept = true;
        } else {
            self.refusals = self.refusals.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_of_one_worker_and_ends_when_the_instance_has_been_idle() {
        let now = DateTime::<Utc>::UNIX_EPOCH;
        let session = Session::new(1, now, TimeDelta::seconds(30));
        assert!(session.goes_on(1, now + TimeDelta::seconds(29)));
        assert!(!session.goes_on(1, now + TimeDelta::seconds(30)));
        assert!(!session.goes_on(2, now));
    }

    #[test]
    fn a_worker_that_keeps_nothing_gets_whole_histories_after_some_refusals_and_the_next_one_is_asked_again() {
        let mut sessions = Sessions::default();
        for _ in 0..REFUSALS {
            assert!(sessions.are_offered(1));
            sessions.answered(1, false);
        }
        assert!(!sessions.are_offered(1));
        assert!(sessions.are_offered(2));
        // What comes late says nothing of the present one.
        sessions.answered(1, false);
        assert!(sessions.are_offered(2));
    }

    #[test]
    fn a_worker_that_kept_an_instance_once_may_refuse_others() {
        let mut sessions = Sessions::default();
        assert!(sessions.are_offered(1));
        sessions.answered(1, true);
        for _ in 0..2 * REFUSALS {
            sessions.answered(1, false);
        }
        assert!(sessions.are_offered(1));
    }
}
