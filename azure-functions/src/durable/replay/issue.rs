//! Operations from issue to end: the calls of the context take their ids here, their futures are polled and dropped here.

use super::{
    action::{Action, ActionKind, ContinueAsNew},
    attempts::{Attempts, RetryStage},
    core::{Core, State},
    critical_section::Message,
    frame::Frame,
    history::{Event, History},
    http_call::{HttpCall, Request},
    ids::{OpId, Site},
    message,
    mismatch::Mismatch,
    operation::{Answered, Course, OpState, Operation, Retry},
    patch_marker::apart_from_markers,
    refusal::Refusal,
    texts::Text,
};
use crate::durable::RetryOptions;
use chrono::{DateTime, TimeDelta, Utc};
use std::{
    rc::Rc,
    task::{Context, Poll},
};

impl Core {
    /// Issues a plain call.
    pub(crate) fn issue_call(&self, call: ActionKind, site: Site) -> OpId {
        self.check_room(Some(site));
        self.check_call(&call, site);
        let mut state = self.state.borrow_mut();
        let op = state.new_operation(Course::Call, site);
        state.issue_open(&self.history, call, op);
        op
    }

    /// Issues the first attempt of a call with a retry policy.
    pub(crate) fn issue_retry(&self, call: ActionKind, options: RetryOptions, site: Site) -> OpId {
        self.check_room(Some(site));
        self.check_call(&call, site);
        let mut state = self.state.borrow_mut();
        let retry = Retry {
            call: call.clone(),
            attempts: Attempts::new(options, state.clock),
            stage: RetryStage::Attempt,
        };
        let op = state.new_operation(Course::Retry(Box::new(retry)), site);
        state.issue_open(&self.history, call, op);
        op
    }

    /// Issues the first request of an HTTP call.
    pub(crate) fn issue_http(
        &self,
        request: Request,
        polling: bool,
        retry: Option<RetryOptions>,
        retry_statuses: Vec<u16>,
        site: Site,
    ) -> OpId {
        self.check_room(Some(site));
        let mut state = self.state.borrow_mut();
        let request = Rc::new(request);
        let call = HttpCall {
            request: Rc::clone(&request),
            polling,
            attempts: retry.map(|options| Attempts::new(options, state.clock)),
            retry_statuses,
            stage: RetryStage::Attempt,
        };
        let op = state.new_operation(Course::Http(Box::new(call)), site);
        state.issue_open(&self.history, ActionKind::CallHttp { request }, op);
        op
    }

    /// Issues a call to an entity.
    pub(crate) fn issue_entity_call(&self, target: &Rc<str>, operation: Text, input: Text, site: Site) -> OpId {
        self.check_room(Some(site));
        self.check_message(Message::Call, target, site);
        let mut state = self.state.borrow_mut();
        let op = state.new_operation(Course::Call, site);
        let call = ActionKind::CallEntity {
            target: Rc::clone(target),
            operation,
            input,
        };
        if state.is_step(target) {
            state.reissue(&self.history);
            state.before_step();
            let id = state.issue_open(&self.history, call, op);
            state.step_issued(target, id);
        } else {
            state.issue_open(&self.history, call, op);
        }
        op
    }

    /// Sends a signal to an entity.
    pub(crate) fn issue_signal(
        &self,
        target: Rc<str>,
        operation: Text,
        input: Text,
        at: Option<DateTime<Utc>>,
        site: Site,
    ) {
        self.check_room(Some(site));
        self.check_message(Message::Signal, &target, site);
        let mut state = self.state.borrow_mut();
        let op = state.new_operation(Course::Call, site);
        // Nothing waits for it.
        state.operations[op.0 as usize].state = OpState::Taken;
        let signal = ActionKind::SignalEntity {
            target,
            operation,
            input,
            at,
        };
        state.issue(&self.history, signal, op);
    }

    /// Sends an external event to another instance.
    pub(crate) fn issue_event(&self, instance_id: Rc<str>, name: Rc<str>, data: Text, site: Site) {
        self.check_room(Some(site));
        let mut state = self.state.borrow_mut();
        let op = state.new_operation(Course::Call, site);
        // Nothing answers it.
        state.operations[op.0 as usize].state = OpState::Taken;
        let event = ActionKind::SendEvent {
            instance_id,
            name,
            data,
        };
        state.issue(&self.history, event, op);
    }

