//! The orchestrator's answer on the JSON wire: segments written in their shortest equivalent form, so that plain chains
//! and fan-outs look as every other SDK's do, and everything else is still exact for the host's shim.

use super::{http_request, payload::SchemaVersion, time::write_instant};
use crate::durable::replay::{
    action::ActionKind,
    outcome::{NextExecution, Outcome},
    segment::{Closed, Closer},
    texts::Texts,
};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use std::{fmt::Write, ops::Range};

/// Waits on a name that nobody raises: never settles, takes no id, does not hold the instance.
const NEVER: &str = r#"{"actionType":6,"externalEventName":"azure-functions-rs.never","reason":"ExternalEvent"}"#;
/// Settles when it is issued, takes no id.
const NOOP: &str = r#"{"actionType":12,"compoundActions":[]}"#;
/// Member of a continued input that marks our envelope.
const ENVELOPE: &str = "$azure-functions-rs";

/// How the answer ends.
pub(crate) enum Ending<'a> {
    /// The code waits.
    Waiting,
    /// The code returned, or starts over.
    Done(Option<&'a Value>),
    /// The code failed with this text.
    Failed(&'a str),
}

/// Writes the answer.
pub(crate) fn write(outcome: &Outcome, schema: SchemaVersion, ending: &Ending<'_>) -> String {
    let mut out = String::with_capacity(128 + outcome.actions.len() * 64);
    let done = matches!(ending, Ending::Done(_));
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        r#"{{"isDone":{done},"schemaVersion":{},"actions":[["#,
        schema as u8
    );
    let mut list = List {
        outcome,
        out,
        comma: false,
    };
    for segment in &outcome.plan.closed {
        list.closed(segment);
    }
    list.open();
    if let Some(next) = &outcome.continue_as_new {
        list.separator();
        list.out.push_str(r#"{"actionType":4,"input":"#);
        continued_input(&mut list.out, next);
        list.out.push('}');
    }
    let mut out = list.out;
    out.push_str("]]");
    if let Ending::Done(Some(output)) = ending {
        let _ = write!(out, r#","output":{output}"#);
    }
    if let Some(status) = &outcome.custom_status {
        let _ = write!(out, r#","customStatus":{status}"#);
    }
    if let Ending::Failed(error) = ending {
        out.push_str(r#","error":"#);
        string(
            &mut out,
            if error.is_empty() {
                "the orchestration failed without a message"
            } else {
                error
            },
        );
    }
    out.push('}');
    out
}

/// The new input, with what the wire would lose beside it.
fn continued_input(out: &mut String, next: &NextExecution) {
    if next.handed_on.is_empty() {
        out.push_str(&next.input);
        return;
    }
    let _ = write!(out, r#"{{"{ENVELOPE}":{{"events":["#);
    for (i, (name, json)) in next.handed_on.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        out.push_str(r#"{"name":"#);
        string(out, name);
        let _ = write!(out, r#","input":{json}}}"#);
    }
    let _ = write!(out, r#"]}},"input":{}}}"#, next.input);
}

/// The input without our envelope, and what lay in it. Only looks inside if the text can hold one. What lies in it is taken as it
/// stands: it may be as deep as the envelope makes it too deep to be read in one piece.
pub(crate) fn open_envelope(input: &str) -> (Option<String>, Vec<(String, String)>) {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow, rename = "$azure-functions-rs")]
        kept: Kept<'a>,
        #[serde(borrow)]
        input: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Kept<'a> {
        #[serde(borrow)]
        events: Vec<KeptEvent<'a>>,
    }
    #[derive(Deserialize)]
    struct KeptEvent<'a> {
        name: String,
        #[serde(borrow)]
        input: Option<&'a RawValue>,
    }
    if !input.contains(ENVELOPE) {
        return (None, Vec::new());
    }
    let Ok(envelope) = serde_json::from_str::<Envelope<'_>>(input) else {
        return (None, Vec::new());
    };
    let text = |json: Option<&RawValue>| json.map_or("null", RawValue::get).to_owned();
    let events = envelope.kept.events.into_iter();
    let handed_on = events.map(|event| (event.name, text(event.input))).collect();
    (Some(text(envelope.input)), handed_on)
}

struct List<'a> {
    outcome: &'a Outcome,
    out: String,
    comma: bool,
}

impl List<'_> {
    fn separator(&mut self) {
        if self.comma {
            self.out.push(',');
        }
        self.comma = true;
    }

    fn literal(&mut self, json: &str) {
        self.separator();
        self.out.push_str(json);
    }

    /// Opens a compound action; pair with [`Self::close`].
    fn open_compound(&mut self, kind: &str) {
        self.separator();
        let _ = write!(self.out, r#"{{"actionType":{kind},"compoundActions":["#);
        self.comma = false;
    }

    fn close(&mut self) {
        self.out.push_str("]}");
        self.comma = true;
    }

    fn any(&mut self, members: impl FnOnce(&mut Self)) {
        self.open_compound("11");
        members(self);
        self.close();
    }

    fn all(&mut self, members: impl FnOnce(&mut Self)) {
        self.open_compound("12");
        members(self);
        self.close();
    }

    fn settled_by(&self, id: u32, tick: u32) -> bool {
        self.outcome.actions[id as usize].settled_by(tick)
    }

    fn actions(&mut self, ids: Range<u32>, latest: Option<chrono::DateTime<chrono::Utc>>) {
        for id in ids {
            let kind = &self.outcome.actions[id as usize].kind;
            if matches!(kind, ActionKind::ReleaseEntity { first: false, .. }) {
                continue;
            }
            self.separator();
            action(&mut self.out, kind, &self.outcome.texts, latest);
        }
    }

    /// Signals, releases and patch markers at the head of a segment are settled when issued, so the shim may as well take them one
    /// by one.
    fn leading_signals(&mut self, ids: Range<u32>) -> Range<u32> {
        let signals = ids
            .clone()
            .map(|id| &self.outcome.actions[id as usize])
            .take_while(|action| action.kind.is_one_way() || action.kind.is_patch_marker())
            .count();
        let rest = ids.start + u32::try_from(signals).unwrap_or(0)..ids.end;
        self.actions(ids.start..rest.start, None);
        rest
    }

    fn closed(&mut self, segment: &Closed) {
        let members = self.leading_signals(segment.actions.clone());
        let settled = members.clone().all(|id| self.settled_by(id, segment.tick));
        match &segment.closer {
            // Nothing else to issue: waits one after the other say the same.
            Closer::Events { name, waits, .. } if members.is_empty() => self.waits(*name, *waits),
            Closer::Action(_) if members.len() == 1 => self.actions(members, None),
            Closer::Events { name, waits, .. } if settled => self.all(|list| {
                list.actions(members, None);
                list.waits(*name, *waits);
            }),
            Closer::Action(_) if settled => self.all(|list| list.actions(members, None)),
            Closer::Events { name, waits, .. } => self.any(|list| {
                list.bystanders(members, segment.tick);
                if *waits == 1 {
                    list.waits(*name, 1);
                } else {
                    list.all(|list| list.waits(*name, *waits));
                }
            }),
            Closer::Action(closer) => self.any(|list| {
                list.bystanders(members.start..*closer, segment.tick);
                list.actions(*closer..closer + 1, None);
                list.bystanders(closer + 1..members.end, segment.tick);
            }),
        }
    }

    /// Members that must not end the segment: if one of them settles no later than the closer, they are held together
    /// by one that does not.
    fn bystanders(&mut self, ids: Range<u32>, tick: u32) {
        let settled = ids.clone().filter(|id| self.settled_by(*id, tick)).count();
        if settled == 0 {
            self.actions(ids, None);
        } else if settled == ids.len() {
            self.all(|list| {
                list.actions(ids, None);
                list.literal(NEVER);
            });
        } else {
            self.all(|list| list.actions(ids, None));
        }
    }

    fn waits(&mut self, name: usize, count: u32) {
        for _ in 0..count {
            self.separator();
            self.out.push_str(r#"{"actionType":6,"externalEventName":"#);
            string(&mut self.out, &self.outcome.event_names[name]);
            self.out.push_str(r#","reason":"ExternalEvent"}"#);
        }
    }

    fn open(&mut self) {
        let plan = &self.outcome.plan;
        let (latest, go_on) = (plan.latest_fire_at, plan.go_on);
        let members = self.leading_signals(plan.open.clone());
        match members.len() {
            0 => {}
            1 if !go_on => self.actions(members, latest),
            _ if !go_on => self.all(|list| list.actions(members, latest)),
            _ => self.any(|list| {
                list.actions(members, latest);
                list.literal(NOOP);
            }),
        }
    }
}

fn action(out: &mut String, kind: &ActionKind, texts: &Texts, latest: Option<chrono::DateTime<chrono::Utc>>) {
    match kind {
        ActionKind::CallActivity { name, input, .. } => {
            out.push_str(r#"{"actionType":0,"functionName":"#);
            string(out, name);
            // Always JSON text in a string: the host hands scalars to an activity in .NET's spelling otherwise.
            out.push_str(r#","input":"#);
            string(out, texts.get(*input));
        }
        ActionKind::CallHttp { request } => {
            out.push_str(r#"{"actionType":8,"httpRequest":"#);
            http_request::write(out, request);
        }
        ActionKind::CallSubOrchestration { name, input, options } => {
            let options = options.as_deref();
            out.push_str(r#"{"actionType":2,"functionName":"#);
            string(out, name);
            if let Some(id) = options.and_then(|options| options.instance_id.as_deref()) {
                out.push_str(r#","instanceId":"#);
                string(out, id);
            }
            let _ = write!(out, r#","input":{}"#, texts.get(*input));
            if let Some(version) = options.and_then(|options| options.version.as_deref()) {
                out.push_str(r#","version":"#);
                string(out, version);
            }
        }
        ActionKind::CreateTimer { fire_at, cancelled } => {
            out.push_str(r#"{"actionType":5,"fireAt":""#);
            write_instant(out, latest.map_or(*fire_at, |latest| latest.min(*fire_at)));
            let _ = write!(out, r#"","isCanceled":{cancelled}"#);
        }
        ActionKind::CallEntity {
            target,
            operation,
            input,
        } => message(out, 7, target, texts.get(*operation), texts.get(*input)),
        ActionKind::SignalEntity {
            target,
            operation,
            input,
            at: None,
        } => message(out, 9, target, texts.get(*operation), texts.get(*input)),
        ActionKind::SignalEntity {
            target,
            operation,
            input,
            at: Some(at),
        } => {
            message(out, 10, target, texts.get(*operation), texts.get(*input));
            out.push_str(r#","fireAt":""#);
            write_instant(out, *at);
            out.push('"');
        }
        ActionKind::LockEntities { entities, request } => {
            out.push_str(r#"{"actionType":13,"lockSet":["#);
            for (i, entity) in entities.iter().enumerate() {
                out.push_str(if i > 0 { r#",{"name":"# } else { r#"{"name":"# });
                string(out, entity.name());
                out.push_str(r#","key":"#);
                string(out, entity.key());
                out.push('}');
            }
            let _ = write!(out, r#"],"lockRequestId":"{request}""#);
        }
        ActionKind::ReleaseEntity { .. } => out.push_str(r#"{"actionType":14"#),
        // The context refuses it where this codec writes the answer.
        ActionKind::SendEvent { .. } => out.push_str(r#"{"actionType":12,"compoundActions":[]"#),
    }
    out.push('}');
}

/// A message to an entity, without its last brace.
fn message(out: &mut String, kind: u8, target: &str, operation: &str, input: &str) {
    let _ = write!(out, r#"{{"actionType":{kind},"instanceId":"#);
    string(out, target);
    out.push_str(r#","operation":"#);
    string(out, operation);
    let _ = write!(out, r#","input":{input}"#);
}

/// Writes a JSON string.
fn string(out: &mut String, text: &str) {
    if text.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\') {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&Value::from(text).to_string());
    }
}
