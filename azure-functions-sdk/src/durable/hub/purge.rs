//! Forgetting instances that have ended, and what they started.

use std::{collections::HashSet, sync::Arc};

use tokio::sync::oneshot;

use super::{Inner, committed::Committed, request_error::RequestError};
use crate::durable::{
    engine::runtime_status::RuntimeStatus,
    store::{Commit, InstanceKey, InstanceQuery, Micros},
};

/// Instances that one commit removes at most.
const PURGE_AT_ONCE: usize = 256;
/// Instances that are looked up at a time to be removed.
const PURGE_PAGE: usize = 1_000;

/// What becomes of the instances that a purged one has started: those that have ended, and what they started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Below {
    Kept,
    Purged,
}

impl Inner {
    /// Forgets instances that have ended, or cannot be read, by their ids and keys; returns how many there were.
    pub(crate) async fn purge(self: &Arc<Self>, rows: &[(&str, InstanceKey)]) -> Result<usize, RequestError> {
        self.check_health()?;
        let mut purged = 0;
        let mut last = None;
        for rows in rows.chunks(PURGE_AT_ONCE) {
            let place = self.place().await.map_err(|error| error.after(purged))?;
            let (reply, written) = oneshot::channel();
            let mut commit = Commit::default();
            let mut gone = Vec::new();
            let mut state = self.state();
            for (id, key) in rows {
                // It may have been rewound or replaced since it was looked up.
                let busy = state.starting.contains(*id) || state.instances.get(key).is_some_and(|live| !live.ended());
                if !busy {
                    state.forget(*key);
                    commit.removed.push(*key);
                    // Until that is on disk it can be looked up there, and a rewind would go on from it. The request may be given up
                    // before, so that this is not its to take back. A start need not wait: it makes another instance.
                    state.leaving.insert((*id).to_owned(), *key);
                    gone.push(((*id).to_owned(), *key));
                }
            }
            purged += commit.removed.len();
            place.submit(commit, Committed::Purged { reply, rows: gone });
            last = Some(written);
        }
        if let Some(written) = last {
            self.written(written).await?;
        }
        Ok(purged)
    }

    /// Forgets the instances of a time that have ended, whatever statuses are asked for, and of those those that cannot be read, too: the
    /// filter could be read.
    pub(crate) async fn purge_ended(
        self: &Arc<Self>,
        created_from: Option<Micros>,
        created_to: Option<Micros>,
        statuses: Option<Vec<RuntimeStatus>>,
        below: Below,
    ) -> Result<usize, RequestError> {
        let mut statuses = statuses.unwrap_or_else(|| RuntimeStatus::TERMINAL.to_vec());
        statuses.retain(|status| status.is_terminal());
        let mut query = InstanceQuery {
            created_from,
            created_to,
            statuses: Some(statuses),
            limit: PURGE_PAGE,
            ..InstanceQuery::default()
        };
        let mut purged = 0;
        loop {
            let page = self.list(query.clone()).await?;
            let damaged = page.damaged.iter().map(|row| (row.id.as_str(), row.key));
            let rows = page.instances.iter().map(|row| (row.id.as_str(), row.key));
            let rows: Vec<_> = rows.chain(damaged).collect();
            purged += self
                .purge_with(&rows, below)
                .await
                .map_err(|error| error.after(purged))?;
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(purged),
            }
        }
    }

    /// Forgets instances that have ended as [`purge`](Self::purge) does, and what they started, if that is asked for.
    pub(crate) async fn purge_with(
        self: &Arc<Self>,
        rows: &[(&str, InstanceKey)],
        below: Below,
    ) -> Result<usize, RequestError> {
        if below == Below::Kept {
            return self.purge(rows).await;
        }
        let mut family: Vec<(String, InstanceKey)> = rows.iter().map(|(id, key)| ((*id).to_owned(), *key)).collect();
        let mut known: HashSet<InstanceKey> = rows.iter().map(|(_, key)| *key).collect();
        let mut next = 0;
        while let Some((parent, _)) = family.get(next) {
            let parent = parent.clone();
            next += 1;
            for (id, key) in self.ended_below(parent).await? {
                if known.insert(key) {
                    family.push((id, key));
                }
            }
        }
        // Parents last: what is left after a crash is found from them.
        let rows: Vec<(&str, InstanceKey)> = family.iter().rev().map(|(id, key)| (id.as_str(), *key)).collect();
        self.purge(&rows).await
    }

    /// The instances that this one has started and that have ended.
    async fn ended_below(self: &Arc<Self>, parent: String) -> Result<Vec<(String, InstanceKey)>, RequestError> {
        let mut query = InstanceQuery {
            parent: Some(parent),
            statuses: Some(RuntimeStatus::TERMINAL.to_vec()),
            limit: PURGE_PAGE,
            ..InstanceQuery::default()
        };
        let mut found = Vec::new();
        loop {
            let page = self.list(query.clone()).await?;
            found.extend(page.instances.into_iter().map(|row| (row.id, row.key)));
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(found),
            }
        }
    }
}
