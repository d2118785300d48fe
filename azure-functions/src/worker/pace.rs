//! Which functions are so short that they run where their message was read: to wake another thread would take longer.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

/// What a run takes at most to count as short. Waking a thread and going back costs a tenth of that.
const SHORT: Duration = Duration::from_micros(200);

/// What a run takes to count against a function for long: others have waited for it.
const STALLING: Duration = Duration::from_millis(5);

/// Short runs that make a function a short one.
const FIRST_PROOF: u32 = 16;

/// Every run that others had to wait for makes the proof so much longer, up to a bound.
const HARDER: u32 = 8;
const HARDEST_PROOF: u32 = 1 << 20;

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

    /// Runs at the same time may each count: nothing depends on the last one.
    fn learn(&self, took: Duration) {
        if took <= SHORT {
            let short = self.short.load(Ordering::Relaxed);
            self.short.store(short.saturating_add(1), Ordering::Relaxed);
            return;
        }
        let short = self.short.load(Ordering::Relaxed).min(HARDEST_PROOF);
        self.short.store(short / 2, Ordering::Relaxed);
        if took >= STALLING {
            self.short.store(0, Ordering::Relaxed);
            let proof = self.proof.load(Ordering::Relaxed);
            self.proof
                .store(proof.saturating_mul(HARDER).min(HARDEST_PROOF), Ordering::Relaxed);
        }
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
}
