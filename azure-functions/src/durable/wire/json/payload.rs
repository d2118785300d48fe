//! The orchestration trigger payload, read in one pass straight into the core's history.
//!
//! Property order is unspecified, members and event types we do not know are skipped, and everything textual stays
//! where it is in the payload: only the clock of each episode and the due time of timers are decoded here.

use super::time::{parse_instant, parse_time_span};
use crate::durable::replay::history::{Event, History, ScheduledKind, Source, Span};
use chrono::TimeDelta;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::{cell::OnceCell, fmt};

/// A payload, read.
#[derive(Debug)]
pub(crate) struct Payload {
    pub(crate) history: History,
    /// Newest schema that host and SDK share; see [`SchemaVersion`].
    pub(crate) schema: SchemaVersion,
}

/// Schema of the answer, by its number on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SchemaVersion {
    V1 = 0,
    V2 = 1,
    V3 = 2,
    V4 = 3,
}

/// Milliseconds between the polls of an HTTP request, if the host does not say: its own default.
const HTTP_POLL_DELAY: i64 = 30_000;

/// Why a payload cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PayloadError {
    #[error("the orchestration trigger payload is not the JSON of a durable orchestration: {0}")]
    Malformed(#[from] serde_json::Error),
    #[error("the orchestration trigger payload lacks `{0}`")]
    Missing(&'static str),
    #[error("the history of the orchestration trigger payload has no ExecutionStarted event")]
    NotStarted,
}

impl Payload {
    /// Reads a payload and keeps it.
    pub(crate) fn parse(payload: String) -> Result<Self, PayloadError> {
        let fields = {
            let mut deserializer = serde_json::Deserializer::from_str(&payload);
            let fields = Fields { whole: &payload }.deserialize(&mut deserializer)?;
            deserializer.end()?;
            fields
        };
        let events = fields.events.ok_or(PayloadError::Missing("history"))?;
        if !events.contains(&Event::ExecutionStarted) {
            return Err(PayloadError::NotStarted);
        }
        let offered = if fields.upper_schema_new > 0 {
            fields.upper_schema_new
        } else {
            fields.upper_schema
        };
        let schema = match offered {
            ..=0 => SchemaVersion::V1,
            1 => SchemaVersion::V2,
            2 => SchemaVersion::V3,
            3.. => SchemaVersion::V4,
        };
        let history = History {
            events,
            name: fields.name,
            version: fields.version,
            instance_id: fields.instance_id.ok_or(PayloadError::Missing("instanceId"))?,
            execution_id: String::new(),
            parent_instance_id: fields.parent_instance_id,
            input: fields.input,
            // Zero means, like a missing value, that the host has no long-timer support to respect.
            max_timer: fields.max_timer.filter(|m| *m > TimeDelta::zero()),
            has_locks: schema >= SchemaVersion::V4,
            http_poll_delay: TimeDelta::milliseconds(fields.http_poll_delay.unwrap_or(HTTP_POLL_DELAY).max(0)),
            trace: None,
            source: Source::Json(payload),
            later: OnceCell::new(),
        };
        Ok(Self { history, schema })
    }
}

/// What the visitor collects.
#[derive(Default)]
struct Collected {
    events: Option<Vec<Event>>,
    name: Span,
    version: Span,
    input: Span,
    instance_id: Option<String>,
    parent_instance_id: Option<String>,
    upper_schema: i64,
    upper_schema_new: i64,
    max_timer: Option<TimeDelta>,
    /// In milliseconds.
    http_poll_delay: Option<i64>,
}

/// Members of the payload and of its events, told apart without allocating.
enum Key {
    History,
    Input,
    InstanceId,
    ParentInstanceId,
    UpperSchemaVersion,
    UpperSchemaVersionNew,
    MaximumShortTimerDuration,
    HttpPollDelay,
    EventType,
    EventId,
    Timestamp,
    Name,
    Version,
    EventInput,
    EventInstanceId,
    Result,
    TaskScheduledId,
    TimerId,
    FireAt,
    Reason,
    Details,
    FailureDetails,
    Unknown,
}

impl<'de> serde::Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl Visitor<'_> for KeyVisitor {
            type Value = Key;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member name")
            }

            fn visit_str<E>(self, name: &str) -> Result<Key, E> {
                Ok(match name {
                    "history" => Key::History,
                    "input" => Key::Input,
                    "instanceId" => Key::InstanceId,
                    "parentInstanceId" => Key::ParentInstanceId,
                    "upperSchemaVersion" => Key::UpperSchemaVersion,
                    "upperSchemaVersionNew" => Key::UpperSchemaVersionNew,
                    "maximumShortTimerDuration" => Key::MaximumShortTimerDuration,
                    // Misspelt on the wire.
                    "defaultHttpAsyncRequestSleepTimeMillseconds" => Key::HttpPollDelay,
                    "EventType" => Key::EventType,
                    "EventId" => Key::EventId,
                    "Timestamp" => Key::Timestamp,
                    "Name" => Key::Name,
                    "Version" => Key::Version,
                    "Input" => Key::EventInput,
                    "InstanceId" => Key::EventInstanceId,
                    "Result" => Key::Result,
                    "TaskScheduledId" => Key::TaskScheduledId,
                    "TimerId" => Key::TimerId,
                    "FireAt" => Key::FireAt,
                    "Reason" => Key::Reason,
                    "Details" => Key::Details,
                    "FailureDetails" => Key::FailureDetails,
                    _ => Key::Unknown,
                })
            }
        }
        deserializer.deserialize_identifier(KeyVisitor)
    }
}

