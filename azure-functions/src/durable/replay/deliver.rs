//! Delivery: history events become visible one at a time, in their order.

use super::{
    action::ActionKind,
    attempts::RetryStage,
    clock::add,
    core::{Core, State},
    event_wait::{Arrival, Content},
    history::{Event, History, ScheduledKind, Span},
    http_call::After,
    ids::OpId,
    operation::{Answered, Course, OpState},
    refusal::Refusal,
    segment::{Cause, Response},
};
use crate::durable::CallError;
use chrono::{DateTime, TimeDelta, Utc};
use std::rc::Rc;

/// What an answer leads to.
enum Then {
    Answer(Answered),
    NextPiece { due: DateTime<Utc> },
    DelayAgain { due: DateTime<Utc> },
    NextAttempt,
    Nothing,
}

/// What came of one event.
enum Delivered {
    /// No wait can have been for it.
    Quiet,
    /// An answer or an external event.
    Answer,
    /// A failed attempt: ask the policy, which may be user code and must not run inside a borrow of the state.
    AskRetryPolicy { op: OpId, place: usize },
}

impl Core {
    /// Delivers events up to the next that may be waited for; false if there is none.
    pub(super) fn deliver(&self) -> bool {
        let mut state = self.state.borrow_mut();
        loop {
            if let Some((refusal, site)) = state.violation.take() {
                drop(state);
                self.refuse(refusal, Some(site));
            }
            // What comes after the request to start over belongs to the next execution.
            if state.stopped() || state.continue_as_new.is_some() {
                return false;
            }
            match state.next(&self.history) {
                None => return false,
                // Told at once, before code can go on with what was answered.
                Some(_) if state.violation.is_some() => {}
                Some(Delivered::Quiet) => {}
                Some(Delivered::Answer) => return true,
                Some(Delivered::AskRetryPolicy { op, place }) => {
                    drop(state);
                    let again = self.retry_after(op, place);
                    let mut state = self.state.borrow_mut();
                    match again {
                        Some(due) => state.delay_retry(&self.history, op, due),
                        None => state.answer(op, Answered::Event(place)),
                    }
                    return true;
                }
            }
        }
    }

    /// When the next attempt is due; `None` if there is none. The loop of DurableTask.Core's RetryInterceptor, without
    /// its dummy timer after the last attempt.
    fn retry_after(&self, op: OpId, place: usize) -> Option<DateTime<Utc>> {
        let (delay, options, now, error) = {
            let mut state = self.state.borrow_mut();
            let now = state.clock;
            let (attempts, error) = match &mut state.operations[op.0 as usize].course {
                Course::Retry(retry) => {
                    let name = retry.call.name().unwrap_or_default();
                    (&mut retry.attempts, CallError::from_history(&self.history, place, name))
                }
                Course::Http(call) => (
                    call.attempts.as_mut()?,
                    CallError::http_from_history(&self.history, place),
                ),
                _ => return None,
            };
            (attempts.next_delay(now)?, attempts.options, now, error)
        };
        // No borrow is held here: the predicate is user code.
        (!error.is_non_retriable() && options.accepts(&error)).then(|| add(now, delay))
    }
}

impl State {
    /// Delivers all up to ExecutionStarted.
    pub(super) fn begin(&mut self, history: &History) {
        let start = history
            .events
            .iter()
            .position(|e| *e == Event::ExecutionStarted)
            .unwrap_or(0);
        while self.cursor <= start && self.next(history).is_some() {}
    }

