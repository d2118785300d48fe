//! History events as JSON: the shape that workers are given, which is also the form that the store keeps.

use std::{
    borrow::Cow,
    fmt::{self, Write},
};

use azure_functions_durable::TraceContext;
use chrono::{DateTime, Utc};
use serde::{
    Deserialize,
    de::{Deserializer, SeqAccess, Visitor},
};
use serde_json::{Value, value::RawValue};

use super::{EntityEvent, Event, EventKind, ExecutionEnd, ExecutionStarted, Failure, ParentLink, Tags};
use crate::durable::engine::{
    failure_details::FailureDetails,
    runtime_status::RuntimeStatus,
    time::{parse_time, write_time},
    trace::{ExecutionTrace, context_of_json, context_to_json},
};

/// Stored history that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum EventError {
    /// Not the JSON that the engine writes.
    #[error("a stored history event is not valid: {0}")]
    Json(#[from] serde_json::Error),
    /// A member is missing or of the wrong kind.
    #[error("a stored history event of type {event_type} has no usable {member}")]
    Member {
        /// Number of the event type.
        event_type: i32,
        /// Name of the member.
        member: &'static str,
    },
}

impl Event {
    /// Appends the wire JSON, which is the stored form, too. `played`: the event was committed before this episode;
    /// only events that the instance *received* are then flagged, as the extension does.
    pub(crate) fn write_json(&self, played: bool, out: &mut String) {
        if let EventKind::Unknown { json, .. } = &self.kind {
            out.push_str(json);
            return;
        }
        let mut members = Members::new(out);
        self.kind.write_members(&mut members);
        members.number("EventId", self.event_id);
        members.raw(
            "IsPlayed",
            if played && self.kind.is_received() {
                "true"
            } else {
                "false"
            },
        );
        members.time("Timestamp", Some(self.timestamp));
        members.number("EventType", self.kind.number());
        out.push('}');
    }

    /// Reads one event of the stored form.
    pub(crate) fn parse(json: &str) -> Result<Self, EventError> {
        serde_json::from_str::<RawEvent<'_>>(json)?.into_event(json)
    }
}

/// Appends events separated by commas: what stands between the brackets of the payload's `history`.
pub(crate) fn write_events<'a>(events: impl IntoIterator<Item = &'a Event>, played: bool, out: &mut String) {
    for (index, event) in events.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        event.write_json(played, out);
    }
}

/// Reads what `write_events` wrote: events separated by commas, without brackets. Several such texts may be joined
/// with commas before.
pub(crate) fn parse_events(list: &str) -> Result<Vec<Event>, EventError> {
    let mut text = String::with_capacity(list.len() + 2);
    text.push('[');
    text.push_str(list);
    text.push(']');
    if let Some(events) = serde_json::Deserializer::from_str(&text).deserialize_seq(KnownEvents)? {
        return events;
    }
    // Unknown ones are kept as they are, so each needs its own text.
    let raw: Vec<&RawValue> = serde_json::from_str(&text)?;
    raw.into_iter().map(|raw| Event::parse(raw.get())).collect()
}

/// Those events of a damaged list that can be read.
pub(crate) fn readable_events(list: &str) -> Vec<Event> {
    let text = format!("[{list}]");
    let raw: Vec<&RawValue> = serde_json::from_str(&text).unwrap_or_default();
    raw.into_iter().filter_map(|raw| Event::parse(raw.get()).ok()).collect()
}

/// Reads events one by one, as long as their types are known.
struct KnownEvents;

impl<'t> Visitor<'t> for KnownEvents {
    type Value = Option<Result<Vec<Event>, EventError>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of history events")
    }

    fn visit_seq<S: SeqAccess<'t>>(self, mut seq: S) -> Result<Self::Value, S::Error> {
        let mut events = Vec::new();
        let mut known = true;
        let mut broken = None;
        // The array must be read to its end.
        while let Some(raw) = seq.next_element::<RawEvent<'_>>()? {
            known &= raw.is_known();
            if known && broken.is_none() {
                match raw.into_event("") {
                    Ok(event) => events.push(event),
                    Err(error) => broken = Some(error),
                }
            }
        }
        Ok(known.then_some(broken.map_or(Ok(events), Err)))
    }
}

fn write_failure(failure: Option<&FailureDetails>, out: &mut Members<'_>) {
    match failure {
        Some(failure) => out.raw("FailureDetails", &failure.to_json()),
        None => out.raw("FailureDetails", "null"),
    }
}

