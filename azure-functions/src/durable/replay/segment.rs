//! Which actions were issued at which moment, as the host's shim has to learn it.
//!
//! The shim knows no ids and no causes: it walks a list and awaits each element before the next. A *segment* is a run of
//! actions that it may issue together; a closed segment ends with the answer (the *closer*) that made the code go on,
//! so that the shim's clock is fresh when it issues what follows. Nothing is ever issued later than the code issued it.

use super::{
    action::Action,
    event_wait::{Arrival, Events},
};
use chrono::{DateTime, Utc};
use std::ops::Range;

/// A run of actions with the answer that ended it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Closed {
    pub(crate) actions: Range<u32>,
    pub(crate) closer: Closer,
    /// Deliveries made when the closer was delivered, it included.
    pub(crate) tick: u32,
}

/// What ends a segment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Closer {
    /// The answer to this action, a member of the segment.
    Action(u32),
    /// So many arrivals of this event name since the last segment that ended on one.
    Events { name: usize, waits: u32, number: u32 },
}

/// The last delivered answer that user code may be running on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cause {
    Action(u32),
    Event { name: usize, number: u32 },
}

/// The segments as they were at some moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    closed: usize,
    open_from: u32,
    began: u32,
    clock: DateTime<Utc>,
    /// Index and number of the event that what is issued next may end a segment on.
    closed_on: Option<(usize, u32)>,
}

/// The segments so far; the last one is open.
#[derive(Debug)]
pub(crate) struct Segments {
    pub(crate) closed: Vec<Closed>,
    pub(crate) open_from: u32,
    /// Deliveries made when the open segment began.
    began: u32,
    /// The clock at which the shim issues what is in the open segment.
    pub(crate) clock: DateTime<Utc>,
    /// By event name: the number of the newest arrival that a segment was closed on.
    closed_on: Vec<u32>,
}

impl Segments {
    pub(crate) fn new(clock: DateTime<Utc>) -> Self {
        Self {
            closed: Vec::new(),
            open_from: 0,
            began: 0,
            clock,
            closed_on: Vec::new(),
        }
    }

    /// User code is about to issue an action because of `cause`: ends the open segment if it can be ended on that.
    pub(crate) fn before_issue(&mut self, cause: Option<Cause>, next: u32, tick: u32, clock: DateTime<Utc>) {
        let closer = match cause {
            Some(Cause::Action(id)) if id >= self.open_from => Closer::Action(id),
            Some(Cause::Event { name, number }) => {
                if self.closed_on.len() <= name {
                    self.closed_on.resize(name + 1, 0);
                }
                let before = std::mem::replace(&mut self.closed_on[name], number);
                if number <= before {
                    self.closed_on[name] = before;
                    return;
                }
                Closer::Events {
                    name,
                    waits: number - before,
                    number,
                }
            }
            _ => return,
        };
        self.close(closer, next, tick, clock);
    }

    /// What is issued next rests on an answer: ends the open segment on it, if it began before that.
    pub(super) fn not_before(&mut self, known: &Known, next: u32) {
        if self.began < known.tick && self.is_open(known.action) {
            self.close(Closer::Action(known.action), next, known.tick, known.clock);
        }
    }

    /// The segments before an action is issued because of `cause`.
    pub(super) fn mark(&self, cause: Option<Cause>) -> Mark {
        let closed_on = match cause {
            Some(Cause::Event { name, .. }) => Some((name, self.closed_on.get(name).copied().unwrap_or(0))),
            _ => None,
        };
        Mark {
            closed: self.closed.len(),
            open_from: self.open_from,
            began: self.began,
            clock: self.clock,
            closed_on,
        }
    }

    /// Forgets what one action has changed since the mark.
    pub(super) fn reset_to(&mut self, mark: &Mark) {
        self.closed.truncate(mark.closed);
        (self.open_from, self.began, self.clock) = (mark.open_from, mark.began, mark.clock);
        if let Some((name, number)) = mark.closed_on
            && let Some(closed_on) = self.closed_on.get_mut(name)
        {
            *closed_on = number;
        }
    }

    /// Whether an action lies in the open segment.
    pub(super) fn is_open(&self, action: u32) -> bool {
        action >= self.open_from
    }

    fn close(&mut self, closer: Closer, next: u32, tick: u32, clock: DateTime<Utc>) {
        self.closed.push(Closed {
            actions: self.open_from..next,
            closer,
            tick,
        });
        self.open_from = next;
        self.began = tick;
        self.clock = clock;
    }

    /// Forgets all that was issued from `len` on, and where it lay.
    pub(crate) fn truncate(&mut self, len: u32, start: DateTime<Utc>) {
        if len == 0 {
            *self = Self::new(start);
        }
        self.closed.retain(|segment| segment.actions.end <= len);
        self.open_from = self.closed.last().map_or(0, |segment| segment.actions.end);
    }
}

