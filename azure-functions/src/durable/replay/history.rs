//! One execution's history, normalised: what a codec hands to the core. Results, inputs and names stay the raw text of
//! the payload until they are asked for.

pub(crate) use super::event::{Event, Moved, ScheduledKind, Span};
use super::{later::Later, trace::Trace};
use crate::{durable::FailureDetails, json_text};
use azure_functions_durable::protobuf::TaskFailureDetails;
use prost::Message as _;
use serde_json::Value;
use std::{borrow::Cow, cell::OnceCell};

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
    /// The events of that payload.
    pub(crate) events: Vec<Event>,
    /// What came after it, if the execution is kept from one turn to the next.
    pub(crate) later: OnceCell<Box<Later>>,
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
    /// The trace that the execution belongs to, where the worker has a part in it: on the protobuf wire.
    pub(crate) trace: Option<Trace>,
}

impl History {
    /// Whether the host goes through the answers by itself, in its order, and takes ids as it goes: the JSON wire's does. Otherwise the ids
    /// of actions are ours, and the execution ends when we say so.
    pub(crate) fn has_shim(&self) -> bool {
        matches!(self.source, Source::Json(_))
    }

    /// Names the span of the execution, where it has a trace.
    pub(crate) fn name_own_span(&mut self) {
        let began = self.events.iter().find_map(|event| match event {
            Event::OrchestratorStarted(began) => Some(*began),
            _ => None,
        });
        if let Some(trace) = &mut self.trace {
            trace.name_own_span(&self.instance_id, &self.execution_id, began.unwrap_or_default());
        }
    }

    /// How many events there are.
    pub(crate) fn len(&self) -> usize {
        self.events.len() + self.later.get().map_or(0, |later| later.len())
    }

    /// The event at a place.
    pub(crate) fn event(&self, place: usize) -> Option<Event> {
        match self.events.get(place) {
            Some(event) => Some(*event),
            None => self.later.get()?.event(place - self.events.len()),
        }
    }

    /// The events from a place on.
    pub(crate) fn events_from(&self, place: usize) -> impl Iterator<Item = Event> + '_ {
        (place..self.len()).filter_map(|place| self.event(place))
    }

    /// All events.
    pub(crate) fn all_events(&self) -> impl Iterator<Item = Event> + '_ {
        let later = self.events_from(self.events.len());
        self.events.iter().copied().chain(later)
    }

    /// Bytes of what it came from.
    pub(crate) fn bytes(&self) -> usize {
        self.first_bytes() + self.later.get().map_or(0, |later| later.bytes())
    }

    fn first_bytes(&self) -> usize {
        match &self.source {
            Source::Json(payload) => payload.len(),
            Source::Protobuf(message) => message.len(),
        }
    }

    /// Adds the events of a further turn with the message that they lie in; where its texts lie now. Nothing happens if that is more
    /// than a history can have, or on the JSON wire, whose payloads are always the whole.
    pub(super) fn append(&self, message: Vec<u8>, events: Vec<Event>) -> Option<Moved> {
        if self.has_shim() {
            return None;
        }
        let end = self.bytes();
        u32::try_from(end + message.len()).ok()?;
        let moved = Moved(u32::try_from(end).ok()?);
        let later = self.later.get_or_init(Box::default);
        let events = events.into_iter().map(|event| moved.event(event));
        later.push(end - self.first_bytes(), message, events);
        Some(moved)
    }

    /// A text that lies in the payload as it stands there.
    pub(crate) fn raw(&self, span: Span) -> &str {
        match &self.source {
            Source::Json(payload) => payload.get(span.range()).unwrap_or_default(),
            // The codec has looked at every text before.
            Source::Protobuf(_) => self
                .message_part(span)
                .and_then(|bytes| std::str::from_utf8(bytes).ok())
                .unwrap_or_default(),
        }
    }

    /// A piece of the messages.
    pub(crate) fn bytes_at(&self, span: Span) -> &[u8] {
        self.message_part(span).unwrap_or_default()
    }

    fn message_part(&self, span: Span) -> Option<&[u8]> {
        let Source::Protobuf(message) = &self.source else {
            return None;
        };
        let range = span.range();
        match range.start.checked_sub(message.len()) {
            None => message.get(range),
            Some(start) => self.later.get()?.get(start..range.end - message.len()),
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
            Source::Protobuf(_) => TaskFailureDetails::decode(self.message_part(span)?)
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