impl EventKind {
    fn write_members(&self, out: &mut Members<'_>) {
        match self {
            Self::ExecutionStarted(started) => started.write_members(out),
            Self::ExecutionCompleted(end) | Self::ContinueAsNew(end) => {
                out.number("OrchestrationStatus", end.status.number());
                out.text("Result", end.result.as_deref());
                write_failure(end.failure.as_deref(), out);
            }
            Self::ExecutionTerminated { reason, recurse } => {
                out.text("Input", Some(reason));
                // A member of ours: the extension cannot do it.
                if *recurse {
                    out.raw("Recurse", "true");
                }
            }
            Self::TaskScheduled {
                name,
                version,
                input,
                tags,
                trace,
            } => {
                out.text("Name", Some(name));
                out.text("Version", version.as_deref());
                out.text("Input", input.as_deref());
                out.trace(trace.as_deref().map(context_to_json).as_deref());
                out.tags(tags);
            }
            Self::TaskCompleted { task_id, result } | Self::SubOrchestrationCompleted { task_id, result } => {
                out.number("TaskScheduledId", *task_id);
                out.text("Result", result.as_deref());
            }
            Self::TaskFailed { task_id, failure } | Self::SubOrchestrationFailed { task_id, failure } => {
                out.number("TaskScheduledId", *task_id);
                out.text("Reason", Some(&failure.reason));
                out.text("Details", Some(&failure.details));
                write_failure(failure.cause.as_deref(), out);
            }
            Self::SubOrchestrationCreated {
                name,
                version,
                instance_id,
                input,
                trace,
            } => {
                out.text("Name", Some(name));
                out.text("Version", version.as_deref());
                out.text("InstanceId", Some(instance_id));
                out.text("Input", input.as_deref());
                out.raw("ClientSpanId", "null");
                // A member of ours: the extension keeps no more than the id of the span.
                if let Some(trace) = trace {
                    out.raw("ParentTraceContext", &context_to_json(trace));
                }
                out.raw("Tags", "null");
            }
            Self::TimerCreated { fire_at } => out.time("FireAt", Some(*fire_at)),
            Self::TimerFired { timer_id, fire_at } => {
                out.number("TimerId", *timer_id);
                out.time("FireAt", Some(*fire_at));
            }
            Self::OrchestratorStarted | Self::OrchestratorCompleted | Self::Unknown { .. } => {}
            Self::EventSent {
                instance_id,
                name,
                input,
            } => {
                out.text("InstanceId", Some(instance_id));
                out.text("Name", Some(name));
                out.text("Input", input.as_deref());
            }
            Self::EventRaised { name, input } => {
                out.text("Name", Some(name));
                out.text("Input", input.as_deref());
                out.raw("ParentTraceContext", "null");
            }
            Self::Entity(entity) => out.raw("Entity", &entity.to_json()),
            Self::Generic { data } => out.text("Data", data.as_deref()),
            Self::ExecutionSuspended { reason }
            | Self::ExecutionResumed { reason }
            | Self::ExecutionRewound { reason } => {
                out.text("Reason", Some(reason));
            }
        }
    }
}

impl ExecutionStarted {
    fn write_members(&self, out: &mut Members<'_>) {
        out.object("OrchestrationInstance", |out| {
            out.text("InstanceId", Some(&self.instance_id));
            out.text("ExecutionId", Some(&self.execution_id));
        });
        match &self.parent {
            None => out.raw("ParentInstance", "null"),
            Some(parent) => out.object("ParentInstance", |out| {
                out.text("Name", Some(&parent.name));
                out.object("OrchestrationInstance", |out| {
                    out.text("InstanceId", Some(&parent.instance_id));
                    out.text("ExecutionId", Some(&parent.execution_id));
                });
                out.number("TaskScheduleId", parent.task_id);
                out.text("Version", parent.version.as_deref());
            }),
        }
        out.text("Name", Some(&self.name));
        out.text("Version", self.version.as_deref());
        out.text("Input", self.input.as_deref());
        out.tags(&self.tags);
        out.raw("Correlation", "null");
        out.trace(self.trace.as_ref().map(ExecutionTrace::to_json).as_deref());
        out.time("ScheduledStartTime", self.scheduled_start);
        out.number("Generation", self.generation);
        out.raw("GenerateNewTrace", "false");
    }
}

/// Writes the members of one JSON object.
struct Members<'a> {
    out: &'a mut String,
    first: bool,
}

