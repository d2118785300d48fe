//! Durable timers: one task sleeps until the earliest is due. A timer never fires early; one that is overdue after a
//! restart fires at once.

use std::sync::Weak;

use chrono::{DateTime, Utc};

use super::{
    Inner, live_entity,
    state::{Due, Source},
};

/// Runs as long as the hub does.
pub(super) async fn run(hub: Weak<Inner>) {
    loop {
        let Some(hub) = hub.upgrade() else { return };
        let changed = hub.timers_changed.notified();
        match hub.fire_due() {
            Fired::Closed => return,
            Fired::Next(due) => {
                let sleep = hub.options.clock.sleep_until(due);
                tokio::select! {
                    biased;
                    () = sleep => {}
                    () = changed => {}
                }
            }
            Fired::None => changed.await,
        }
    }
}

enum Fired {
    /// When the next timer is due.
    Next(DateTime<Utc>),
    /// There is no timer.
    None,
    Closed,
}

impl Inner {
    fn fire_due(self: &std::sync::Arc<Self>) -> Fired {
        let mut state = self.state();
        if state.draining {
            return Fired::Closed;
        }
        let now = self.now();
        let mut fired = false;
        let next = loop {
            let Some(entry) = state.timers.first_entry() else {
                break None;
            };
            let (due, row) = *entry.key();
            if due > now.timestamp_micros() {
                // What no date can tell is never due, and looked at again now and then.
                break Some(DateTime::from_timestamp_micros(due).unwrap_or(DateTime::<Utc>::MAX_UTC));
            }
            let (key, mut message) = match entry.remove() {
                Due::Instance(key, message) => (key, message),
                Due::Entity(id, message) => {
                    state.deliver_to_entity(&id, live_entity::Source::Timer(row), message);
                    fired = true;
                    continue;
                }
            };
            // A start keeps the time at which it was asked for.
            if message.as_start().is_none() {
                message.event.timestamp = now;
            }
            if let Some(live) = state.instances.get_mut(&key) {
                live.timers.retain(|_, place| *place != (due, row));
            }
            state.deliver(key, Source::Timer(row), message);
            fired = true;
        };
        if fired {
            self.pump(&mut state);
        }
        match next {
            Some(due) => Fired::Next(due),
            None => Fired::None,
        }
    }
}
