//! Clients that wait for an instance to begin, or to end. A wait is an entry here until there is something to look at; nothing is
//! looked up meanwhile, also for an instance that is not there.

use std::{collections::HashMap, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::oneshot;

use super::{Inner, request_error::RequestError};
use crate::durable::{engine::runtime_status::RuntimeStatus, store::InstanceRow};

/// What a client waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// The instance is no longer `Pending`.
    Begun,
    /// The instance has ended.
    Ended,
}

impl Until {
    fn is_reached(self, status: RuntimeStatus) -> bool {
        match self {
            Self::Begun => status != RuntimeStatus::Pending,
            Self::Ended => status.is_terminal(),
        }
    }
}

/// The waits, by the ids of the instances.
#[derive(Debug, Default)]
pub(super) struct Waits(HashMap<String, Vec<(Until, oneshot::Sender<()>)>>);

impl Waits {
    fn add(&mut self, id: &str, until: Until) -> oneshot::Receiver<()> {
        let (wake, woken) = oneshot::channel();
        match self.0.get_mut(id) {
            Some(waits) => waits.push((until, wake)),
            None => drop(self.0.insert(id.to_owned(), vec![(until, wake)])),
        }
        woken
    }

    /// An episode of the instance is on disk, so that it has begun.
    pub(super) fn has_begun(&mut self, id: &str) {
        self.retain(id, |until| until == Until::Ended);
    }

    /// The end of the instance is on disk, or there is none to come.
    pub(super) fn has_ended(&mut self, id: &str) {
        self.0.remove(id);
    }

    /// Wakes those that are not kept, and forgets those that have given up.
    fn retain(&mut self, id: &str, keep: impl Fn(Until) -> bool) {
        if let Some(waits) = self.0.get_mut(id) {
            waits.retain(|(until, wake)| keep(*until) && !wake.is_closed());
            if waits.is_empty() {
                self.0.remove(id);
            }
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A wait that is taken back when the client gives up.
struct Registered<'a> {
    hub: &'a Inner,
    id: &'a str,
    woken: oneshot::Receiver<()>,
}

impl<'a> Registered<'a> {
    fn new(hub: &'a Inner, id: &'a str, until: Until) -> Self {
        let woken = hub.state().waits.add(id, until);
        Self { hub, id, woken }
    }
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.woken.close();
        self.hub.state().waits.retain(self.id, |_| true);
    }
}

impl Inner {
    /// Waits until the instance has come so far, at most for the time given; `None` if it has not.
    pub(crate) async fn wait(
        self: &Arc<Self>,
        id: &str,
        until: Until,
        timeout: Duration,
    ) -> Result<Option<InstanceRow>, RequestError> {
        let due = self
            .now()
            .checked_add_signed(TimeDelta::from_std(timeout).unwrap_or(TimeDelta::MAX))
            .unwrap_or(DateTime::<Utc>::MAX_UTC);
        loop {
            // Registered before looking, so that nothing is missed.
            let mut registered = Registered::new(self, id, until);
            let is_over = self.now() >= due;
            if is_over || !self.has_to_come(id, until) {
                let row = self.find(id).await?.ok_or(RequestError::NotFound)?;
                let is_reached = until.is_reached(row.state.status);
                if is_reached || is_over {
                    return Ok(is_reached.then_some(row));
                }
            }
            tokio::select! {
                biased;
                _ = &mut registered.woken => {}
                () = self.options.clock.sleep_until(due) => {}
            }
        }
    }

    /// Waits until the instance has come so far, also for one that is not there. It ends when it is dropped.
    pub(crate) async fn wait_for_ever(self: &Arc<Self>, id: &str, until: Until) -> Result<InstanceRow, RequestError> {
        loop {
            let mut registered = Registered::new(self, id, until);
            if !self.has_to_come(id, until)
                && let Some(row) = self.find(id).await?
                && until.is_reached(row.state.status)
            {
                return Ok(row);
            }
            // Woken, or the hub is gone, which the next look finds out.
            let _ = (&mut registered.woken).await;
        }
    }

    /// The instance is in memory and has not come so far: no need to look it up.
    fn has_to_come(&self, id: &str, until: Until) -> bool {
        let mut state = self.state();
        state
            .find(id)
            .is_some_and(|(_, live)| !until.is_reached(live.state.status))
    }
}
