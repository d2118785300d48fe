//! Whether what a client asked for has happened. A request is refused before anything of it is queued, and then has no effect;
//! what has been queued is answered when it is on disk. In between is what was queued when the disk failed: it may still be
//! written, and the answer says so.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;

use super::{
    Inner,
    committed::{Committed, Written},
    request_error::RequestError,
};
use crate::durable::store::{StoreError, writer::Place};

/// How long a request that is queued waits for a hub that cannot be written: most failures pass.
const PATIENCE: Duration = Duration::from_secs(2);

impl Inner {
    /// Refuses a request while nothing can be written.
    pub(super) fn check_health(&self) -> Result<(), RequestError> {
        match &*self.writer.health().borrow() {
            Some(reason) => Err(RequestError::Unavailable(unavailable(reason))),
            None => Ok(()),
        }
    }

    /// A place in the writer's queue, unless nothing can be written.
    pub(super) async fn place(&self) -> Result<Place<'_, Committed>, RequestError> {
        let mut health = self.writer.health();
        tokio::select! {
            biased;
            reason = health.wait_for(Option::is_some) => match reason.ok().and_then(|reason| reason.clone()) {
                Some(reason) => Err(RequestError::Unavailable(unavailable(&reason))),
                None => Err(StoreError::Closed.into()),
            },
            place = self.writer.place() => Ok(place?),
        }
    }

    /// Waits until a change is on disk. It is queued, so no error but the end of the hub says that it has no effect.
    pub(super) async fn written(&self, mut written: Written) -> Result<(), RequestError> {
        let result = |replied: Result<Result<(), Arc<str>>, _>| match replied {
            Ok(written) => written.map_err(|reason| RequestError::Broken(refused(&reason))),
            // Dropped: the hub closed before it was written.
            Err(_) => Err(RequestError::from(StoreError::Closed)),
        };
        let mut health = self.writer.health();
        tokio::select! {
            biased;
            written = &mut written => return result(written),
            _ = health.wait_for(Option::is_some) => {}
        }
        let due = self.now() + TimeDelta::from_std(PATIENCE).unwrap_or_default();
        tokio::select! {
            biased;
            written = &mut written => return result(written),
            () = self.options.clock.sleep_until(due) => {}
        }
        let reason: Option<Arc<str>> = self.writer.health().borrow().clone();
        let reason = reason.as_deref().unwrap_or("it was not ready in time").to_owned();
        Err(RequestError::Unconfirmed(format!(
            "It is not known whether this will take effect: it waits for the task hub, which cannot be written at present \
             ({reason}). It takes effect when the hub can be written again, unless the host ends before that. Check before you \
             send it again."
        )))
    }
}

fn refused(reason: &str) -> String {
    format!(
        "This could not be written to the task hub: {reason}. Check whether it has taken effect before you send it again."
    )
}

fn unavailable(reason: &str) -> String {
    format!("The task hub cannot be written at present ({reason}). Try again later.")
}