    /// Issues a timer, or the first piece of it.
    pub(crate) fn issue_timer(&self, due: DateTime<Utc>, site: Site) -> OpId {
        self.check_room(Some(site));
        let mut state = self.state.borrow_mut();
        let op = state.new_operation(Course::Timer { task: u32::MAX, due }, site);
        let task = state.issue_timer(&self.history, due, op);
        state.operations[op.0 as usize].course = Course::Timer { task, due };
        op
    }

    /// Begins to wait for an external event.
    pub(crate) fn issue_wait(&self, name: &str, site: Site) -> OpId {
        self.check_room(Some(site));
        let mut state = self.state.borrow_mut();
        let name = state.events.name(name);
        let op = state.new_operation(Course::Wait, site);
        if let Some(event) = state.events.wait(name, op) {
            state.operations[op.0 as usize].state = OpState::Ready(Answered::Arrival(event));
        }
        op
    }

    /// Whether this request counts: the first one does.
    pub(crate) fn continue_as_new(&self, request: ContinueAsNew) -> bool {
        let mut state = self.state.borrow_mut();
        let first = state.continue_as_new.is_none();
        state.continue_as_new.get_or_insert(request);
        first
    }

    /// Changes the request to start over.
    pub(crate) fn amend_continue_as_new(&self, change: impl FnOnce(&mut ContinueAsNew)) {
        if let Some(request) = &mut self.state.borrow_mut().continue_as_new {
            change(request);
        }
    }

    /// Polls an operation: a plain await moves the cursor to its answer, a child of a combinator only looks.
    pub(crate) fn poll_operation(&self, op: OpId, site: Site, cx: &Context<'_>) -> Poll<Answered> {
        if !self.enter(site, cx) {
            return Poll::Pending;
        }
        loop {
            {
                let mut state = self.state.borrow_mut();
                let frame = state.frames.current();
                let operation = &mut state.operations[op.0 as usize];
                match operation.state {
                    OpState::Ready(answer) => {
                        operation.state = OpState::Taken;
                        if let Answered::Arrival(event) = answer {
                            return Poll::Ready(Answered::Arrival(state.events.consume(event)));
                        }
                        return Poll::Ready(answer);
                    }
                    OpState::Taken => {
                        drop(state);
                        self.refuse(Refusal::PolledAfterReady, Some(site));
                    }
                    OpState::Pending | OpState::Dropped => {}
                }
                if frame != Frame::Root {
                    operation.waiter = Some(frame);
                    state.frames.wait();
                    return Poll::Pending;
                }
            }
            if !self.deliver() {
                self.wait();
                return Poll::Pending;
            }
        }
    }

    /// The future of an operation is gone: retries stop, an unfired timer is cancelled, an unreturned event goes back.
    pub(crate) fn drop_operation(&self, op: OpId, site: Site) {
        if !self.leave(site) {
            return;
        }
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        let operation = &mut state.operations[op.0 as usize];
        let was = std::mem::replace(&mut operation.state, OpState::Dropped);
        match was {
            OpState::Pending => {
                if let Some(action) = operation
                    .open_timer()
                    .and_then(|task| state.actions.get_mut(task as usize))
                    && let ActionKind::CreateTimer { cancelled, .. } = &mut action.kind
                {
                    *cancelled = action.settled.is_none();
                }
            }
            OpState::Ready(Answered::Arrival(event)) => {
                let operations = &state.operations;
                let heir = state
                    .events
                    .give_back(event, |op| operations[op.0 as usize].state == OpState::Pending);
                if let Some(heir) = heir {
                    state.answer(heir, Answered::Arrival(event));
                }
            }
            OpState::Ready(_) | OpState::Taken | OpState::Dropped => {
                operation.state = was;
            }
        }
    }
}

impl State {
    /// Nothing is delivered or checked any more: the first difference decides.
    pub(super) fn stopped(&self) -> bool {
        self.mismatch.is_some()
    }

    pub(super) fn new_operation(&mut self, course: Course, site: Site) -> OpId {
        self.open_call = None;
        let op = OpId(u32::try_from(self.operations.len()).unwrap_or(u32::MAX));
        self.operations.push(Operation {
            state: OpState::Pending,
            course,
            waiter: None,
            site,
        });
        op
    }