/// What an answer is written from: closed segments, then one open one.
#[derive(Debug, PartialEq)]
pub(crate) struct Plan {
    pub(crate) closed: Vec<Closed>,
    pub(crate) open: Range<u32>,
    /// Whether the shim has to go on behind the open segment, whatever is still out.
    pub(crate) go_on: bool,
    /// No timer of the open segment may be due later.
    pub(crate) latest_fire_at: Option<DateTime<Utc>>,
}

impl Segments {
    /// The plan of an episode that goes on waiting, or ends without continuing as new.
    pub(crate) fn plan(self, actions: &[Action], done: bool) -> Plan {
        let open = self.open_from..len(actions);
        let settled = open.clone().all(|id| actions[id as usize].settled_by(u32::MAX));
        Plan {
            closed: self.closed,
            open,
            go_on: done && !settled,
            latest_fire_at: None,
        }
    }

    /// The plan of an execution that continues as new and leaves events to the host, where `newest` is the newest event
    /// that must not be delivered again: all that was issued after it goes into one open segment, so that the host
    /// carries over what came later.
    pub(crate) fn plan_merged(
        self,
        actions: &[Action],
        newest: Option<&Arrival>,
        latest_fire_at: impl Fn(DateTime<Utc>) -> Option<DateTime<Utc>>,
        start: DateTime<Utc>,
    ) -> Plan {
        let end = len(actions);
        let Some(newest) = newest else {
            return Plan {
                closed: Vec::new(),
                open: 0..end,
                go_on: true,
                latest_fire_at: latest_fire_at(start),
            };
        };
        let mut closed = self.closed;
        closed.retain(|segment| segment.tick < newest.tick);
        Plan {
            open: close_on_event(&mut closed, newest)..end,
            closed,
            go_on: true,
            latest_fire_at: latest_fire_at(newest.clock),
        }
    }

    /// The plan of an execution that continues as new and leaves no event to the host but those that are yet to come:
    /// the last segment ends no earlier than the newest event or response that was seen, so that neither comes again.
    /// A late response to an action of an older segment may: the next execution does not mind.
    pub(crate) fn plan_kept(
        self,
        actions: &[Action],
        newest: Option<&Arrival>,
        response: Option<&Response>,
        latest_fire_at: impl Fn(DateTime<Utc>) -> Option<DateTime<Utc>>,
    ) -> Plan {
        let event = newest.filter(|event| event.tick > self.began);
        let response = response.filter(|r| r.tick > self.began && self.is_open(r.action));
        let event = event.filter(|event| response.is_none_or(|r| r.tick < event.tick));
        let open = self.open_from..len(actions);
        let settled = open.clone().all(|id| actions[id as usize].settled_by(u32::MAX));
        let mut closed = self.closed;
        let (from, clock) = match (event, response) {
            (Some(event), _) => (close_on_event(&mut closed, event), event.clock),
            (None, Some(response)) if !settled => {
                closed.push(Closed {
                    actions: open.start..response.actions_before,
                    closer: Closer::Action(response.action),
                    tick: response.tick,
                });
                (response.actions_before, response.clock)
            }
            (None, _) => {
                return Plan {
                    closed,
                    open,
                    go_on: !settled,
                    latest_fire_at: None,
                };
            }
        };
        Plan {
            closed,
            open: from..open.end,
            go_on: true,
            latest_fire_at: latest_fire_at(clock),
        }
    }
}

/// Ends what lies behind the closed segments on an event; where the next segment begins.
fn close_on_event(closed: &mut Vec<Closed>, event: &Arrival) -> u32 {
    let from = closed.last().map_or(0, |segment| segment.actions.end);
    let until = event.actions_before.max(from);
    let before = closed.iter().rev().find_map(|segment| match segment.closer {
        Closer::Events { name, number, .. } if name == event.name => Some(number),
        _ => None,
    });
    closed.push(Closed {
        actions: from..until,
        closer: Closer::Events {
            name: event.name,
            waits: event.number - before.unwrap_or(0),
            number: event.number,
        },
        tick: event.tick,
    });
    until
}

fn len(actions: &[Action]) -> u32 {
    // Ids are issued from a u32 counter.
    u32::try_from(actions.len()).unwrap_or(u32::MAX)
}

impl Events {
    /// The newest event that the next execution must not see again: the newest consumed one if unconsumed events are to
    /// be preserved, else the newest seen at all.
    pub(crate) fn newest_spent(&self, preserve: bool) -> Option<&Arrival> {
        self.arrivals
            .iter()
            .rev()
            .find(|a| a.number > 0 && (a.consumed || !preserve))
    }
}

/// An answer on which the open segment can be closed, if it is not closed on something newer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) action: u32,
    pub(super) tick: u32,
    pub(super) clock: DateTime<Utc>,
}

/// The first answer of an entity to an action.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Response {
    pub(crate) action: u32,
    /// Deliveries made when it came.
    pub(crate) tick: u32,
    /// How many actions had been issued by then.
    pub(crate) actions_before: u32,
    /// The clock of the episode it came in.
    pub(crate) clock: DateTime<Utc>,
}