impl<'a> Members<'a> {
    fn new(out: &'a mut String) -> Self {
        out.push('{');
        Self { out, first: true }
    }

    fn key(&mut self, key: &str) {
        self.separate();
        self.out.push('"');
        self.out.push_str(key);
        self.out.push_str("\":");
    }

    /// A key in its quotes.
    fn raw_key(&mut self, key: &str) {
        self.separate();
        self.out.push_str(key);
        self.out.push(':');
    }

    fn separate(&mut self) {
        if !self.first {
            self.out.push(',');
        }
        self.first = false;
    }

    fn raw(&mut self, key: &str, json: &str) {
        self.key(key);
        self.out.push_str(json);
    }

    fn number(&mut self, key: &str, value: i32) {
        self.key(key);
        // Writing to a String cannot fail.
        let _ = write!(self.out, "{value}");
    }

    fn text(&mut self, key: &str, value: Option<&str>) {
        self.key(key);
        match value {
            Some(value) => write_string(value, self.out),
            None => self.out.push_str("null"),
        }
    }

    fn tags(&mut self, tags: &Tags) {
        if tags.is_empty() {
            return self.raw("Tags", "null");
        }
        self.object("Tags", |out| {
            for (name, value) in tags {
                // A name of the app, not of the protocol.
                let name = json_string(name);
                out.raw_key(&name);
                write_string(value, out.out);
            }
        });
    }

    fn trace(&mut self, json: Option<&str>) {
        self.raw("ParentTraceContext", json.unwrap_or("null"));
    }

    fn time(&mut self, key: &str, value: Option<DateTime<Utc>>) {
        self.key(key);
        match value {
            Some(value) => {
                self.out.push('"');
                write_time(value, self.out);
                self.out.push('"');
            }
            None => self.out.push_str("null"),
        }
    }

    fn object(&mut self, key: &str, members: impl FnOnce(&mut Members<'_>)) {
        self.key(key);
        members(&mut Members::new(self.out));
        self.out.push('}');
    }
}

/// Appends a JSON string.
pub(crate) fn write_string(text: &str, out: &mut String) {
    out.push('"');
    let mut plain = 0;
    for (index, byte) in text.bytes().enumerate() {
        // Only ASCII needs escaping, so the slices below end on character boundaries.
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..=0x1f => "",
            _ => continue,
        };
        out.push_str(&text[plain..index]);
        plain = index + 1;
        if escape.is_empty() {
            let _ = write!(out, "\\u{byte:04x}");
        } else {
            out.push_str(escape);
        }
    }
    out.push_str(&text[plain..]);
    out.push('"');
}

/// A JSON string.
pub(crate) fn json_string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    write_string(text, &mut out);
    out
}

