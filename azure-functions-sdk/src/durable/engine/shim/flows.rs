//! What takes more than one task: retries, timers beyond the longest that the host sets, and polled HTTP calls.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Flow, Shim, Work};
use crate::durable::engine::{
    action::Action,
    event::EventKind,
    http::Polled,
    retry::{AfterFailure, RetryPolicy},
    time::later,
};

impl Shim<'_> {
    pub(super) fn first_work(&self, node: u32) -> Work {
        match self.plan.nodes[node as usize].action {
            Action::Child { .. } => Work::Child,
            _ => Work::Activity,
        }
    }

    pub(super) fn retry_goes_on(&mut self, node: u32, policy: &RetryPolicy, work: Work, fired: bool, failed: bool) {
        let clock = self.clock;
        let Some(Flow::Retry(retry)) = self.flow(node) else {
            return;
        };
        if fired {
            if retry.exhausted {
                self.settle(node);
            } else {
                retry.attempt += 1;
                self.open_task(node, work, true);
            }
        } else if !failed {
            self.settle(node);
        } else {
            match retry.after_failure(policy, clock) {
                AfterFailure::GiveUp => self.settle(node),
                AfterFailure::Timer(at) => self.open_task(node, Work::Timer(at), true),
            }
        }
    }

    pub(super) fn timer_goes_on(&mut self, node: u32, fire_at: DateTime<Utc>, cancelled: bool) {
        let is_long = matches!(self.flow(node), Some(Flow::Timer));
        let left = fire_at - self.clock;
        if is_long && left > TimeDelta::zero() {
            // Also after a cancellation: if a segment fired before, the next one is in the history.
            self.open_task(node, Work::Timer(self.segment(fire_at)), !cancelled);
        } else {
            self.settle(node);
        }
    }

    pub(super) fn http_goes_on(&mut self, node: u32, kind: &EventKind, failed: bool) {
        let (clock, sleep) = (self.clock, self.settings.http_sleep);
        let Some(Flow::Http(call)) = self.flow(node) else {
            return;
        };
        let next = match kind {
            EventKind::TimerFired { .. } => call.after_timer(),
            EventKind::TaskCompleted { result, .. } => call.after_response(result.as_deref(), clock, sleep),
            _ if failed => call.after_failure(clock),
            _ => Polled::Done,
        };
        match next {
            Polled::Done => self.settle(node),
            Polled::Timer(at) => self.open_task(node, Work::Timer(at), true),
            Polled::Again => self.open_task(node, Work::Activity, true),
            Polled::Next => self.open_task(node, Work::Poll, true),
        }
    }

    pub(super) fn segment(&self, fire_at: DateTime<Utc>) -> DateTime<Utc> {
        let interval = self.settings.long_timer_interval;
        if interval <= TimeDelta::zero() || fire_at - self.clock < interval {
            fire_at
        } else {
            later(self.clock, interval)
        }
    }

    pub(super) fn flow(&mut self, node: u32) -> Option<&mut Flow> {
        self.flows.get_mut(self.nodes[node as usize].left as usize)
    }

    pub(super) fn set_flow(&mut self, node: u32, flow: Flow) {
        self.nodes[node as usize].left = self.flows.len() as u32;
        self.flows.push(flow);
    }
}
