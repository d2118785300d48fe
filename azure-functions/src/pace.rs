//! Which functions are so short that they run where their message was read: to wake another thread would take longer.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

/// What a run takes at most to count as short. To wake a thread for it takes a tenth of that.
const SHORT: Duration = Duration::from_micros(100);

/// What a run takes to count against a function for long: others have waited for it.
const STALLING: Duration = Duration::from_millis(5);

/// Short runs that make a function a short one.
const FIRST_PROOF: u32 = 16;

/// Every run that others had to wait for makes the proof so much longer, up to a bound; so many proofs make it half as long again.
const HARDER: u32 = 8;
const HARDEST_PROOF: u32 = 1 << 14;
const PROOFS: u32 = 16;

/// How long one function runs before it ends, or waits for the first time: what is known of it.
#[derive(Debug)]
pub(crate) struct Pace {
    /// Short runs. Each that was not halves them: on a busy machine a thread may wait for its turn in the middle of one.
    short: AtomicU32,
    /// How many it takes.
    proof: AtomicU32,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            short: AtomicU32::new(0),
            proof: AtomicU32::new(FIRST_PROOF),
        }
    }
}

impl Pace {
    /// Whether the next run is expected to be short.
    pub(crate) fn is_short(&self) -> bool {
        self.short.load(Ordering::Relaxed) >= self.proof.load(Ordering::Relaxed)
    }

    /// Runs it, and learns from that.
    pub(crate) fn measure<T>(&self, run: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let result = run();
        self.learn(begun.elapsed());
        result
    }

    /// A run goes on for long: before it ends, there is nothing to measure.
    pub(crate) fn goes_on(&self) {
        self.short.store(0, Ordering::Relaxed);
    }

    fn learn(&self, took: Duration) {
        if took <= SHORT {
            let short = self.short.fetch_add(1, Ordering::Relaxed).saturating_add(1);
            let proof = self.proof.load(Ordering::Relaxed);
            if short >= proof.saturating_mul(PROOFS) {
                let easier = (proof / 2).max(FIRST_PROOF);
                self.proof.store(easier, Ordering::Relaxed);
                self.become_less(short, easier);
            }
        } else if took < STALLING {
            let short = self.short.load(Ordering::Relaxed);
            self.become_less(short, short / 2);
        } else {
            self.goes_on();
            let proof = self.proof.load(Ordering::Relaxed);
            self.proof
                .store(proof.saturating_mul(HARDER).min(HARDEST_PROOF), Ordering::Relaxed);
        }
    }

    /// Unless another run changed it: what that learnt stays.
    fn become_less(&self, from: u32, to: u32) {
        let _ = self
            .short
            .compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: Duration = Duration::from_micros(1);

    fn after(runs: impl IntoIterator<Item = Duration>) -> Pace {
        let pace = Pace::default();
        runs.into_iter().for_each(|took| pace.learn(took));
        pace
    }

    #[test]
    fn a_function_is_short_after_so_many_short_runs() {
        assert!(!after([]).is_short());
        assert!(!after([US; FIRST_PROOF as usize - 1]).is_short());
        let pace = after([US; FIRST_PROOF as usize]);
        assert!(pace.is_short());
        pace.learn(SHORT + US);
        assert!(!pace.is_short(), "half of the proof is lost");
        (0..FIRST_PROOF / 2).for_each(|_| pace.learn(US));
        assert!(pace.is_short());
    }

    #[test]
    fn a_function_of_which_every_fifth_run_is_not_short_is_none() {
        let pace = Pace::default();
        for run in 1..=10_000 {
            pace.learn(if run % 5 == 0 { SHORT + US } else { US });
            assert!(!pace.is_short(), "after {run} runs");
        }
    }

    #[test]
    fn a_run_that_others_waited_for_makes_the_proof_longer_up_to_a_bound() {
        let pace = after([STALLING]);
        (0..FIRST_PROOF * HARDER - 1).for_each(|_| pace.learn(US));
        assert!(!pace.is_short());
        pace.learn(US);
        assert!(pace.is_short());
        (0..50).for_each(|_| pace.learn(STALLING));
        assert_eq!(pace.proof.load(Ordering::Relaxed), HARDEST_PROOF);
    }

    #[test]
    fn a_function_that_has_been_short_for_many_proofs_needs_less_of_it_again() {
        let pace = after([STALLING]);
        let harder = FIRST_PROOF * HARDER;
        (0..harder * PROOFS).for_each(|_| pace.learn(US));
        assert_eq!(pace.proof.load(Ordering::Relaxed), harder / 2);
        assert!(pace.is_short());
        (0..1_000_000).for_each(|_| pace.learn(US));
        assert_eq!(
            pace.proof.load(Ordering::Relaxed),
            FIRST_PROOF,
            "and never less than the first"
        );
        assert!(pace.short.load(Ordering::Relaxed) <= FIRST_PROOF * PROOFS);
    }

    #[test]
    fn a_function_that_stalls_once_in_a_thousand_runs_is_not_short_for_long() {
        let pace = Pace::default();
        let mut stalled = 0;
        for run in 1..=100_000 {
            if run % 1_000 == 0 {
                stalled += u32::from(pace.is_short());
                pace.learn(STALLING);
            } else {
                pace.learn(US);
            }
        }
        assert!(stalled <= 3, "{stalled} of 100 runs held others up");
    }

    #[test]
    fn a_function_with_a_run_that_goes_on_is_not_short() {
        let pace = after([US; FIRST_PROOF as usize]);
        pace.goes_on();
        assert!(!pace.is_short());
    }
}
