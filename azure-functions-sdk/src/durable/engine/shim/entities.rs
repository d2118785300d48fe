//! Calls, signals and locks of entities, and the rules of critical sections.

use super::{Action, Event, EventKind, Section, Shim, Task, Work};
use crate::durable::engine::entity::{EntityId, Request};

impl<'a> Shim<'a> {
    fn targets(&self, node: u32) -> &'a [EntityId] {
        match &self.plan.nodes[node as usize].action {
            Action::LockEntities { targets } => targets,
            _ => &[],
        }
    }

    fn next_task(&self) -> i32 {
        i32::try_from(self.tasks.len()).unwrap_or(i32::MAX)
    }

    /// A task that is over when it is issued.
    fn open_done(&mut self, node: u32, work: Work) {
        self.tasks.push(Task {
            node,
            work,
            recorded: false,
            running: false,
            holds: false,
        });
    }

    pub(super) fn check_child(&self) -> Result<(), String> {
        match self.section {
            None => Ok(()),
            Some(_) => Err(
                "a sub-orchestration cannot be called in a critical section: release the locks first, because \
                            the sub-orchestration might wait for them"
                    .to_owned(),
            ),
        }
    }

    pub(super) fn call_entity(&mut self, node: u32, target: &EntityId) -> Result<(), String> {
        let task = self.next_task();
        if let Some(section) = &self.section {
            if !section.granted {
                return Err(format!(
                    "entity '{target}' was called before the locks were there that the orchestration has asked for: await \
                     the lock first"
                ));
            }
            let Ok(place) = self.targets(section.node).binary_search(target) else {
                return Err(format!(
                    "entity '{target}' was called in a critical section that has not locked it: only locked entities can \
                     be called there"
                ));
            };
            if section.calls.iter().any(|(_, busy)| *busy == place) {
                return Err(format!(
                    "entity '{target}' was called in a critical section while another call of it had no answer yet: await \
                     one call before the next"
                ));
            }
            if let Some(section) = &mut self.section {
                section.calls.push((task, place));
            }
        }
        // Like waiting for an event, it does not hold the end of the execution.
        self.open_task(node, Work::Call, false);
        Ok(())
    }

    pub(super) fn signal_entity(&mut self, node: u32, target: &EntityId) -> Result<(), String> {
        if let Some(section) = &self.section
            && self.targets(section.node).binary_search(target).is_ok()
        {
            return Err(format!(
                "entity '{target}' was signalled in a critical section that has locked it: call it, or signal it after the \
                 release"
            ));
        }
        self.open_done(node, Work::Signal);
        self.settle(node);
        Ok(())
    }

    pub(super) fn lock_entities(&mut self, node: u32) -> Result<(), String> {
        if self.section.is_some() {
            return Err("entities cannot be locked in a critical section: lock all of them at once".to_owned());
        }
        self.section = Some(Section {
            lock: self.next_task(),
            node,
            granted: false,
            calls: Vec::new(),
        });
        self.open_task(node, Work::Lock, false);
        Ok(())
    }

    /// Without locks, there is nothing to do.
    pub(super) fn release_entities(&mut self, node: u32) {
        if let Some(section) = self.section.take() {
            for part in 0..self.targets(section.node).len() {
                let work = Work::Release {
                    lock: section.lock,
                    node: section.node,
                    part: part as u32,
                };
                self.open_done(node, work);
            }
        }
        self.settle(node);
    }

    /// Learns the id of a request from the history.
    pub(super) fn note_request(&mut self, event: &Event) {
        let EventKind::EventSent { input: Some(input), .. } = &event.kind else {
            return;
        };
        let task = usize::try_from(event.event_id).ok().and_then(|id| self.tasks.get(id));
        if !task.is_some_and(|task| matches!(task.work, Work::Call | Work::Lock)) {
            return;
        }
        let Ok(request) = serde_json::from_str::<Request>(input) else {
            return;
        };
        self.asked.insert(request.id.to_lowercase(), event.event_id);
        self.ids.insert(event.event_id, request.id);
    }

    /// An event came in. True if it answers a call or grants a lock.
    pub(super) fn answered(&mut self, name: &str) -> bool {
        if self.asked.is_empty() {
            return false;
        }
        let Some(&id) = self.asked.get(&name.to_lowercase()) else {
            return false;
        };
        let task = usize::try_from(id).ok().and_then(|index| self.tasks.get_mut(index));
        let Some(task) = task.filter(|task| task.running) else {
            return true;
        };
        task.running = false;
        let node = task.node;
        if let Some(section) = &mut self.section {
            section.granted |= section.lock == id;
            section.calls.retain(|(call, _)| *call != id);
        }
        self.settle(node);
        true
    }
}
