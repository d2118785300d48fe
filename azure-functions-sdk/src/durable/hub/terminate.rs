//! Terminating an instance, and the sub-orchestrations below it.

use std::{collections::VecDeque, sync::Arc};

use super::{Inner, requests::RequestError};
use crate::durable::engine::{ending::open_children, event::parse_events, message::Message};

impl Inner {
    /// Terminates an instance; returns how many sub-orchestrations below it run. `recursive` ends those, too, also where the
    /// instance itself has ended already.
    pub(crate) async fn terminate(
        self: &Arc<Self>,
        id: &str,
        reason: String,
        recursive: bool,
    ) -> Result<usize, RequestError> {
        let running = self.running_below(id).await?;
        let result = self.terminate_one(id, &reason, recursive).await;
        match result {
            // What it left behind.
            Err(RequestError::Ended(_)) if recursive && !running.is_empty() => {
                for child in &running {
                    match self.terminate_one(child, &reason, recursive).await {
                        // It has ended meanwhile.
                        Ok(()) | Err(RequestError::Ended(_) | RequestError::NotFound) => {}
                        Err(error) => return Err(error),
                    }
                }
            }
            result => result?,
        }
        if !recursive && !running.is_empty() {
            log::warn!(
                "orchestration instance '{id}' is terminated, and {} sub-orchestrations below it go on; recursive=true ends \
                 them, too",
                running.len()
            );
        }
        Ok(running.len())
    }

    async fn terminate_one(self: &Arc<Self>, id: &str, reason: &str, recursive: bool) -> Result<(), RequestError> {
        let make = |now| match recursive {
            true => Message::terminate_recursively(now, reason.to_owned()),
            false => Message::terminate(now, reason.to_owned()),
        };
        self.send(id, |_| Ok(()), make).await
    }

    /// Ids of the sub-orchestrations below an instance that run, as far as is on disk.
    async fn running_below(self: &Arc<Self>, id: &str) -> Result<Vec<String>, RequestError> {
        let mut running = Vec::new();
        let mut parents = VecDeque::from([id.to_owned()]);
        while let Some(parent) = parents.pop_front() {
            let Some(row) = self.find(&parent).await? else { continue };
            let texts = self.history(row.key).await?;
            let events = parse_events(&texts.join(","))
                .map_err(|error| RequestError::Broken(format!("instance '{parent}': {error}")))?;
            let mut state = self.state();
            for child in open_children(events.iter()) {
                if state.find(child).is_some() && !running.iter().any(|known| known == child) {
                    running.push(child.to_owned());
                    parents.push_back(child.to_owned());
                }
            }
        }
        Ok(running)
    }
}