    fn next(&mut self, history: &History) -> Option<Delivered> {
        if !self.suspended
            && let Some(place) = self.withheld.pop_front()
        {
            return Some(self.apply(history, place));
        }
        let place = self.cursor;
        let event = history.event(place)?;
        self.cursor += 1;
        match event {
            Event::OrchestratorStarted(clock) => {
                self.raw_clock = clock;
                self.clock = self.clock.max(clock);
            }
            Event::Suspended => self.suspended = true,
            Event::Resumed => self.suspended = false,
            Event::Completed { .. } | Event::Failed { .. } | Event::Raised { .. } if self.suspended => {
                self.withheld.push_back(place);
            }
            Event::Completed { .. } | Event::Failed { .. } | Event::Raised { .. } => {
                return Some(self.apply(history, place));
            }
            Event::Scheduled { id, .. } | Event::Sent { id, .. } => self.pass_scheduled(history, id),
            Event::ExecutionStarted | Event::Ended | Event::Other => {}
        }
        Some(Delivered::Quiet)
    }

    fn apply(&mut self, history: &History, place: usize) -> Delivered {
        match history.event(place) {
            Some(Event::Completed { kind, id, .. }) => match self.settle(id, kind) {
                Some(_) if self.relayed(history, id) => Delivered::Answer,
                Some(op) if self.is_pending(op) => {
                    self.completed(history, op, id, place);
                    Delivered::Answer
                }
                _ => Delivered::Quiet,
            },
            Some(Event::Failed { kind, id, .. }) => match self.settle(id, kind) {
                Some(op) if self.is_pending(op) => self.failed(op, place),
                _ => Delivered::Quiet,
            },
            Some(Event::Raised { name, input }) => self.raised(history, name, input, place),
            _ => Delivered::Quiet,
        }
    }

    fn is_pending(&self, op: OpId) -> bool {
        let operation = self.operations.get(op.0 as usize);
        operation.is_some_and(|operation| operation.state == OpState::Pending)
    }

    /// The first answer to an action counts; others, and answers to what was not asked, are dropped.
    fn settle(&mut self, id: u32, kind: ScheduledKind) -> Option<OpId> {
        let action = self.actions.get_mut(id as usize)?;
        if action.settled.is_some() || action.kind.scheduled_kind() != kind {
            return None;
        }
        self.tick += 1;
        action.settled = Some(self.tick);
        self.cause = Some(Cause::Action(id));
        Some(action.op)
    }

    fn completed(&mut self, history: &History, op: OpId, id: u32, place: usize) {
        let then = match &self.operations[op.0 as usize].course {
            Course::Call => Then::Answer(Answered::Event(place)),
            Course::Timer { due, .. } if self.was_a_piece(history, id, *due) => Then::NextPiece { due: *due },
            Course::Timer { .. } => Then::Answer(Answered::Fired),
            Course::Http(call) if matches!(call.stage, RetryStage::Attempt) => {
                return self.http_answered(history, op, place);
            }
            Course::Retry(retry) => self.staged(history, id, place, retry.stage),
            Course::Http(call) => self.staged(history, id, place, call.stage),
            Course::Wait => Then::Nothing,
        };
        match then {
            Then::Answer(answer) => self.answer(op, answer),
            Then::NextPiece { due } => {
                let task = self.issue_timer(history, due, op);
                self.operations[op.0 as usize].course = Course::Timer { task, due };
            }
            Then::DelayAgain { due } => self.delay_retry(history, op, due),
            Then::NextAttempt => {
                let next = match &mut self.operations[op.0 as usize].course {
                    Course::Retry(retry) => Some((&mut retry.stage, retry.call.clone())),
                    Course::Http(call) => {
                        let request = Rc::clone(&call.request);
                        Some((&mut call.stage, ActionKind::CallHttp { request }))
                    }
                    _ => None,
                };
                if let Some((stage, call)) = next {
                    *stage = RetryStage::Attempt;
                    if self.is_forbidden(&call) {
                        let site = self.operations[op.0 as usize].site;
                        self.violation = Some((Refusal::SubOrchestrationInSection, site));
                    } else {
                        self.issue(history, call, op);
                    }
                }
            }
            Then::Nothing => {}
        }
    }

    fn staged(&self, history: &History, id: u32, place: usize, stage: RetryStage) -> Then {
        match stage {
            RetryStage::Attempt => Then::Answer(Answered::Event(place)),
            RetryStage::Delay { due, .. } if self.was_a_piece(history, id, due) => Then::DelayAgain { due },
            RetryStage::Delay { .. } => Then::NextAttempt,
        }
    }

