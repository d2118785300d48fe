//! Critical sections: locks of entities, what may be done while they are held, and how the host's shim is kept in step.
//!
//! The shim counts a lock as held from the moment its grant is delivered, refuses what breaks the rules, and issues an
//! action as early as its segment says. So a *step* of a section (a call to a locked entity, the release) must lie in a
//! segment that begins no earlier than the newest answer the step rests on: the grant, or the end of the call before it.
//! An answer to an action of the open segment allows that at any later time: the segment is closed on that answer. An
//! answer to an action of a closed segment does not, because the shim awaits each action where it was issued, and
//! nowhere else. It is handed to the code by way of a *relay*, a timer due at once in the open segment: once that has
//! fired, the segment can be closed on it. Only code that goes on with something else beside a section pays for one.

use super::{
    action::ActionKind,
    core::{Core, State},
    history::History,
    ids::{OpId, Site},
    operation::{Answered, Course, OpState},
    refusal::Refusal,
    section::{Relay, Section},
    segment::Known,
};
use azure_functions_durable::EntityId;
use std::{collections::BTreeMap, rc::Rc};
use uuid::Uuid;

/// Namespace of the ids of lock requests.
const NAMESPACE: Uuid = Uuid::from_u128(0x5c1e_03b4_9a6d_4f0e_8b57_6f4d_2ad1_90c3);

/// What happens to a message.
#[derive(Clone, Copy, Debug)]
pub(super) enum Message {
    Call,
    Signal,
}

impl Core {
    /// Asks for locks.
    pub(crate) fn issue_lock(&self, mut entities: Vec<EntityId>, site: Site) -> OpId {
        if !self.history.has_locks {
            self.refuse(Refusal::HostWithoutLocks, Some(site));
        }
        // All instances ask in this order, so that none wait in a circle.
        entities.sort_by_cached_key(ToString::to_string);
        entities.dedup();
        if entities.is_empty() {
            self.refuse(Refusal::NothingToLock, Some(site));
        }
        let nested = self.state.borrow().section.as_ref().map(|section| section.granted);
        match nested {
            Some(true) => self.refuse(Refusal::NestedLock, Some(site)),
            Some(false) => self.refuse(Refusal::LockPending, Some(site)),
            None => {}
        }
        self.check_room(Some(site));
        let mut state = self.state.borrow_mut();
        let op = state.new_operation(Course::Call, site);
        let entities: Rc<[EntityId]> = entities.into();
        let number = state.actions.len();
        let request = Uuid::new_v5(&NAMESPACE, format!("{}_{number}", self.history.instance_id).as_bytes());
        let kind = ActionKind::LockEntities {
            entities: Rc::clone(&entities),
            request,
        };
        let request = state.issue(&self.history, kind, op);
        state.section = Some(Section {
            request,
            op,
            entities,
            granted: false,
            known: None,
            calls: BTreeMap::new(),
        });
        op
    }

    /// The future of a lock, or the guard that it gave out, is gone: the locks are given back as soon as they are there.
    pub(crate) fn drop_lock(&self, op: OpId, site: Site) {
        if !self.leave(site) {
            return;
        }
        let mut state = self.state.borrow_mut();
        state.operations[op.0 as usize].state = OpState::Dropped;
        let ours = state.section.as_ref().is_some_and(|section| section.op == op);
        if ours {
            state.release(&self.history);
        }
    }

    /// Refuses a message that breaks the rules of the section.
    pub(super) fn check_message(&self, message: Message, target: &str, site: Site) {
        let refusal = {
            let state = self.state.borrow();
            let Some(section) = state.section.as_ref().filter(|section| section.granted) else {
                return;
            };
            match (message, section.holds(target)) {
                (Message::Signal, true) => Some(Refusal::SignalToLocked),
                (Message::Signal, false) => None,
                (Message::Call, false) => Some(Refusal::CallOutsideLocks),
                (Message::Call, true) if section.known.is_none() => Some(Refusal::CallOutsideLocks),
                (Message::Call, true) if section.calls.contains_key(target) => Some(Refusal::SecondCall),
                (Message::Call, true) => None,
            }
        };
        if let Some(refusal) = refusal {
            self.refuse_about(refusal, target, site);
        }
    }

