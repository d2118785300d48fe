//! One execution's history, normalised: what a codec hands to the core. Results, inputs and names stay the raw text of
//! the payload until they are asked for.

use crate::{durable::FailureDetails, json_text};
use azure_functions_durable::protobuf::TaskFailureDetails;
use chrono::{DateTime, Utc};
use prost::Message as _;
use serde_json::Value;
use std::borrow::Cow;

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

    fn range(self) -> std::ops::Range<usize> {
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

/// What an orchestrator can ask for, as history records it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScheduledKind {
    Activity,
    SubOrchestration,
    Timer,
    /// A message to an entity or another instance.
    Message,
}

/// The payload that a history lies in.
#[derive(Debug)]
pub(crate) enum Source {
    /// JSON: texts are JSON strings.
    Json(String),
    /// A protobuf message: texts are UTF-8 as they stand there.
    Protobuf(Vec<u8>),
}

/// The history of one execution with the payload it came from.
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) source: Source,
    pub(crate) events: Vec<Event>,
    /// Name of the orchestration in its ExecutionStarted event.
    pub(crate) name: Span,
    /// Version in its ExecutionStarted event.
    pub(crate) version: Span,
    pub(crate) instance_id: String,
    /// Id of this life of the instance; empty where the host does not say.
    pub(crate) execution_id: String,
    pub(crate) parent_instance_id: Option<String>,
    /// The start input, raw JSON.
    pub(crate) input: Span,
    /// Longest timer that the host takes; `None` if it has no limit or does not say.
    pub(crate) max_timer: Option<chrono::TimeDelta>,
    /// Whether the host knows the actions of critical sections.
    pub(crate) has_locks: bool,
    /// How long the host would have polled requests wait, where the answer does not say.
    pub(crate) http_poll_delay: chrono::TimeDelta,
}

impl History {
    /// Whether the host goes through the answers by itself, in its order, and takes ids as it goes: the JSON wire's does. Otherwise the ids
    /// of actions are ours, and the execution ends when we say so.
    pub(crate) fn has_shim(&self) -> bool {
        matches!(self.source, Source::Json(_))
    }

    /// A text that lies in the payload as it stands there.
    pub(crate) fn raw(&self, span: Span) -> &str {
        let range = span.range();
        match &self.source {
            Source::Json(payload) => payload.get(range).unwrap_or_default(),
            // The codec has looked at every text before.
            Source::Protobuf(message) => message
                .get(range)
                .and_then(|bytes| std::str::from_utf8(bytes).ok())
                .unwrap_or_default(),
        }
    }

    /// A text: the content of a JSON string, or what stands in the message; `None` for null, for another JSON type and where there is
    /// none.
    pub(crate) fn text(&self, span: Span) -> Option<Cow<'_, str>> {
        let raw = self.raw(span);
        if let Source::Protobuf(_) = self.source {
            return (!span.is_empty()).then_some(Cow::Borrowed(raw));
        }
        let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
        if inner.contains('\\') {
            serde_json::from_str::<String>(raw).ok().map(Cow::Owned)
        } else {
            Some(Cow::Borrowed(inner))
        }
    }

    /// JSON text inside a JSON string, decoded. Text that is no JSON is taken as it is; null and nothing are null. An error is JSON
    /// that cannot be read.
    pub(crate) fn nested_json(&self, span: Span) -> serde_json::Result<Value> {
        match self.text(span) {
            Some(text) => json_text::value_or_text(&text),
            None if span.is_empty() => Ok(Value::Null),
            None => json_text::value_or_text(self.raw(span)),
        }
    }

    /// The JSON text of the same value, also if it cannot be read.
    pub(crate) fn nested_text(&self, span: Span) -> Cow<'_, str> {
        match self.text(span) {
            Some(text) if json_text::is_json(&text) => text,
            Some(text) => Value::String(text.into_owned()).to_string().into(),
            None if span.is_empty() => "null".into(),
            None => self.raw(span).into(),
        }
    }

    /// What a failed task reported of itself, if the host hands that on.
    pub(crate) fn failure_details(&self, span: Span) -> Option<FailureDetails> {
        match &self.source {
            _ if span.is_empty() => None,
            Source::Json(_) => serde_json::from_str(self.raw(span)).unwrap_or(None),
            Source::Protobuf(message) => TaskFailureDetails::decode(message.get(span.range())?)
                .ok()
                .map(FailureDetails::from),
        }
    }

    /// Whether a text is `name`, compared as .NET's ordinal ignore-case does.
    pub(crate) fn is_name(&self, span: Span, name: &str) -> bool {
        if let Source::Protobuf(message) = &self.source
            && message.get(span.range()) == Some(name.as_bytes())
        {
            // Nearly always: without a look at whether it is UTF-8.
            return !name.is_empty();
        }
        self.text(span).is_some_and(|text| eq_ignore_case(&text, name))
    }

    /// Index of the last OrchestratorStarted: what lies before it is replay.
    pub(crate) fn replay_boundary(&self) -> usize {
        self.events
            .iter()
            .rposition(|e| matches!(e, Event::OrchestratorStarted(_)))
            .unwrap_or(0)
    }
}

/// Ordinal ignore-case: character by character, upper-cased, no culture.
pub(crate) fn eq_ignore_case(a: &str, b: &str) -> bool {
    a == b || a.eq_ignore_ascii_case(b) || (!(a.is_ascii() && b.is_ascii()) && fold_name(a) == fold_name(b))
}

/// The form under which names that differ in case only are equal.
pub(crate) fn fold_name(name: &str) -> String {
    if name.is_ascii() {
        name.to_ascii_uppercase()
    } else {
        name.chars().flat_map(char::to_uppercase).collect()
    }
}
