//! The loop of each timer: waits, runs the function, waits again. A timer never overlaps itself, and runs that were
//! missed while the host was down become a single one that is past due.

use std::{future::Future, panic::AssertUnwindSafe, pin::Pin, sync::Arc};

use chrono::{DateTime, SubsecRound as _, Utc};
use futures_util::FutureExt as _;
use serde_json::{Map, Value};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Schedule, ScheduleError, ScheduleStatus, StatusStore, Zone, status::dotnet_time, timer_info::timer_info};
use crate::durable::Clock;

/// A timer function.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Timer {
    /// Name of the function.
    pub function: String,
    /// When it runs.
    pub schedule: Schedule,
    /// Run at every start of the host.
    pub run_on_startup: bool,
    /// Keep a status, so that a run that was missed is made up for.
    pub use_monitor: bool,
}

/// A timer binding cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimerError {
    /// No `schedule`.
    #[error("the timer has no schedule: write one such as \"0 */5 * * * *\"")]
    NoSchedule,
    /// The schedule is none.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// A flag is no boolean.
    #[error("{0} must be true or false")]
    NotAFlag(&'static str),
}

/// One run of a timer function.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TimerRun {
    /// Name of the function.
    pub function: String,
    /// `TimerInfo` as JSON text.
    pub info: String,
    /// Why it runs, for the log.
    pub reason: String,
}

/// Runs a timer function to its end, whatever that is.
pub type RunTimer = Arc<dyn Fn(TimerRun) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// The timers that are being listened to.
#[derive(Debug)]
pub struct Timers {
    listeners: JoinSet<()>,
    stop: CancellationToken,
}

impl Timer {
    /// Reads a `timerTrigger` binding, names in any case, `%SETTING%` already replaced.
    ///
    /// # Errors
    /// The schedule is missing or wrong, or a flag is no boolean.
    pub fn from_binding(function: &str, attributes: &Map<String, Value>, zone: Zone) -> Result<Self, TimerError> {
        let attribute = |name: &str| {
            let found = attributes
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value);
            found.filter(|value| !value.is_null())
        };
        let flag = |name: &'static str, default: bool| match attribute(name) {
            None => Ok(default),
            Some(Value::Bool(value)) => Ok(*value),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(true),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(false),
            Some(_) => Err(TimerError::NotAFlag(name)),
        };
        let schedule = attribute("schedule")
            .and_then(Value::as_str)
            .map(str::trim)
            .filter(|text| !text.is_empty());
        Ok(Self {
            function: function.to_owned(),
            schedule: Schedule::parse(schedule.ok_or(TimerError::NoSchedule)?, zone)?,
            run_on_startup: flag("runOnStartup", false)?,
            use_monitor: flag("useMonitor", true)?,
        })
    }

    /// `TimerInfo` for a run by hand, which leaves the schedule as it is.
    pub fn info_by_hand(&self, statuses: &StatusStore, now: DateTime<Utc>) -> String {
        let status = self.keeps_status(now).then(|| statuses.read(&self.function)).flatten();
        timer_info(&self.schedule, status.as_ref(), false)
    }

    /// Sub-minute schedules never keep a status.
    fn keeps_status(&self, now: DateTime<Utc>) -> bool {
        self.use_monitor && !self.schedule.is_below_a_minute(now)
    }
}

impl Timers {
    /// Starts to listen, each timer on its own, on the current tokio runtime.
    pub fn start(
        timers: impl IntoIterator<Item = Timer>,
        statuses: &StatusStore,
        clock: &Arc<dyn Clock>,
        run: &RunTimer,
    ) -> Self {
        let stop = CancellationToken::new();
        let mut listeners = JoinSet::new();
        for timer in timers {
            let listener = Listener {
                timer,
                statuses: statuses.clone(),
                clock: Arc::clone(clock),
                run: Arc::clone(run),
            };
            listeners.spawn(listener.listen(stop.clone()));
        }
        Self { listeners, stop }
    }

    /// Fires nothing more and waits for the runs that are under way. Dropping `Timers` drops those too.
    pub async fn stop(mut self) {
        self.stop.cancel();
        while self.listeners.join_next().await.is_some() {}
    }
}

struct Listener {
    timer: Timer,
    statuses: StatusStore,
    clock: Arc<dyn Clock>,
    run: RunTimer,
}

impl Listener {
    async fn listen(self, stop: CancellationToken) {
        let now = self.now();
        let next: Vec<String> = self.timer.schedule.next_five(now).iter().map(dotnet_time).collect();
        log::info!(
            "The next {} occurrences of '{}' will be: {}",
            next.len(),
            self.timer.function,
            next.join(", ")
        );

        let mut status = self.timer.keeps_status(now).then(|| self.opening_status(now)).flatten();
        if status.is_some_and(|status| now >= status.next) {
            self.fire(&mut status, true).await;
        } else if self.timer.run_on_startup {
            self.fire(&mut status, false).await;
        }
        // A stored time that has not come yet still counts: an interval does not begin anew with the host.
        let mut stored = status.map(|status| status.next).filter(|next| *next > self.now());
        // Else counted from the end of the last run: occurrences during a run are skipped, never queued.
        while let Some(due) = stored.take().or_else(|| self.timer.schedule.next_after(self.now())) {
            while self.now() < due {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = self.clock.sleep_until(due) => {}
                }
            }
            if stop.is_cancelled() {
                return;
            }
            self.fire(&mut status, false).await;
        }
    }

    /// The status to begin with: the stored one, unless the schedule has changed since; or a new one.
    fn opening_status(&self, now: DateTime<Utc>) -> Option<ScheduleStatus> {
        let schedule = &self.timer.schedule;
        let status = match self.statuses.read(&self.timer.function) {
            None => ScheduleStatus {
                last: None,
                next: schedule.next_after(now)?,
                last_updated: now,
            },
            Some(status) => {
                let next = schedule.next_after(status.last.unwrap_or(status.last_updated))?;
                if next == status.next {
                    return Some(status);
                }
                ScheduleStatus { next, ..status }
            }
        };
        self.statuses.write(&self.timer.function, &status, schedule.zone());
        Some(status)
    }

    async fn fire(&self, status: &mut Option<ScheduleStatus>, is_past_due: bool) {
        let began = self.now();
        let schedule = &self.timer.schedule;
        let function = &self.timer.function;
        let run = TimerRun {
            function: function.clone(),
            info: timer_info(schedule, status.as_ref(), is_past_due),
            reason: format!("Timer fired at {}", dotnet_time(&schedule.zone().local(began))),
        };
        // A failed run does not stop the schedule, whatever the failure.
        if AssertUnwindSafe((self.run)(run)).catch_unwind().await.is_err() {
            log::error!("running the timer '{function}' panicked");
        }
        // Only now: a host that dies during the run finds it past due at its next start.
        if let (Some(status), Some(next)) = (status.as_mut(), schedule.next_after(began)) {
            *status = ScheduleStatus {
                last: Some(began),
                next,
                last_updated: began,
            };
            self.statuses.write(function, status, schedule.zone());
        }
    }

    /// In the precision that the status keeps, so that what is read back compares equal.
    fn now(&self) -> DateTime<Utc> {
        self.clock.now().trunc_subsecs(7)
    }
}

#[cfg(test)]
mod tests;
