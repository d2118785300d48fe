//! An `OrchestratorRequest`, read in one pass straight into the core's history: texts stay where they are in the message.

use super::fields::{Fields, Malformed, Value};
use crate::durable::replay::{
    history::{Event, History, ScheduledKind, Source, Span},
    trace::Trace,
};
use azure_functions_durable::{
    TraceContext,
    protobuf::{self, OrchestrationTraceContext},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::{DateTime, TimeDelta, Utc};
use prost::Message as _;
use prost_types::value::Kind;
use std::{cell::OnceCell, time::Duration};

/// The longest timer: one more than seven days away stalls a whole partition of the extension's storage. Other SDKs take steps of
/// three days, too.
const MAX_TIMER: TimeDelta = TimeDelta::hours(3 * 24);

/// Time between the polls of an HTTP request, if the host does not say: its own default.
const HTTP_POLL_DELAY: TimeDelta = TimeDelta::seconds(30);

/// A request, read.
#[derive(Debug)]
pub(crate) enum Request {
    /// With all that has happened so far.
    Whole { history: Box<History>, turn: Turn },
    /// With what has happened since the last turn, for a worker that has kept the instance.
    New(NewEvents),
}

/// What a request says of its turn.
#[derive(Debug)]
pub(crate) struct Turn {
    /// The instance was terminated; the text is JSON, and may be missing.
    pub(crate) terminated: Option<Span>,
    /// The version that a child has which names none.
    pub(crate) default_version: Option<String>,
    /// In a session of the instance, the next request comes without what this one says. It ends when the instance has been idle for so
    /// long.
    pub(crate) session: Option<Duration>,
    /// Where each event of this turn lies in the message, but the one that begins it.
    pub(crate) events: Vec<Span>,
}

/// The events of a turn.
#[derive(Debug)]
pub(crate) struct NewEvents {
    pub(crate) instance_id: String,
    /// Empty: the host does not say.
    pub(crate) execution_id: String,
    /// What the texts lie in.
    pub(crate) message: Vec<u8>,
    pub(crate) events: Vec<Event>,
    pub(crate) turn: Turn,
}

/// Why a request cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    #[error("the orchestration trigger payload is not base64: {0}")]
    Base64(#[from] base64::DecodeError),
    #[error("the orchestration trigger payload is not the message of a durable orchestration: {0}")]
    Malformed(#[from] Malformed),
    #[error("the history of the orchestration trigger payload has no ExecutionStarted event")]
    NotStarted,
    #[error("the orchestration trigger payload is larger than 4 GiB")]
    TooLarge,
}

/// What the pass collects.
#[derive(Default)]
struct Collected {
    instance_id: String,
    past: Vec<Event>,
    new: Vec<Event>,
    started: bool,
    /// ExecutionStarted is the first event: nothing is left out.
    begins: bool,
    name: Span,
    version: Span,
    input: Span,
    execution_id: String,
    parent_instance_id: Option<String>,
    terminated: Option<Span>,
    new_at: Vec<Span>,
    is_session: bool,
    idle: Option<Duration>,
    http_poll_delay: Option<TimeDelta>,
    default_version: Option<String>,
    without_state: bool,
    trace: Option<TraceContext>,
    kept_trace: Option<OrchestrationTraceContext>,
}

impl Request {
    /// Reads a trigger's text.
    pub(crate) fn parse(text: &str) -> Result<Self, RequestError> {
        Self::read(BASE64_STANDARD.decode(text.trim_ascii())?)
    }

    /// Reads the message itself.
    pub(crate) fn read(message: Vec<u8>) -> Result<Self, RequestError> {
        if u32::try_from(message.len()).is_err() {
            return Err(RequestError::TooLarge);
        }
        let mut found = Collected::default();
        found.read(&message)?;
        let turn = Turn {
            terminated: found.terminated,
            default_version: found.default_version,
            session: found.idle.filter(|idle| found.is_session && !idle.is_zero()),
            events: found.new_at,
        };
        if !found.started && !found.without_state {
            return Err(RequestError::NotStarted);
        }
        // An execution that begins has no earlier events to leave out.
        if found.without_state && !found.begins {
            return Ok(Self::New(NewEvents {
                instance_id: found.instance_id,
                execution_id: found.execution_id,
                message,
                events: found.new,
                turn,
            }));
        }
        let mut events = found.past;
        events.append(&mut found.new);
        Ok(Self::Whole {
            history: Box::new(History {
                source: Source::Protobuf(message),
                events,
                later: OnceCell::new(),
                name: found.name,
                version: found.version,
                instance_id: found.instance_id,
                execution_id: found.execution_id,
                parent_instance_id: found.parent_instance_id,
                input: found.input,
                max_timer: Some(MAX_TIMER),
                has_locks: true,
                http_poll_delay: found.http_poll_delay.unwrap_or(HTTP_POLL_DELAY),
                trace: found.trace.map(|parent| Trace {
                    parent,
                    kept: found.kept_trace,
                    own: None,
                }),
            }),
            turn,
        })
    }
}

/// The id of the instance, which stands at the beginning of a request; empty if it does not. Reads no more than that.
pub(crate) fn instance_id(text: &str) -> String {
    let text = text.trim_ascii().as_bytes();
    // Four signs are three bytes. Most ids are short.
    let found = [4 * 32, 4 * 512].into_iter().find_map(|length| {
        let message = BASE64_STANDARD.decode(&text[..text.len().min(length)]).ok()?;
        // Cut short: then there is more of it.
        Fields(&message).next()?.ok()?;
        Some(first_text(&message).to_owned())
    });
    found.unwrap_or_default()
}

/// The text that a message begins with, which is an id; empty if it begins with something else.
pub(crate) fn first_text(message: &[u8]) -> &str {
    match Fields(message).next() {
        Some(Ok((1, value))) => value.text().unwrap_or_default(),
        _ => "",
    }
}

/// What a request seems to say of a session, by its end, where hosts say so. What the request itself says counts; this only says where
/// and when it is to be read, and looks at so much of it that a long one takes no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SeemingSession {
    /// The host keeps a session for the instance.
    pub(crate) is_in_session: bool,
    /// It has the new events only.
    pub(crate) is_without_history: bool,
}

/// Looks at the end of a request.
pub(crate) fn seeming_session(text: &str) -> SeemingSession {
    let text = text.trim_ascii().as_bytes();
    let end = &text[text.len().saturating_sub(4 * 256)..];
    // Four signs are three bytes.
    let end = &end[end.len() % 4..];
    let message = BASE64_STANDARD.decode(end).unwrap_or_default();
    let flag = |name: &[u8]| {
        let at = message.windows(name.len()).rposition(|part| part == name)?;
        // A message of two bytes, and their field.
        match message[at + name.len()..] {
            [0x12, 2, 0x20, value, ..] => Some(value == 1),
            _ => None,
        }
    };
    let is_in_session = flag(b"IsExtendedSession") == Some(true);
    SeemingSession {
        is_in_session,
        is_without_history: is_in_session && flag(b"IncludeState") == Some(false),
    }
}

impl Collected {
    fn read(&mut self, whole: &[u8]) -> Result<(), Malformed> {
        // An event takes some 30 bytes without its texts; too much is not touched, too little grows.
        self.past.reserve(whole.len() / 32);
        for field in Fields(whole) {
            match field? {
                (1, value) => self.instance_id = value.text()?.to_owned(),
                // What ExecutionStarted says counts more.
                (2, value) if !self.started => self.execution_id = value.wrapped_text()?.to_owned(),
                (3, value) => {
                    let event = self.event(whole, value.bytes())?;
                    self.past.push(event);
                }
                (4, value) => {
                    let event = self.event(whole, value.bytes())?;
                    if matches!(event, Event::ExecutionStarted) {
                        let is_first = self
                            .new
                            .iter()
                            .all(|event| matches!(event, Event::OrchestratorStarted(_)));
                        self.begins = self.past.is_empty() && is_first;
                    }
                    if !matches!(event, Event::OrchestratorStarted(_)) && !value.bytes().is_empty() {
                        self.new_at.push(Span::of(whole, value.bytes()));
                    }
                    self.new.push(event);
                }
                (7, value) => self.property(value.bytes())?,
                // Of a trace, what is malformed is not there: it is no reason not to run.
                (8, value) => self.kept_trace = OrchestrationTraceContext::decode(value.bytes()).ok(),
                _ => {}
            }
        }
        Ok(())
    }

    /// Capitals as the extension writes them.
    fn property(&mut self, entry: &[u8]) -> Result<(), Malformed> {
        match property(entry)? {
            ("HttpDefaultAsyncRequestSleepTimeMilliseconds", Some(Kind::NumberValue(millis))) if millis >= 0.0 => {
                // Saturates.
                self.http_poll_delay = TimeDelta::try_milliseconds(millis as i64);
            }
            ("IncludeState", Some(Kind::BoolValue(included))) => self.without_state = !included,
            ("IsExtendedSession", Some(Kind::BoolValue(is_session))) => self.is_session = is_session,
            ("ExtendedSessionIdleTimeoutInSeconds", Some(Kind::NumberValue(seconds))) => {
                self.idle = Duration::try_from_secs_f64(seconds).ok();
            }
            ("defaultVersion", Some(Kind::StringValue(version))) => self.default_version = Some(version),
            _ => {}
        }
        Ok(())
    }

    fn event(&mut self, whole: &[u8], message: &[u8]) -> Result<Event, Malformed> {
        let (mut id, mut timestamp, mut kind, mut content) = (0, None, 0, Value::Bytes(&[]));
        for field in Fields(message) {
            match field? {
                (1, value) => id = value.number(),
                (2, value) => timestamp = Some(value),
                // What newer hosts add to an event is no kind of event.
                (number @ 3..=30, value @ Value::Bytes(_)) => (kind, content) = (number, value),
                _ => {}
            }
        }
        let content = Content { whole, value: content };
        // What has no id of its own says so with -1.
        let id = u32::try_from(id).ok();
        let scheduled = |kind, name, instance, fire_at| {
            id.map_or(Event::Other, |id| Event::Scheduled {
                kind,
                id,
                name,
                instance,
                fire_at,
            })
        };
        Ok(match kind {
            // An execution starts once.
            3 if self.started => Event::Other,
            3 => {
                self.execution_started(&content)?;
                Event::ExecutionStarted
            }
            4 | 20 => Event::Ended,
            5 => {
                let [reason] = content.fields()?;
                self.terminated = Some(content.wrapped_text(reason)?);
                Event::Other
            }
            6 => {
                let [name] = content.fields()?;
                scheduled(ScheduledKind::Activity, content.text(name)?, Span::default(), None)
            }
            7 => content.completed(ScheduledKind::Activity)?,
            8 => content.failed(ScheduledKind::Activity)?,
            9 => {
                let [instance, name] = content.fields()?;
                let (name, instance) = (content.text(name)?, content.text(instance)?);
                scheduled(ScheduledKind::SubOrchestration, name, instance, None)
            }
            10 => content.completed(ScheduledKind::SubOrchestration)?,
            11 => content.failed(ScheduledKind::SubOrchestration)?,
            12 => {
                let [fire_at] = content.fields()?;
                let fire_at = fire_at.map(Value::instant).transpose()?;
                scheduled(ScheduledKind::Timer, Span::default(), Span::default(), fire_at)
            }
            13 => {
                let [_, id] = content.fields()?;
                action_id(id).map_or(Event::Other, |id| Event::Completed {
                    kind: ScheduledKind::Timer,
                    id,
                    result: Span::default(),
                })
            }
            14 => Event::OrchestratorStarted(match timestamp {
                Some(timestamp) => timestamp.instant()?,
                None => DateTime::<Utc>::UNIX_EPOCH,
            }),
            16 => {
                let [target, name, request] = content.fields()?;
                let (target, name) = (content.text(target)?, content.text(name)?);
                let request = content.wrapped_text(request)?;
                id.map_or(Event::Other, |id| Event::Sent {
                    id,
                    target,
                    name,
                    request,
                })
            }
            17 => {
                let [name, input] = content.fields()?;
                Event::Raised {
                    name: content.text(name)?,
                    input: content.wrapped_text(input)?,
                }
            }
            21 => Event::Suspended,
            22 => Event::Resumed,
            // 15 ends a turn; 18 stands, after a rewind, where the failure was: its id means nothing. The others are of other hosts.
            15 | 18 | 19 | 23..=30 => Event::Other,
            _ => {
                log::debug!("a history event of an unknown type is ignored");
                Event::Other
            }
        })
    }

    fn execution_started(&mut self, content: &Content<'_>) -> Result<(), Malformed> {
        let [name, version, input, instance, parent, _, trace] = content.fields()?;
        self.started = true;
        self.name = content.text(name)?;
        self.version = content.wrapped_text(version)?;
        self.input = content.wrapped_text(input)?;
        self.execution_id = match instance {
            Some(instance) => instance_of(instance)?.1,
            None => String::new(),
        };
        self.trace = trace
            .and_then(|trace| protobuf::TraceContext::decode(trace.bytes()).ok())
            .and_then(|trace| TraceContext::from_message(&trace));
        self.parent_instance_id = match parent {
            Some(parent) => {
                let [_, _, _, instance] = fields(parent)?;
                match instance {
                    Some(instance) => Some(instance_of(instance)?.0).filter(|id| !id.is_empty()),
                    None => None,
                }
            }
            None => None,
        };
        Ok(())
    }
}

/// An entry of a map of `google.protobuf.Value`: its name and its value.
pub(super) fn property(entry: &[u8]) -> Result<(&str, Option<Kind>), Malformed> {
    let (mut name, mut value) = ("", [].as_slice());
    for field in Fields(entry) {
        match field? {
            (1, key) => name = key.text()?,
            (2, given) => value = given.bytes(),
            _ => {}
        }
    }
    let kind = prost_types::Value::decode(value).ok().and_then(|value| value.kind);
    Ok((name, kind))
}

/// The instance and the execution of an `OrchestrationInstance`.
fn instance_of(value: Value<'_>) -> Result<(String, String), Malformed> {
    let (mut instance, mut execution) = ("", "");
    for field in Fields(value.bytes()) {
        match field? {
            (1, value) => instance = value.text()?,
            (2, value) => execution = value.wrapped_text()?,
            _ => {}
        }
    }
    Ok((instance.to_owned(), execution.to_owned()))
}

/// The fields 1 to `N` of a message, read in one pass; the last one of each number, if it repeats.
fn fields<const N: usize>(message: Value<'_>) -> Result<[Option<Value<'_>>; N], Malformed> {
    let mut found = [None; N];
    for field in Fields(message.bytes()) {
        let (number, value) = field?;
        let place = usize::try_from(number - 1).ok();
        if let Some(place) = place.and_then(|place| found.get_mut(place)) {
            *place = Some(value);
        }
    }
    Ok(found)
}

/// The id of an action. The first one is zero, and not on the wire.
fn action_id(value: Option<Value<'_>>) -> Option<u32> {
    u32::try_from(value.map_or(0, Value::number)).ok()
}

/// What an event says, a message of its own.
struct Content<'a> {
    whole: &'a [u8],
    value: Value<'a>,
}

