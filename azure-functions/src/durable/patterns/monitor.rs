//! Looking again and again.

use crate::durable::{DurableOrchestrationContext, RetryOptions, replay::deliver::add};
use chrono::TimeDelta;
use std::{future::Future, panic::Location, time::Duration};

/// How often a [`monitor`] looks, and for how long.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MonitorOptions {
    /// The delays of a monitor grow as those of a retry do.
    delays: RetryOptions,
    expires_after: Option<Duration>,
}

impl MonitorOptions {
    /// Looks again after so long, without end.
    #[must_use]
    pub fn every(interval: Duration) -> Self {
        Self {
            delays: RetryOptions::new(interval, u32::MAX),
            expires_after: None,
        }
    }

    /// By how much each delay is longer than the one before; 1 by default.
    #[must_use]
    pub fn backoff_coefficient(mut self, coefficient: f64) -> Self {
        self.delays = self.delays.backoff_coefficient(coefficient);
        self
    }

    /// The longest delay; six days by default.
    #[must_use]
    pub fn max_interval(mut self, interval: Duration) -> Self {
        self.delays = self.delays.max_interval(interval);
        self
    }

    /// Looks for the last time so long after the first.
    #[must_use]
    pub fn expires_after(mut self, duration: Duration) -> Self {
        self.expires_after = Some(duration);
        self
    }
}

/// Looks until `check` has found something, and returns that; `None` if it has found nothing by the end.
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
/// Every look stays in the history. One that looks thousands of times had better expire, and start over with
/// [`continue_as_new`](DurableOrchestrationContext::continue_as_new).
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