    fn failed(&mut self, op: OpId, place: usize) -> Delivered {
        match self.operations[op.0 as usize].course {
            Course::Retry(_) | Course::Http(_) => Delivered::AskRetryPolicy { op, place },
            _ => {
                self.answer(op, Answered::Event(place));
                Delivered::Answer
            }
        }
    }

    pub(super) fn delay_retry(&mut self, history: &History, op: OpId, due: DateTime<Utc>) {
        let task = self.issue_timer(history, due, op);
        match &mut self.operations[op.0 as usize].course {
            Course::Retry(retry) => retry.stage = RetryStage::Delay { task, due },
            Course::Http(call) => call.stage = RetryStage::Delay { task, due },
            _ => {}
        }
    }

    /// A request got an answer: the result, or a reason to make another.
    fn http_answered(&mut self, history: &History, op: OpId, place: usize) {
        let after = match (&mut self.operations[op.0 as usize].course, history.event(place)) {
            (Course::Http(call), Some(Event::Completed { result, .. })) => call.answered(history, result, self.clock),
            _ => After::Done,
        };
        match after {
            After::Done => self.answer(op, Answered::Event(place)),
            After::Again(due) => self.delay_retry(history, op, due),
        }
    }

    /// Whether this timer was only a piece of the wait until `due`. Two things must hold: today's code asks for a piece,
    /// because the wait is longer than the host's maximum, and the recorded timer is as long as that piece. A recorded
    /// timer that is shorter was a whole wait, which the code or a setting has made longer since: it ends when it fires, as
    /// in the other SDKs. Hosts may cut fractions of a second.
    fn was_a_piece(&self, history: &History, id: u32, due: DateTime<Utc>) -> bool {
        let ActionKind::CreateTimer { fire_at: piece, .. } = self.actions[id as usize].kind else {
            return false;
        };
        let recorded = match self
            .scheduled
            .get(id as usize)
            .copied()
            .flatten()
            .and_then(|place| history.event(place))
        {
            Some(Event::Scheduled { fire_at, .. }) => fire_at,
            _ => None,
        };
        let fire_at = recorded.unwrap_or(piece);
        let tolerance = TimeDelta::seconds(1);
        let is_before = |earlier, later| add(earlier, tolerance) < later;
        is_before(piece, due) && is_before(fire_at, due) && !is_before(fire_at, piece)
    }

    fn raised(&mut self, history: &History, name: Span, input: Span, place: usize) -> Delivered {
        let Some(text) = history.text(name) else {
            return Delivered::Quiet;
        };
        if !self.requests.is_empty()
            && let Some(call) = self.requests.get(&text.to_ascii_lowercase()).copied()
        {
            return self.response(history, call, place);
        }
        let name = self.events.name(&text);
        let number = self.events.next_number(name);
        self.tick += 1;
        self.cause = Some(Cause::Event { name, number });
        let arrival = Arrival {
            name,
            content: Content::History(input),
            number,
            actions_before: u32::try_from(self.actions.len()).unwrap_or(u32::MAX),
            clock: self.raw_clock,
            tick: self.tick,
            consumed: false,
        };
        let operations = &self.operations;
        let is_live = |op: OpId| operations[op.0 as usize].state == OpState::Pending;
        if let (event, Some(op)) = self.events.arrive(arrival, is_live) {
            self.answer(op, Answered::Arrival(event));
        }
        Delivered::Answer
    }

    /// An entity answers. That is no external event: the host's shim has its own way to it.
    fn response(&mut self, history: &History, call: u32, place: usize) -> Delivered {
        if self.settle(call, ScheduledKind::Message).is_none() {
            return Delivered::Quiet;
        }
        self.newest_response = Some(Response {
            action: call,
            tick: self.tick,
            actions_before: self.next_id(),
            clock: self.raw_clock,
        });
        self.responded(history, call, place);
        Delivered::Answer
    }
}
