//! Terminating an instance, and the sub-orchestrations below it.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
};

use super::{Inner, request_error::RequestError};
use crate::durable::engine::{ending::open_children, event::parse_events, message::Message};

/// So many sub-orchestrations are looked up before other work has the hub's state again.
const LOOKED_UP: usize = 1_000;

impl Inner {
    /// Terminates an instance; returns how many sub-orchestrations below it run, `None` if that cannot be read. `recursive`
    /// ends those, too, also where the instance itself has ended already; then it is an error if they cannot be read, after
    /// everything has been ended that was found.
    pub(crate) async fn terminate(
        self: &Arc<Self>,
        id: &str,
        reason: String,
        recursive: bool,
    ) -> Result<Option<usize>, RequestError> {
        // Read first, as the termination changes it. What cannot be read must not keep the instance from its end.
        let (running, unread) = self.running_below(id).await;
        match self.terminate_one(id, &reason, recursive).await {
            // What it left behind.
            Err(RequestError::Ended(_)) if recursive && (!running.is_empty() || unread.is_some()) => {
                let mut ended = 0;
                for child in &running {
                    match self.terminate_one(child, &reason, recursive).await {
                        Ok(()) => ended += 1,
                        // It has ended meanwhile.
                        Err(RequestError::Ended(_) | RequestError::NotFound) => {}
                        Err(error) => return Err(error.after(ended)),
                    }
                }
            }
            result => result?,
        }
        match unread {
            Some(error) if recursive => return Err(error),
            Some(error) => {
                log::warn!(
                    "orchestration instance '{id}' is terminated; which sub-orchestrations below it go on cannot be read: \
                     {error}"
                );
                return Ok(None);
            }
            None => {}
        }
        if !recursive && !running.is_empty() {
            log::warn!(
                "orchestration instance '{id}' is terminated, and {} sub-orchestrations below it go on; recursive=true ends \
                 them, too",
                running.len()
            );
        }
        Ok(Some(running.len()))
    }

    async fn terminate_one(self: &Arc<Self>, id: &str, reason: &str, recursive: bool) -> Result<(), RequestError> {
        let make = |now| match recursive {
            true => Message::terminate_recursively(now, reason.to_owned()),
            false => Message::terminate(now, reason.to_owned()),
        };
        match self.send(id, |_| Ok(()), make).await {
            Err(RequestError::Damaged(row)) => self.end_damaged(id, row, make).await,
            result => result,
        }
    }

    /// Ids of the sub-orchestrations below an instance that run, as far as is on disk; and the first thing that could not be
    /// read.
    async fn running_below(self: &Arc<Self>, id: &str) -> (Vec<String>, Option<RequestError>) {
        let (mut running, mut unread) = (Vec::new(), None);
        let mut known = HashSet::new();
        let mut parents = VecDeque::from([id.to_owned()]);
        while let Some(parent) = parents.pop_front() {
            let children = match self.open_children_of(&parent).await {
                Ok(children) => children,
                Err(error) => {
                    unread.get_or_insert(error);
                    continue;
                }
            };
            for children in children.chunks(LOOKED_UP) {
                let mut state = self.state();
                for child in children {
                    if state.find(child).is_some() && known.insert(child.clone()) {
                        running.push(child.clone());
                        parents.push_back(child.clone());
                    }
                }
            }
        }
        (running, unread)
    }

    /// The sub-orchestrations that an instance waits for.
    async fn open_children_of(self: &Arc<Self>, id: &str) -> Result<Vec<String>, RequestError> {
        let key = match self.find(id).await {
            Ok(Some(row)) => row.key,
            Ok(None) => return Ok(Vec::new()),
            Err(RequestError::Damaged(row)) => row.key,
            Err(error) => return Err(error),
        };
        let texts = self.history(key).await?;
        let events = parse_events(&texts.join(","))
            .map_err(|error| RequestError::Broken(format!("instance '{id}': {error}")))?;
        Ok(open_children(events.iter()).into_iter().map(str::to_owned).collect())
    }
}
