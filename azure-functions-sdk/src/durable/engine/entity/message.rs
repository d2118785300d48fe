//! What entities are told, and what they tell orchestrations. The JSON is that of the durable protocol; it stands in the
//! history of the sender and is also what the store keeps.

use azure_functions_durable::TraceContext;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::EntityId;
use crate::durable::engine::{
    event::{EntityEvent, EventKind, write_string},
    failure_details::FailureDetails,
    message::{Message, Outgoing},
    time::{parse_time, write_time},
    trace::kept,
};

/// A message to an entity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", content = "input", rename_all = "lowercase")]
pub(crate) enum EntityMessage {
    /// An operation, or the request of a lock.
    Op(Request),
    /// The end of a lock.
    Release(Release),
}

/// An operation to run, or a lock to get.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    /// The operation; `None`: a lock is asked for.
    #[serde(default)]
    pub(crate) op: Option<String>,
    /// Nobody waits for an answer.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) signal: bool,
    /// JSON text.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) input: Option<String>,
    /// No other request of its sender has it; the answer is an event of this name.
    pub(crate) id: String,
    /// Instance or entity that asks; `None`: a client.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) parent: Option<String>,
    /// Its execution: the answer is for no other.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) parent_execution: Option<String>,
    /// Not to run before.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) due: Option<String>,
    /// Of a lock: all that are locked with it, in the order in which they are.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) lockset: Vec<EntityId>,
    /// How the answer is told.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) reply: Reply,
    /// Of a lock: whose turn it is.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) pos: usize,
    /// The trace that the operation is run in.
    #[serde(
        default,
        rename = "parentTraceContext",
        with = "kept",
        skip_serializing_if = "is_default"
    )]
    pub(crate) trace: Option<TraceContext>,
}

/// One request, however often it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Identity<'a> {
    parent: Option<&'a str>,
    parent_execution: Option<&'a str>,
    id: &'a str,
    is_lock: bool,
}

/// How the one who asks hears the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Reply {
    /// As an event, with the text of a failure: on the JSON wire.
    #[default]
    Text,
    /// As an event, with the details of a failure: on the wires of protobuf.
    Details,
    /// As a message of its own kind: to workers that have sent one.
    Message,
}

/// The end of a lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Release {
    /// Instance that had it.
    pub(crate) parent: String,
    /// Its request.
    pub(crate) id: String,
}

/// A message on its way to an entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Posted {
    /// Whom to tell.
    pub(crate) target: EntityId,
    /// What.
    pub(crate) message: EntityMessage,
    /// Not before.
    pub(crate) due: Option<DateTime<Utc>>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl EntityMessage {
    /// The stored form.
    pub(crate) fn to_json(&self) -> String {
        // Strings, booleans and numbers have a JSON form.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads the stored form.
    pub(crate) fn parse(json: &str) -> serde_json::Result<Self> {
        serde_json::from_str(json)
    }
}

impl Request {
    /// True if it asks for a lock.
    pub(crate) fn is_lock(&self) -> bool {
        self.op.is_none()
    }

    /// What tells a request from all others: ids are the senders', and two senders may use the same.
    pub(super) fn identity(&self) -> Identity<'_> {
        Identity {
            parent: self.parent.as_deref(),
            parent_execution: self.parent_execution.as_deref(),
            id: &self.id,
            is_lock: self.is_lock(),
        }
    }

    /// The JSON that stands in the history of the sender.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// A signal; `parent`: the instance or entity that sends it.
    pub(crate) fn signal(op: String, input: Option<String>, id: String, parent: Option<String>) -> Self {
        Self {
            op: Some(op),
            signal: true,
            input,
            id,
            parent,
            parent_execution: None,
            due: None,
            lockset: Vec::new(),
            reply: Reply::Text,
            pos: 0,
            trace: None,
        }
    }

    /// What the release of this lock says.
    pub(crate) fn release(&self) -> Release {
        Release {
            parent: self.parent.clone().unwrap_or_default(),
            id: self.id.clone(),
        }
    }

    /// The one that is locked after this one.
    pub(crate) fn next(&self) -> Option<&EntityId> {
        self.lockset.get(self.pos.checked_add(1)?)
    }
}