impl<'a> Content<'a> {
    fn fields<const N: usize>(&self) -> Result<[Option<Value<'a>>; N], Malformed> {
        fields(self.value)
    }

    fn text(&self, value: Option<Value<'_>>) -> Result<Span, Malformed> {
        value.map_or(Ok(Span::default()), |value| Ok(self.span(value.text()?.as_bytes())))
    }

    fn wrapped_text(&self, value: Option<Value<'_>>) -> Result<Span, Malformed> {
        value.map_or(Ok(Span::default()), |value| {
            Ok(self.span(value.wrapped_text()?.as_bytes()))
        })
    }

    fn completed(&self, kind: ScheduledKind) -> Result<Event, Malformed> {
        let [id, result] = self.fields()?;
        let result = self.wrapped_text(result)?;
        Ok(action_id(id).map_or(Event::Other, |id| Event::Completed { kind, id, result }))
    }

    /// The details of a failure may be missing.
    fn failed(&self, kind: ScheduledKind) -> Result<Event, Malformed> {
        let [id, failure] = self.fields()?;
        let failure = failure.unwrap_or(Value::Bytes(&[]));
        let [_, reason] = fields(failure)?;
        let reason = self.text(reason)?;
        Ok(action_id(id).map_or(Event::Other, |id| Event::Failed {
            kind,
            id,
            reason,
            details: Span::default(),
            failure: self.span(failure.bytes()),
        }))
    }

    fn span(&self, part: &[u8]) -> Span {
        if part.is_empty() {
            return Span::default();
        }
        Span::of(self.whole, part)
    }
}