struct Fields<'a> {
    whole: &'a str,
}

impl<'de> DeserializeSeed<'de> for Fields<'de> {
    type Value = Collected;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Collected, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Fields<'de> {
    type Value = Collected;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `history`, `input` and `instanceId`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Collected, A::Error> {
        let mut found = Collected::default();
        while let Some(key) = map.next_key()? {
            match key {
                Key::History => {
                    let events = Events {
                        whole: self.whole,
                        started: &mut found,
                    };
                    found.events = Some(map.next_value_seed(events)?);
                }
                Key::Input => found.input = Span::of(self.whole.as_bytes(), raw(&mut map)?.as_bytes()),
                Key::InstanceId => found.instance_id = map.next_value()?,
                Key::ParentInstanceId => found.parent_instance_id = map.next_value()?,
                Key::UpperSchemaVersion => found.upper_schema = map.next_value::<Integer>()?.0.unwrap_or(0),
                Key::UpperSchemaVersionNew => found.upper_schema_new = map.next_value::<Integer>()?.0.unwrap_or(0),
                Key::MaximumShortTimerDuration => found.max_timer = parse_time_span(raw(&mut map)?.trim_matches('"')),
                Key::HttpPollDelay => found.http_poll_delay = map.next_value::<Integer>()?.0,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(found)
    }
}

fn raw<'de, A: MapAccess<'de>>(map: &mut A) -> Result<&'de str, A::Error> {
    Ok(map.next_value::<&'de RawValue>()?.get())
}

/// A whole number; anything else is none.
struct Integer(Option<i64>);

impl<'de> serde::Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IntegerVisitor).map(Self)
    }
}

struct IntegerVisitor;

