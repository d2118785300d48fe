//! How often the worker process may end by itself before the real host ends too; for `--crash-as-host`.

use std::time::Duration;
use tokio::time::Instant;

/// Crashes that the host does not survive.
const MOST: u32 = 3;
/// A crash that comes later than this after the one before begins a new count.
const WINDOW: Duration = Duration::from_secs(30 * 60);

/// Counts crashes as `RpcFunctionInvocationDispatcher` of the real host does, for one worker process.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CrashLimit {
    last: Option<Instant>,
    count: u32,
}

impl CrashLimit {
    /// Counts a crash; true if the host ends by it.
    pub(crate) fn reached_by(&mut self, crash: Instant) -> bool {
        if self.last.is_some_and(|last| crash.duration_since(last) > WINDOW) {
            self.count = 0;
        }
        self.last = Some(crash);
        self.count += 1;
        self.count >= MOST
    }

    /// What the real host logs when it ends.
    pub(crate) fn message(runtime: &str) -> String {
        format!(
            "Exceeded language worker restart retry count for runtime:{runtime}. Shutting down and proactively recycling \
             the Functions Host to recover\nThis host ends here, as --crash-as-host asks for; on Azure the platform starts \
             another one. What instances have recorded is kept: run the command again."
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_third_crash_within_half_an_hour_of_the_one_before_ends_the_host() {
        let start = Instant::now();
        let minutes = |minutes: u64| start + Duration::from_secs(60 * minutes);
        let crashes = |at: &[u64]| {
            let mut limit = CrashLimit::default();
            at.iter().map(|at| limit.reached_by(minutes(*at))).collect::<Vec<_>>()
        };
        assert_eq!(crashes(&[0, 30, 60]), [false, false, true]);
        assert_eq!(crashes(&[0, 30, 61, 62, 63]), [false, false, false, false, true]);
    }
}