/// All members of all events; which ones are there depends on the type.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawEvent<'t> {
    event_type: i32,
    event_id: i32,
    #[serde(borrow)]
    timestamp: Cow<'t, str>,
    #[serde(default)]
    orchestration_instance: Option<RawInstance>,
    #[serde(default)]
    parent_instance: Option<RawParent>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    input: Option<String>,
    #[serde(default)]
    result: Option<String>,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    details: Option<String>,
    #[serde(default)]
    data: Option<String>,
    #[serde(default)]
    instance_id: Option<String>,
    #[serde(default)]
    task_scheduled_id: Option<i32>,
    #[serde(default)]
    timer_id: Option<i32>,
    #[serde(default)]
    fire_at: Option<String>,
    #[serde(default)]
    scheduled_start_time: Option<String>,
    #[serde(default)]
    generation: Option<i32>,
    recurse: Option<bool>,
    #[serde(default)]
    orchestration_status: Option<i32>,
    #[serde(default)]
    failure_details: Option<Box<FailureDetails>>,
    #[serde(default)]
    tags: Option<Tags>,
    #[serde(default)]
    entity: Option<Box<EntityEvent>>,
    /// What it says is worth no history: a malformed one is none.
    #[serde(default)]
    parent_trace_context: Option<Box<Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawInstance {
    instance_id: String,
    execution_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawParent {
    name: String,
    orchestration_instance: RawInstance,
    task_schedule_id: i32,
    version: Option<String>,
}

fn context(json: Option<&Value>) -> Option<Box<TraceContext>> {
    json.and_then(context_of_json).map(Box::new)
}

impl RawEvent<'_> {
    fn is_known(&self) -> bool {
        matches!(self.event_type, 0 | 1 | 3..=17 | 19..=21 | 23..=29)
    }

    fn into_event(self, json: &str) -> Result<Event, EventError> {
        let event_type = self.event_type;
        let timestamp = parse_time(&self.timestamp).ok_or(EventError::Member {
            event_type,
            member: "Timestamp",
        })?;
        Ok(Event {
            event_id: self.event_id,
            timestamp,
            kind: self.into_kind(json)?,
        })
    }

    fn into_kind(self, json: &str) -> Result<EventKind, EventError> {
        let event_type = self.event_type;
        let missing = |member| EventError::Member { event_type, member };
        let failure = Failure {
            reason: self.reason.unwrap_or_default(),
            details: self.details.unwrap_or_default(),
            cause: self.failure_details,
        };
        let tags = self.tags.unwrap_or_default();
        let task = self.task_scheduled_id.ok_or(missing("TaskScheduledId"));
        let name = self.name.ok_or(missing("Name"));
        let fire_at = self.fire_at.as_deref().and_then(parse_time).ok_or(missing("FireAt"));
        let status = self.orchestration_status.and_then(RuntimeStatus::from_number);
        let end = status.map(|status| ExecutionEnd {
            status,
            result: self.result.clone(),
            failure: failure.cause.clone(),
        });
        let end = end.ok_or(missing("OrchestrationStatus"));
        Ok(match event_type {
            0 => {
                let instance = self.orchestration_instance.ok_or(missing("OrchestrationInstance"))?;
                EventKind::ExecutionStarted(Box::new(ExecutionStarted {
                    instance_id: instance.instance_id,
                    execution_id: instance.execution_id,
                    name: name?,
                    version: self.version,
                    input: self.input,
                    parent: self.parent_instance.map(|parent| ParentLink {
                        name: parent.name,
                        instance_id: parent.orchestration_instance.instance_id,
                        execution_id: parent.orchestration_instance.execution_id,
                        task_id: parent.task_schedule_id,
                        version: parent.version,
                    }),
                    scheduled_start: self.scheduled_start_time.as_deref().and_then(parse_time),
                    generation: self.generation.unwrap_or(0),
                    tags,
                    trace: self.parent_trace_context.as_deref().and_then(ExecutionTrace::of_json),
                }))
            }
            1 => EventKind::ExecutionCompleted(end?),
            3 => EventKind::ExecutionTerminated {
                reason: self.input.unwrap_or_default(),
                recurse: self.recurse.unwrap_or(false),
            },
            4 => EventKind::TaskScheduled {
                name: name?,
                version: self.version,
                input: self.input,
                tags,
                trace: context(self.parent_trace_context.as_deref()),
            },
            5 => EventKind::TaskCompleted {
                task_id: task?,
                result: self.result,
            },
            6 => EventKind::TaskFailed {
                task_id: task?,
                failure,
            },
            7 => EventKind::SubOrchestrationCreated {
                name: name?,
                version: self.version,
                instance_id: self.instance_id.ok_or(missing("InstanceId"))?,
                input: self.input,
                trace: context(self.parent_trace_context.as_deref()),
            },
            8 => EventKind::SubOrchestrationCompleted {
                task_id: task?,
                result: self.result,
            },
            9 => EventKind::SubOrchestrationFailed {
                task_id: task?,
                failure,
            },
            10 => EventKind::TimerCreated { fire_at: fire_at? },
            11 => EventKind::TimerFired {
                timer_id: self.timer_id.ok_or(missing("TimerId"))?,
                fire_at: fire_at?,
            },
            12 => EventKind::OrchestratorStarted,
            13 => EventKind::OrchestratorCompleted,
            14 => EventKind::EventSent {
                instance_id: self.instance_id.ok_or(missing("InstanceId"))?,
                name: name?,
                input: self.input,
            },
            15 => EventKind::EventRaised {
                name: name?,
                input: self.input,
            },
            16 => EventKind::ContinueAsNew(end?),
            17 => EventKind::Generic { data: self.data },
            19 => EventKind::ExecutionSuspended { reason: failure.reason },
            20 => EventKind::ExecutionResumed { reason: failure.reason },
            21 => EventKind::ExecutionRewound { reason: failure.reason },
            23..=29 => EventKind::Entity(self.entity.ok_or(missing("Entity"))?),
            _ => EventKind::Unknown {
                event_type,
                json: json.to_owned(),
            },
        })
    }
}