impl<'de> Visitor<'de> for IntegerVisitor {
    type Value = Option<i64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_i64<E>(self, number: i64) -> Result<Option<i64>, E> {
        Ok(Some(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Option<i64>, E> {
        Ok(i64::try_from(number).ok())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Option<i64>, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Option<i64>, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Option<i64>, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Option<i64>, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Option<i64>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<i64>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

struct Events<'a, 'c> {
    whole: &'a str,
    started: &'c mut Collected,
}

impl<'de> DeserializeSeed<'de> for Events<'de, '_> {
    type Value = Vec<Event>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Events<'de, '_> {
    type Value = Vec<Event>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of history events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        // An event of an indented payload takes some 160 bytes; too much is not touched, too little grows.
        let mut events = Vec::with_capacity(self.whole.len() / 192);
        while let Some(event) = seq.next_element_seed(EventSeed {
            whole: self.whole,
            started: self.started,
        })? {
            events.push(event);
        }
        Ok(events)
    }
}

struct EventSeed<'a, 'c> {
    whole: &'a str,
    started: &'c mut Collected,
}

impl<'de> DeserializeSeed<'de> for EventSeed<'de, '_> {
    type Value = Event;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Event, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for EventSeed<'de, '_> {
    type Value = Event;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a history event")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Event, A::Error> {
        let mut kind = None;
        let mut event_id = None;
        let mut answered = None;
        let (mut timestamp, mut fire_at) = ("", "");
        let (mut name, mut version, mut input, mut instance, mut result) = ("", "", "", "", "");
        let (mut reason, mut details, mut failure) = ("", "", "");
        while let Some(key) = map.next_key()? {
            match key {
                Key::EventType => kind = map.next_value::<Integer>()?.0,
                Key::EventId => event_id = map.next_value::<Integer>()?.0,
                Key::TaskScheduledId | Key::TimerId => answered = map.next_value::<Integer>()?.0,
                Key::Timestamp => timestamp = raw(&mut map)?,
                Key::FireAt => fire_at = raw(&mut map)?,
                Key::Name => name = raw(&mut map)?,
                Key::Version => version = raw(&mut map)?,
                Key::EventInput => input = raw(&mut map)?,
                Key::EventInstanceId => instance = raw(&mut map)?,
                Key::Result => result = raw(&mut map)?,
                Key::Reason => reason = raw(&mut map)?,
                Key::Details => details = raw(&mut map)?,
                Key::FailureDetails => failure = raw(&mut map)?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let span = |part: &str| {
            if part.is_empty() {
                Span::default()
            } else {
                Span::of(self.whole.as_bytes(), part.as_bytes())
            }
        };
        let id = |number: Option<i64>| number.and_then(|n| u32::try_from(n).ok());
        let scheduled = |kind| {
            id(event_id).map_or(Event::Other, |id| Event::Scheduled {
                kind,
                id,
                name: span(name),
                instance: span(instance),
                fire_at: parse_instant(fire_at.trim_matches('"')),
            })
        };
        let completed = |kind| {
            id(answered).map_or(Event::Other, |id| Event::Completed {
                kind,
                id,
                result: span(result),
            })
        };
        let failed = |kind| {
            id(answered).map_or(Event::Other, |id| Event::Failed {
                kind,
                id,
                reason: span(reason),
                details: span(details),
                failure: span(failure),
            })
        };
        // Numbers of the events: DurableTask.Core's EventType.
        Ok(match kind {
            Some(12) => Event::OrchestratorStarted(
                parse_instant(timestamp.trim_matches('"'))
                    .ok_or_else(|| A::Error::custom("an OrchestratorStarted event has no readable Timestamp"))?,
            ),
            Some(0) => {
                self.started.name = span(name);
                self.started.version = span(version);
                Event::ExecutionStarted
            }
            Some(4) => scheduled(ScheduledKind::Activity),
            Some(5) => completed(ScheduledKind::Activity),
            Some(6) => failed(ScheduledKind::Activity),
            Some(7) => scheduled(ScheduledKind::SubOrchestration),
            Some(8) => completed(ScheduledKind::SubOrchestration),
            Some(9) => failed(ScheduledKind::SubOrchestration),
            Some(10) => scheduled(ScheduledKind::Timer),
            Some(11) => completed(ScheduledKind::Timer),
            Some(14) => id(event_id).map_or(Event::Other, |id| Event::Sent {
                id,
                target: span(instance),
                name: span(name),
                request: span(input),
            }),
            Some(15) => Event::Raised {
                name: span(name),
                input: span(input),
            },
            Some(1 | 16) => Event::Ended,
            Some(19) => Event::Suspended,
            Some(20) => Event::Resumed,
            Some(2 | 3 | 13 | 17 | 18 | 21) => Event::Other,
            Some(unknown) => {
                log::debug!("a history event of the unknown type {unknown} is ignored");
                Event::Other
            }
            None => Event::Other,
        })
    }
}
