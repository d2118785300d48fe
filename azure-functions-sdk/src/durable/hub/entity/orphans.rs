//! Locks whose owners are gone. Whoever ends gives its locks back; this is for what was lost on the way, as with a damaged history.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::durable::{
    engine::entity::{EntityId, EntityMessage, Posted, Request},
    hub::{Inner, committed::Committed, request_error::RequestError, state::State},
    store::Commit,
};

impl Inner {
    /// Releases the locks of orchestrations that are gone; how many there are.
    pub(crate) async fn release_orphaned_locks(self: &Arc<Self>) -> Result<usize, RequestError> {
        self.check_health()?;
        let place = self.place().await?;
        let (reply, written) = oneshot::channel();
        let count = {
            let mut guard = self.state();
            let state = &mut *guard;
            let releases = state.orphaned_locks();
            let count = releases.len();
            if count == 0 {
                return Ok(0);
            }
            let mut commit = Commit::default();
            let deliveries = self.post_to_entities(state, releases, &mut commit);
            place.submit(commit, Committed::Signals { reply, deliveries });
            count
        };
        self.written(written).await?;
        Ok(count)
    }
}

impl State {
    /// The releases of locks whose owners are gone.
    pub(in crate::durable::hub) fn orphaned_locks(&self) -> Vec<Posted> {
        let locked = self
            .entities
            .iter()
            .filter_map(|(id, entity)| Some((id, entity.lock()?)));
        let orphaned = locked.filter(|(_, lock)| !self.wants(lock));
        let releases = orphaned.filter_map(|(id, lock)| {
            Some(Posted {
                target: EntityId::parse(id).ok()?,
                message: EntityMessage::Release(lock.release()),
                due: None,
            })
        });
        releases.collect()
    }

    /// Whether the execution still runs that asked for a lock.
    pub(super) fn wants(&self, lock: &Request) -> bool {
        let key = lock.parent.as_deref().and_then(|id| self.ids.get(id));
        let Some(live) = key.and_then(|key| self.instances.get(key)).filter(|live| !live.ended()) else {
            return false;
        };
        let execution = lock.parent_execution.as_ref();
        execution.is_none_or(|execution| *execution == live.state.execution_id)
    }
}
