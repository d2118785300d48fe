//! Whether the worker keeps instances between their episodes. A host can only offer it: one that keeps nothing asks for the whole history
//! each time, which costs a second call.

/// After so many refusals, with nothing ever kept, a worker is taken for one that keeps nothing.
const REFUSALS: u32 = 3;

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
    fn a_worker_that_keeps_nothing_gets_whole_histories_after_three_refusals_and_the_next_one_is_asked_again() {
        let mut sessions = Sessions::default();
        for _ in 0..3 {
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
        for _ in 0..10 {
            sessions.answered(1, false);
        }
        assert!(sessions.are_offered(1));
    }
}
