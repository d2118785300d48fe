//! Commits that will never be written: an instance or entity of which one was refused is halted, and all others go on. What it
//! did is not on disk, so it begins again from there when the hub is opened; until then its messages wait.

use std::sync::Arc;

use super::{Inner, committed::Committed, state::State};
use crate::durable::store::{Owner, writer::Outcome};

impl Inner {
    /// Called by the writer.
    pub(super) fn told(self: &Arc<Self>, outcome: Outcome<Committed>) {
        match outcome {
            Outcome::Written(tokens) => self.committed(tokens),
            Outcome::Refused { token, owners, reason } => {
                if owners.is_empty() {
                    log::error!("a message, or the removal of something, could not be written: {reason}");
                }
                let mut state = self.state();
                for owner in &owners {
                    if let Some(problem) = state.halt(owner, &reason) {
                        log::error!("{problem}");
                    }
                }
                if let Committed::Purged { rows, .. } = &token {
                    state.purge_ended(rows);
                }
                self.pump(&mut state);
                drop(state);
                reply(token, &reason);
            }
            Outcome::Ended { tokens, reason } => {
                self.begin_drain();
                for token in tokens {
                    reply(token, &reason);
                }
            }
        }
    }
}

impl State {
    /// Begins nothing more of this owner; says what to tell of it, unless that has been told.
    pub(super) fn halt(&mut self, owner: &Owner, reason: &str) -> Option<String> {
        let (what, halted) = match owner {
            // On disk there is nothing of it, and who asked for it is told.
            Owner::New(key) => {
                self.disarm(*key);
                self.forget(*key);
                return None;
            }
            Owner::Instance(key) => match self.instances.get_mut(key) {
                Some(live) => (format!("orchestration instance '{}'", live.id), Some(&mut live.halted)),
                None => (format!("the orchestration instance of row {}", key.0), None),
            },
            Owner::Entity(id) => (
                format!("entity '{id}'"),
                self.entities.get_mut(id).map(|live| &mut live.halted),
            ),
        };
        // What is not in memory has nothing to halt, and each of its changes is lost by itself.
        let was_halted = halted.is_some_and(|halted| std::mem::replace(halted, true));
        (!was_halted).then(|| {
            format!(
                "what {what} did could not be written: {reason}; it is halted until the host starts again, and the others go on"
            )
        })
    }
}

fn reply(token: Committed, reason: &Arc<str>) {
    if let Committed::Reply(reply) | Committed::Purged { reply, .. } | Committed::Signals { reply, .. } = token {
        // The client may have gone.
        let _ = reply.send(Err(Arc::clone(reason)));
    }
}
