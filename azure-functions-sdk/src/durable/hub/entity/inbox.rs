//! Messages come into the inbox of an entity, and give it turns.

use std::{collections::hash_map::Entry, sync::Arc};

use crate::durable::{
    engine::entity::{EntityMessage, wakes},
    hub::{
        live_entity::{Delivery, Inbound, LiveEntity, Source},
        quarantine::{Item, Suspect},
        state::State,
        waiting::Phase,
    },
};

impl State {
    pub(in crate::durable::hub) fn deliver_all(&mut self, deliveries: Vec<Delivery>) {
        for Delivery { entity, row, message } in deliveries {
            self.deliver_to_entity(&entity, Source::Inbox(row), message);
        }
    }

    /// Puts a message into an entity's inbox; it will have a turn, unless it is locked for others.
    pub(in crate::durable::hub) fn deliver_to_entity(
        &mut self,
        id: &Arc<str>,
        source: Source,
        message: Arc<EntityMessage>,
    ) {
        let live = self.entities.entry(Arc::clone(id)).or_insert_with(LiveEntity::new);
        if live.phase == Phase::Idle && wakes(live.lock.as_ref(), &message) {
            live.phase = Phase::Ready;
            self.ready_entities.push_back(Arc::clone(id));
        }
        live.inbox.push_back(Inbound { source, message });
    }

    /// The turn is over: the next one comes if there is a reason for it.
    pub(super) fn rest_entity(&mut self, id: &Arc<str>) {
        let Some(live) = self.entities.get_mut(id) else { return };
        let lock = live.lock.as_ref();
        if live.inbox.iter().any(|inbound| wakes(lock, &inbound.message)) {
            let item = Item::Entity(Arc::clone(id));
            if self.quarantine.is_cautious(&item) {
                // What ended a process may be among the operations that are left.
                live.phase = Phase::BackingOff;
                self.quarantine.wait(Suspect::Entity(Arc::clone(id)));
            } else {
                live.phase = Phase::Ready;
                self.ready_entities.push_back(Arc::clone(id));
            }
        } else {
            live.phase = Phase::Idle;
            self.quarantine.rests(&Item::Entity(Arc::clone(id)));
            self.forget_entity(id);
        }
    }

    /// One more turn of the entity is on disk.
    pub(in crate::durable::hub) fn entity_written(&mut self, id: &Arc<str>) {
        if let Some(live) = self.entities.get_mut(id) {
            live.unwritten = live.unwritten.saturating_sub(1);
            self.forget_entity(id);
        }
    }

    /// Forgets an entity that has nothing to do and is wholly on disk. A locked one stays, so that the disk need not be asked
    /// who has it.
    fn forget_entity(&mut self, id: &Arc<str>) {
        if let Entry::Occupied(entry) = self.entities.entry(Arc::clone(id)) {
            let live = entry.get();
            if live.phase == Phase::Idle && live.inbox.is_empty() && live.lock.is_none() && live.unwritten == 0 {
                entry.remove();
            }
        }
    }
}