    /// Refuses a sub-orchestration while locks are held.
    pub(super) fn check_call(&self, call: &ActionKind, site: Site) {
        if self.state.borrow().is_forbidden(call) {
            self.refuse(Refusal::SubOrchestrationInSection, Some(site));
        }
    }
}

impl State {
    /// Whether the section does not allow this call.
    pub(super) fn is_forbidden(&self, call: &ActionKind) -> bool {
        matches!(call, ActionKind::CallSubOrchestration { .. })
            && self.section.as_ref().is_some_and(|section| section.granted)
    }

    /// Whether a call to this entity is a step of the section.
    pub(super) fn is_step(&self, target: &str) -> bool {
        self.section.as_ref().is_some_and(|section| section.holds(target))
    }

    /// The next action is a step of the section: it must not come before what it rests on.
    pub(super) fn before_step(&mut self) {
        let next = self.next_id();
        self.segments.before_issue(self.cause, next, self.tick, self.raw_clock);
        if let Some(known) = self.section.as_ref().and_then(|section| section.known) {
            self.segments.not_before(&known, next);
        }
    }

    pub(super) fn step_issued(&mut self, target: &Rc<str>, id: u32) {
        if let Some(section) = &mut self.section {
            section.calls.insert(Rc::clone(target), id);
        }
    }

    /// Gives the locks back, if the code can know that it has them; else that happens when it could.
    fn release(&mut self, history: &History) {
        if self.section.as_ref().is_none_or(|section| section.known.is_none()) {
            return;
        }
        self.reissue(history);
        self.before_step();
        let Some(section) = self.section.take() else { return };
        let lock = match self.actions.get(section.request as usize).map(|action| &action.kind) {
            Some(ActionKind::LockEntities { request, .. }) => *request,
            _ => Uuid::nil(),
        };
        for (i, entity) in section.entities.iter().enumerate() {
            let kind = ActionKind::ReleaseEntity {
                target: entity.to_string().into(),
                first: i == 0,
                lock,
            };
            self.issue(history, kind, section.op);
        }
    }

    /// An entity has answered action `step`: a lock is granted, or a call is over.
    pub(super) fn responded(&mut self, history: &History, step: u32, place: usize) {
        let op = self.actions[step as usize].op;
        let granted = self.section.as_mut().filter(|section| section.request == step);
        let is_grant = granted.map(|section| section.granted = true).is_some();
        let is_call = || {
            let section = self.section.as_ref();
            section.is_some_and(|section| section.calls.values().any(|call| *call == step))
        };
        if !is_grant && !is_call() {
            self.answer(op, Answered::Response { place, action: step });
        } else if !history.has_shim() || self.segments.is_open(step) {
            self.learn(history, step, step, place);
        } else {
            let relay = self.issue_timer(history, self.clock, op);
            self.relays.insert(relay, Relay { step, place });
        }
    }

    /// A timer has fired; whether it was a relay.
    pub(super) fn relayed(&mut self, history: &History, timer: u32) -> bool {
        let Some(relay) = self.relays.remove(&timer) else {
            return false;
        };
        self.learn(history, relay.step, timer, relay.place);
        true
    }

    /// The code can know of the answer to `step`, and the open segment can be closed on `action`.
    fn learn(&mut self, history: &History, step: u32, action: u32, place: usize) {
        let op = self.actions[step as usize].op;
        let known = Known {
            action,
            tick: self.tick,
            clock: self.raw_clock,
        };
        let mut abandoned = false;
        if let Some(section) = &mut self.section {
            let calls = section.calls.len();
            section.calls.retain(|_, call| *call != step);
            let is_grant = section.request == step;
            if is_grant || section.calls.len() < calls {
                section.known = Some(known);
            }
            abandoned = is_grant && self.operations[op.0 as usize].state == OpState::Dropped;
        }
        if abandoned {
            self.release(history);
        } else {
            self.answer(op, Answered::Response { place, action: step });
        }
    }
}
