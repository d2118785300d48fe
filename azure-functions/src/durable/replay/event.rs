//! What happened, event by event. Results, inputs and names are places in the payload.

use chrono::{DateTime, Utc};

/// Where a piece of text lies in the payload. Length zero: there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    len: u32,
}

impl Span {
    /// The place of `part`, which must lie inside `whole`.
    pub(crate) fn of(whole: &[u8], part: &[u8]) -> Self {
        let start = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
        debug_assert!(start + part.len() <= whole.len());
        match (u32::try_from(start), u32::try_from(part.len())) {
            (Ok(start), Ok(len)) => Self { start, len },
            _ => Self::default(),
        }
    }

    pub(crate) fn is_empty(self) -> bool {
        self.len == 0
    }

    /// The piece of a message that the place is in.
    pub(crate) fn of_whole(self, message: &[u8]) -> &[u8] {
        message.get(self.range()).unwrap_or_default()
    }

    pub(super) fn range(self) -> std::ops::Range<usize> {
        let start = self.start as usize;
        start..start + self.len as usize
    }
}

/// A history event, as far as the replay looks at it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Event {
    /// Start of an episode; its time is the episode's clock.
    OrchestratorStarted(DateTime<Utc>),
    /// The orchestration begins.
    ExecutionStarted,
    /// The orchestrator asked for something: `id` is the sequence number that the action took.
    Scheduled {
        kind: ScheduledKind,
        id: u32,
        name: Span,
        instance: Span,
        fire_at: Option<DateTime<Utc>>,
    },
    /// A message to an entity, sent as action `id`, or an event for another instance. What kind of message an entity got stands in its
    /// request.
    Sent {
        id: u32,
        target: Span,
        name: Span,
        request: Span,
    },
    /// The answer to action `id`.
    Completed { kind: ScheduledKind, id: u32, result: Span },
    /// The failure of action `id`.
    Failed {
        kind: ScheduledKind,
        id: u32,
        reason: Span,
        details: Span,
        failure: Span,
    },
    /// An external event.
    Raised { name: Span, input: Span },
    /// Deliveries are withheld from here on …
    Suspended,
    /// … up to here.
    Resumed,
    /// The execution is over; only recorded histories have this.
    Ended,
    /// Nothing that a replay reacts to, and whatever newer hosts write.
    Other,
}

/// Where the texts of a message lie that was added to a history: behind so many bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moved(pub(super) u32);

impl Moved {
    /// Where a piece of the message lies in the whole.
    pub(crate) fn span(self, span: Span) -> Span {
        if span.is_empty() {
            return span;
        }
        Span {
            start: span.start + self.0,
            len: span.len,
        }
    }

    /// An event of the message.
    pub(super) fn event(self, event: Event) -> Event {
        let moved = |span: Span| self.span(span);
        match event {
            Event::Scheduled {
                kind,
                id,
                name,
                instance,
                fire_at,
            } => Event::Scheduled {
                kind,
                id,
                name: moved(name),
                instance: moved(instance),
                fire_at,
            },
            Event::Sent {
                id,
                target,
                name,
                request,
            } => Event::Sent {
                id,
                target: moved(target),
                name: moved(name),
                request: moved(request),
            },
            Event::Completed { kind, id, result } => Event::Completed {
                kind,
                id,
                result: moved(result),
            },
            Event::Failed {
                kind,
                id,
                reason,
                details,
                failure,
            } => Event::Failed {
                kind,
                id,
                reason: moved(reason),
                details: moved(details),
                failure: moved(failure),
            },
            Event::Raised { name, input } => Event::Raised {
                name: moved(name),
                input: moved(input),
            },
            Event::OrchestratorStarted(_)
            | Event::ExecutionStarted
            | Event::Suspended
            | Event::Resumed
            | Event::Ended
            | Event::Other => event,
        }
    }
}

/// What an orchestrator can ask for, as history records it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScheduledKind {
    Activity,
    SubOrchestration,
    Timer,
    /// A message to an entity or another instance.
    Message,
}
