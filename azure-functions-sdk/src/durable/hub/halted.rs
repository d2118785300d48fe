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
                    state.halt(owner, &reason);
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
    fn halt(&mut self, owner: &Owner, reason: &str) {
        let now = "it is halted until the host starts again, and the others go on";
        match owner {
            // On disk there is nothing of it.
            Owner::New(key) => {
                self.disarm(*key);
                self.forget(*key);
            }
            Owner::Instance(key) => {
                if let Some(live) = self.instances.get_mut(key)
                    && !std::mem::replace(&mut live.halted, true)
                {
                    log::error!(
                        "what orchestration instance '{}' did could not be written: {reason}; {now}",
                        live.id
                    );
                }
            }
            Owner::Entity(id) => {
                if let Some(live) = self.entities.get_mut(id)
                    && !std::mem::replace(&mut live.halted, true)
                {
                    log::error!("what entity '{id}' did could not be written: {reason}; {now}");
                }
            }
        }
    }
}

fn reply(token: Committed, reason: &Arc<str>) {
    if let Committed::Reply(reply) | Committed::Signals { reply, .. } = token {
        // The client may have gone.
        let _ = reply.send(Err(Arc::clone(reason)));
    }
}
