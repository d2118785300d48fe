//! The events of an execution, and what turns ask of all of them: kept as they come, so that a turn of the protobuf wire seldom goes
//! through those of before.

use std::ops::Deref;

use super::event::{Event, EventKind};

/// The events of an execution that have been recorded, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct History {
    events: Vec<Event>,
    next_id: i32,
    /// The place of the last event that suspends or resumes.
    suspension: Option<usize>,
    was_rewound: bool,
}

impl History {
    /// Adds the events of a turn.
    pub(crate) fn append(&mut self, events: &mut Vec<Event>) {
        for (place, event) in (self.events.len()..).zip(&*events) {
            self.next_id = self.next_id.max(event.event_id.saturating_add(1));
            if event.kind.is_suspension() {
                self.suspension = Some(place);
            }
            self.was_rewound |= matches!(event.kind, EventKind::ExecutionRewound { .. });
        }
        self.events.append(events);
    }

    /// Leaves out some events.
    pub(crate) fn retain(&mut self, keep: impl FnMut(&Event) -> bool) {
        let mut events = std::mem::take(self).events;
        events.retain(keep);
        *self = events.into();
    }

    /// Above all ids of its events, and not negative; the highest number if an event has that.
    pub(crate) fn next_id(&self) -> i32 {
        self.next_id
    }

    /// Whether the execution was rewound: it may have started things that its events do not tell of.
    pub(crate) fn was_rewound(&self) -> bool {
        self.was_rewound
    }

    /// The last event that suspends or resumes.
    pub(super) fn last_suspension(&self) -> Option<&Event> {
        self.events.get(self.suspension?)
    }
}

impl From<Vec<Event>> for History {
    fn from(mut events: Vec<Event>) -> Self {
        let mut history = Self::default();
        history.append(&mut events);
        history
    }
}

impl Deref for History {
    type Target = [Event];

    fn deref(&self) -> &[Event] {
        &self.events
    }
}

impl EventKind {
    /// Whether it suspends or resumes the instance.
    pub(super) fn is_suspension(&self) -> bool {
        matches!(self, Self::ExecutionSuspended { .. } | Self::ExecutionResumed { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::durable::engine::tests::ten;

    fn timer(id: i32) -> Event {
        Event::scheduled(id, ten(), EventKind::TimerCreated { fire_at: ten() })
    }

    fn suspended(reason: &str) -> Event {
        let reason = reason.to_owned();
        Event::new(ten(), EventKind::ExecutionSuspended { reason })
    }

    #[test]
    fn what_is_asked_of_all_events_is_kept_as_they_come_and_as_they_go() {
        let mut history = History::default();
        assert_eq!((history.next_id(), history.last_suspension()), (0, None));
        history.append(&mut vec![suspended("a"), timer(4)]);
        history.append(&mut vec![timer(2), suspended("b"), timer(3)]);
        assert_eq!(history.next_id(), 5);
        assert_eq!(history.last_suspension(), Some(&suspended("b")));
        assert_eq!(history, History::from(history.to_vec()));
        history.retain(|event| event.event_id != 4 && *event != suspended("b"));
        assert_eq!(history.next_id(), 4);
        assert_eq!(history.last_suspension(), Some(&suspended("a")));
    }
}