impl Release {
    /// The JSON that stands in the history of the sender.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Name of the event that carries a request.
pub(crate) fn event_name(due: Option<DateTime<Utc>>) -> String {
    let Some(due) = due else { return "op".to_owned() };
    let mut name = String::from("op@");
    write_time(due, &mut name);
    // Always with seven digits here.
    if let Some(stem) = name.strip_suffix('Z') {
        let digits = stem.rsplit_once('.').map_or(0, |(_, digits)| digits.len());
        let point = if digits == 0 { "." } else { "" };
        name = format!("{stem}{point}{}Z", "0".repeat(7_usize.saturating_sub(digits)));
    }
    name
}

/// When a message of this name is due. An error: it is no message to an entity.
pub(crate) fn due_of(name: &str) -> Result<Option<DateTime<Utc>>, ()> {
    match name.strip_prefix("op").ok_or(())? {
        "" => Ok(None),
        due => due.strip_prefix('@').and_then(parse_time).map(Some).ok_or(()),
    }
}

/// The answer to a call, for its caller; a client, an entity or a signal waits for none. `result` is JSON text.
pub(crate) fn response(request: &Request, now: DateTime<Utc>, result: &str, is_error: bool) -> Option<Outgoing> {
    let details = is_error.then(|| {
        let text = serde_json::from_str::<String>(result);
        FailureDetails::of_text(text.as_deref().unwrap_or(result))
    });
    respond(request, now, Some(result), details.as_ref())
}

/// The answer to a call: its result, or why it failed, which callers on the JSON wire are told as the result.
pub(super) fn respond(
    request: &Request,
    now: DateTime<Utc>,
    result: Option<&str>,
    failure: Option<&FailureDetails>,
) -> Option<Outgoing> {
    if request.signal {
        return None;
    }
    if request.reply == Reply::Message {
        let request_id = request.id.clone();
        let event = match failure {
            None => EntityEvent::Completed {
                request_id,
                result: result.map(str::to_owned),
            },
            Some(failure) => EntityEvent::Failed {
                request_id,
                failure_details: Box::new(failure.clone()),
            },
        };
        return answer(request, now, EventKind::Entity(Box::new(event)));
    }
    let details = request.reply == Reply::Details;
    let mut input = String::from("{\"result\":");
    match result {
        Some(result) if !details || failure.is_none() => write_string(result, &mut input),
        // The text that workers of the JSON wire answer with.
        None if !details => write_string("null", &mut input),
        _ => input.push_str("null"),
    }
    match failure {
        Some(failure) if details => {
            input.push_str(",\"failureDetails\":");
            input.push_str(&failure.to_json());
        }
        Some(_) => input.push_str(",\"exceptionType\":\"Error\""),
        None => {}
    }
    input.push('}');
    answer(request, now, raised(request, input))
}

/// Tells the orchestration that it has all of its locks.
pub(crate) fn grant(request: &Request, now: DateTime<Utc>) -> Option<Outgoing> {
    let event = match request.reply {
        Reply::Message => EventKind::Entity(Box::new(EntityEvent::LockGranted {
            critical_section_id: request.id.clone(),
        })),
        Reply::Text | Reply::Details => raised(request, "{\"result\":\"Lock Acquisition Completed\"}".to_owned()),
    };
    answer(request, now, event)
}

fn raised(request: &Request, input: String) -> EventKind {
    EventKind::EventRaised {
        name: request.id.to_lowercase(),
        input: Some(input),
    }
}

fn answer(request: &Request, now: DateTime<Utc>, event: EventKind) -> Option<Outgoing> {
    let instance_id = request.parent.clone().filter(|parent| !parent.starts_with('@'))?;
    Some(Outgoing {
        instance_id,
        message: Message::for_execution(request.parent_execution.clone(), now, event),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_read_as_the_protocol_has_them() {
        let signal = Request::signal("add".into(), Some("5".into()), "g".into(), Some("order-7".into()));
        assert_eq!(
            signal.to_json(),
            r#"{"op":"add","signal":true,"input":"5","id":"g","parent":"order-7"}"#
        );
        let lenient = r#"{"$type":"x","op":"left","id":"g","parent":"o","Timestamp":"2031-05-04T10:00:00Z",
            "Predecessor":"0001-01-01T00:00:00"}"#;
        let read: Request = serde_json::from_str(lenient).unwrap();
        assert_eq!(
            (read.op.as_deref(), read.signal, read.is_lock()),
            (Some("left"), false, false)
        );
        let lock: Request = serde_json::from_str(r#"{"op":null,"id":"g","lockset":[{"name":"a","key":"K"}]}"#).unwrap();
        assert!(lock.is_lock());
        for message in [
            EntityMessage::Op(signal),
            EntityMessage::Op(lock.clone()),
            EntityMessage::Release(lock.release()),
        ] {
            assert_eq!(EntityMessage::parse(&message.to_json()).unwrap(), message);
        }
    }

    #[test]
    fn the_name_of_a_delayed_signal_tells_its_time_with_seven_digits() {
        assert_eq!(event_name(None), "op");
        for (time, name) in [
            ("2031-05-04T10:00:00Z", "op@2031-05-04T10:00:00.0000000Z"),
            ("2031-05-04T10:00:00.25Z", "op@2031-05-04T10:00:00.2500000Z"),
            ("2031-05-04T10:00:00.1234567Z", "op@2031-05-04T10:00:00.1234567Z"),
        ] {
            assert_eq!(event_name(Some(time.parse().unwrap())), name);
        }
    }

    #[test]
    fn only_orchestrations_that_wait_are_answered() {
        let now = DateTime::UNIX_EPOCH;
        let mut request = Request::signal("add".into(), None, "AB".into(), Some("order-7".into()));
        assert_eq!(response(&request, now, "5", false), None);
        request.signal = false;
        request.parent_execution = Some("e".into());
        let outgoing = response(&request, now, "\"no\"", true).unwrap();
        assert_eq!(outgoing.instance_id, "order-7");
        assert_eq!(outgoing.message.execution_id.as_deref(), Some("e"));
        assert_eq!(
            outgoing.message.event.kind,
            EventKind::EventRaised {
                name: "ab".into(),
                input: Some(r#"{"result":"\"no\"","exceptionType":"Error"}"#.into())
            }
        );
        request.parent = Some("@other@1".into());
        assert_eq!(response(&request, now, "5", false), None);
    }
}
