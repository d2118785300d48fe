//! Waits for an instance to begin, or to end. Nothing is looked up before there is news, also for an instance that is not there.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::oneshot;

use super::{Inner, request_error::RequestError, waits::Until};
use crate::durable::store::{InstanceRow, InstanceState, StoreError};

/// A wait that is taken back when the client gives up.
struct Registered<'a> {
    hub: &'a Inner,
    id: &'a str,
    woken: oneshot::Receiver<InstanceState>,
}

impl<'a> Registered<'a> {
    /// Fails once the hub is closed.
    fn new(hub: &'a Inner, id: &'a str, until: Until) -> Result<Self, RequestError> {
        let woken = hub.state().waits.add(id, until).ok_or(StoreError::Closed)?;
        Ok(Self { hub, id, woken })
    }
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.woken.close();
        self.hub.state().waits.retain(self.id, |_| true);
    }
}

/// What an instance means for a wait that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// It may come.
    Waits,
    /// It is an error.
    Ends,
}

impl Inner {
    /// Waits until the instance has ended, at most for the time given; `None` if it has not. One that ends meanwhile is not looked
    /// up: its state comes with the news.
    pub(crate) async fn wait_for_end(
        self: &Arc<Self>,
        id: &str,
        timeout: Duration,
    ) -> Result<Option<InstanceState>, RequestError> {
        let due = self
            .now()
            .checked_add_signed(TimeDelta::from_std(timeout).unwrap_or(TimeDelta::MAX))
            .unwrap_or(DateTime::<Utc>::MAX_UTC);
        loop {
            // Registered before looking, so that nothing is missed.
            let mut registered = Registered::new(self, id, Until::Ended)?;
            let is_over = self.now() >= due;
            if is_over || !self.has_to_come(id, Until::Ended) {
                let state = self.find(id).await?.ok_or(RequestError::NotFound)?.state;
                let has_ended = state.status.is_terminal();
                if has_ended || is_over {
                    return Ok(has_ended.then_some(state));
                }
            }
            tokio::select! {
                biased;
                ended = &mut registered.woken => if let Ok(state) = ended {
                    return Ok(Some(state));
                },
                () = self.options.clock.sleep_until(due) => {}
            }
        }
    }

    /// Waits until the instance has come so far. It ends when it is dropped, or the hub closes; as `missing` says also for an instance
    /// that is not there, or no longer.
    pub(crate) async fn wait_for_ever(
        self: &Arc<Self>,
        id: &str,
        until: Until,
        missing: Missing,
    ) -> Result<InstanceRow, RequestError> {
        loop {
            let mut registered = Registered::new(self, id, until)?;
            if !self.has_to_come(id, until) {
                match self.find(id).await? {
                    Some(row) if until.is_reached(row.state.status) => return Ok(row),
                    None if missing == Missing::Ends => return Err(RequestError::NotFound),
                    Some(_) | None => {}
                }
            }
            // Either way, the next look tells.
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
