//! What the context waits for: times and external events.

use crate::durable::{
    DurableOrchestrationContext, EventFuture, Select, TimerFuture,
    replay::{clock::add, combinator::Timeout, ids::Site},
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use std::{future::Future, panic::Location, time::Duration};

impl<T> DurableOrchestrationContext<T> {
    /// Creates a timer that fires at a time, at once if that has passed. It may be as far away as you like. Dropping the
    /// future cancels the timer.
    #[track_caller]
    pub fn create_timer(&self, fire_at: DateTime<Utc>) -> TimerFuture {
        self.timer_at(fire_at, Location::caller())
    }

    /// Creates a timer that fires after a duration, counted from [`current_time`](Self::current_time).
    #[track_caller]
    pub fn create_timer_after(&self, delay: Duration) -> TimerFuture {
        self.timer_after(delay, Location::caller())
    }

    pub(super) fn timer_after(&self, delay: Duration, site: Site) -> TimerFuture {
        let delay = TimeDelta::from_std(delay).unwrap_or(TimeDelta::MAX);
        self.timer_at(add(self.core.now(), delay), site)
    }

    /// The time, for what is built from the context.
    pub(in crate::durable) fn now_at(&self, site: Site) -> DateTime<Utc> {
        self.core.touch(site);
        self.core.now()
    }

    pub(in crate::durable) fn timer_at(&self, fire_at: DateTime<Utc>, site: Site) -> TimerFuture {
        let core = &self.core;
        let op = if core.touch(site) {
            core.issue_timer(fire_at, site)
        } else {
            core.inert(site)
        };
        TimerFuture::new(core, op, site)
    }

    /// Waits for an external event. Names compare ignoring case; events that came before the wait are kept, and the
    /// oldest wait gets the oldest event.
    #[track_caller]
    pub fn wait_for_event(&self, name: &str) -> EventFuture {
        self.event(name, Location::caller())
    }

    pub(in crate::durable) fn event(&self, name: &str, site: Site) -> EventFuture {
        let core = &self.core;
        let op = if core.touch(site) {
            core.issue_wait(name, site)
        } else {
            core.inert(site)
        };
        EventFuture::new(core, op, site)
    }

    /// Waits for an external event, but no longer than a duration. An event that wins cancels the timer.
    #[track_caller]
    pub fn wait_for_event_with_timeout(&self, name: &str, timeout: Duration) -> EventOrTimeout {
        let site = Location::caller();
        let event = self.event(name, site);
        let timer = self.timer_after(timeout, site);
        EventOrTimeout {
            timeout: Timeout {
                limit: timeout,
                select: Select::new(&self.core, site, (event, timer)),
            },
        }
    }
}

/// Future of [`DurableOrchestrationContext::wait_for_event_with_timeout`]: the event's payload, or `None` if the time
/// passed first.
#[must_use = "nothing waits for the event unless you `.await` this"]
#[derive(Debug)]
pub struct EventOrTimeout {
    timeout: Timeout<EventFuture>,
}

impl Future for EventOrTimeout {
    type Output = Option<Value>;

    fn poll(mut self: std::pin::Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> std::task::Poll<Option<Value>> {
        std::pin::Pin::new(&mut self.timeout).poll(cx).map(Result::ok)
    }
}
