//! Repeated checks until something has happened.

use crate::durable::{DurableOrchestrationContext, RetryOptions, replay::clock::add};
use chrono::TimeDelta;
use std::{future::Future, panic::Location, time::Duration};

/// How often a [`monitor`] checks, and for how long.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct MonitorOptions {
    /// The delays of a monitor grow as those of a retry do.
    delays: RetryOptions,
    expires_after: Option<Duration>,
}

impl MonitorOptions {
    /// Checks at this interval, without end.
    #[must_use]
    pub const fn every(interval: Duration) -> Self {
        Self {
            delays: RetryOptions::new(interval, u32::MAX),
            expires_after: None,
        }
    }

    /// By how much each delay is longer than the one before; 1 by default.
    #[must_use]
    pub const fn backoff_coefficient(mut self, coefficient: f64) -> Self {
        self.delays = self.delays.backoff_coefficient(coefficient);
        self
    }

    /// The longest delay; six days by default.
    #[must_use]
    pub const fn max_interval(mut self, interval: Duration) -> Self {
        self.delays = self.delays.max_interval(interval);
        self
    }

    /// Checks for the last time this long after the first check. Without it, the monitor has no end.
    #[must_use]
    pub const fn expires_after(mut self, duration: Duration) -> Self {
        self.expires_after = Some(duration);
        self
    }
}

/// Calls `check` until it returns `Some`, and returns what that holds; `None` if the monitor has expired.
///
/// ```
/// use azure_functions::{
///     bindings::DurableOrchestrationContext,
///     durable::{CallError, patterns::{MonitorOptions, monitor}},
///     func,
/// };
/// use std::time::Duration;
///
/// #[func]
/// pub async fn watch_job(context: DurableOrchestrationContext) -> Result<(), CallError> {
///     let schedule = MonitorOptions::every(Duration::from_secs(30))
///         .backoff_coefficient(1.5)
///         .max_interval(Duration::from_secs(600))
///         .expires_after(Duration::from_secs(24 * 3600));
///     let finished = monitor(&context, schedule, async || {
///         let status = context.call_activity("job_status", context.input()).await?;
///         Ok::<_, CallError>((status == "finished").then_some(status))
///     });
///     let alert = if finished.await?.is_some() { "ready" } else { "late" };
///     context.call_activity("send_alert", alert).await?;
///     Ok(())
/// }
/// ```
///
/// Each check adds to the history. Let a monitor that checks thousands of times expire, and start over with
/// [`start_over`](DurableOrchestrationContext::start_over).
///
/// # Errors
/// The first error of `check`.
#[track_caller]
pub fn monitor<I, T, E, C>(
    context: &DurableOrchestrationContext<I>,
    options: MonitorOptions,
    mut check: C,
) -> impl Future<Output = Result<Option<T>, E>>
where
    C: AsyncFnMut() -> Result<Option<T>, E>,
{
    let site = Location::caller();
    async move {
        let now = || context.now_at(site);
        let duration = options
            .expires_after
            .map(|after| TimeDelta::from_std(after).unwrap_or(TimeDelta::MAX));
        let end = duration.map(|duration| add(now(), duration));
        let mut looks = 0_u32;
        loop {
            if let Some(found) = check().await? {
                return Ok(Some(found));
            }
            looks = looks.saturating_add(1);
            let delay = options.delays.delay_after(looks.min(u32::MAX - 1), TimeDelta::zero());
            let next = add(now(), delay.unwrap_or_default());
            match end {
                Some(end) if now() >= end => return Ok(None),
                Some(end) => context.timer_at(next.min(end), site).await,
                None => context.timer_at(next, site).await,
            }
        }
    }
}