    /// Marks an operation answered and wakes what waits for it.
    pub(super) fn answer(&mut self, op: OpId, answer: Answered) {
        let operation = &mut self.operations[op.0 as usize];
        if operation.state == OpState::Pending {
            operation.state = OpState::Ready(answer);
            if let Some(frame) = operation.waiter.take() {
                self.frames.wake(frame);
            }
        }
    }

    /// Why there can be no further operation or action, if there cannot.
    pub(super) fn full(&self) -> Option<Refusal> {
        let count = self.operations.len().max(self.actions.len());
        (count >= self.max_actions).then_some(Refusal::TooManyActions(self.max_actions))
    }

    /// Numbers an action, checks it against the history and adds it to the open segment.
    pub(super) fn issue(&mut self, history: &History, kind: ActionKind, op: OpId) -> u32 {
        self.reissue(history);
        self.open_call = None;
        let id = self.next_id();
        if self.actions.len() >= self.max_actions {
            // A call has been refused by now; a further attempt or piece of a wait is at the next event.
            let site = self.operations[op.0 as usize].site;
            self.violation
                .get_or_insert((Refusal::TooManyActions(self.max_actions), site));
        }
        self.segments.before_issue(self.cause, id, self.tick, self.raw_clock);
        let site = self.operations[op.0 as usize].site;
        let wait = self.longer_wait(&kind, op);
        self.check(history, id, &kind, wait, site);
        self.actions.push(Action {
            kind,
            op,
            settled: None,
        });
        id
    }

    /// Issues a timer no longer than the host takes, counted from the clock at which its shim will issue it.
    pub(super) fn issue_timer(&mut self, history: &History, due: DateTime<Utc>, op: OpId) -> u32 {
        self.reissue(history);
        let id = self.next_id();
        self.segments.before_issue(self.cause, id, self.tick, self.raw_clock);
        let due = apart_from_markers(due);
        let issued_at = match history.has_shim() {
            true => self.segments.clock,
            false => self.raw_clock,
        };
        let fire_at = latest_fire_at(history, issued_at).map_or(due, |latest| due.min(latest));
        self.issue(
            history,
            ActionKind::CreateTimer {
                fire_at,
                cancelled: false,
            },
            op,
        )
    }

    pub(super) fn next_id(&self) -> u32 {
        u32::try_from(self.actions.len()).unwrap_or(u32::MAX)
    }

    fn check(&mut self, history: &History, id: u32, kind: &ActionKind, wait: Option<DateTime<Utc>>, site: Site) {
        if self.stopped() {
            return;
        }
        let Some(place) = self.scheduled.get(id as usize).copied().flatten() else {
            return;
        };
        let same = match history.event(place) {
            Some(Event::Scheduled {
                kind: recorded, name, ..
            }) => recorded == kind.scheduled_kind() && kind.name().is_none_or(|called| history.is_name(name, called)),
            Some(Event::Sent {
                target, name, request, ..
            }) => {
                let request = message::Request::read(history, request);
                let answered = !kind.is_one_way();
                if let Some(answer) = request.as_ref().filter(|_| answered).and_then(message::Request::id) {
                    self.requests.insert(answer, id);
                }
                message::is_same(history, target, name, request.as_ref(), kind)
            }
            _ => return,
        };
        if !same {
            self.mismatch = Some(Mismatch::Different {
                id,
                place,
                code: kind.clone(),
                wait,
                site,
            });
        } else if place < self.cursor {
            self.mismatch = Some(Mismatch::TooLate {
                id,
                place,
                code: kind.clone(),
                site,
                cursor: self.cursor,
            });
        }
    }
}

/// The latest moment a timer may be due that is issued at `clock`. Where the shim issues it, that is an hour short of the host's maximum,
/// which absorbs clock skew and suspension.
pub(super) fn latest_fire_at(history: &History, clock: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let max = history.max_timer?;
    let margin = match history.has_shim() {
        true => TimeDelta::hours(1).min(max / 2),
        false => TimeDelta::zero(),
    };
    clock.checked_add_signed(max.checked_sub(&margin)?)
}
