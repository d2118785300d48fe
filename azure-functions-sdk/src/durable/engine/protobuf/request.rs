//! An `OrchestratorRequest`: the text of the orchestration trigger, or a work item of a stream.

use azure_functions_durable::protobuf::OrchestratorEntityParameters;
use base64::{Engine, prelude::BASE64_STANDARD};
use prost::encoding::{bool, message, string};
use prost_types::{Duration, Value, value::Kind};

use super::history::{append_new, append_past};
use crate::durable::engine::{
    event::{Event, SOURCE_INSTANCE_TAG},
    instance::Instance,
    settings::Settings,
};
use crate::durable::work::Wire;

/// How long an entity waits for a message that another one has overtaken, in seconds: the extension's default.
const REORDER_WINDOW: i64 = 1_800;

/// What a request is made of.
pub(in crate::durable::engine) struct Request<'a> {
    pub(in crate::durable::engine) instance: &'a Instance,
    pub(in crate::durable::engine) settings: &'a Settings,
    pub(in crate::durable::engine) past: Past<'a>,
    pub(in crate::durable::engine) new: &'a [Event],
}

/// The events of earlier turns.
#[derive(Clone, Copy)]
pub(in crate::durable::engine) enum Past<'a> {
    /// In the request: as [`append_past`] wrote them, if the caller has that; else they are written now.
    Given(Option<&'a [u8]>),
    /// The worker has kept the instance since its last turn, and gets the new events only.
    Kept,
    /// The worker asks for them.
    Fetched,
}

/// The text of a request, for the trigger.
pub(in crate::durable::engine) fn write(request: &Request<'_>) -> String {
    BASE64_STANDARD.encode(encode(request, Wire::Protobuf))
}

/// The bytes of a request. What the extension says of itself is for the workers of a Functions host only.
pub(in crate::durable::engine) fn encode(request: &Request<'_>, wire: Wire) -> Vec<u8> {
    let Request {
        instance,
        settings,
        past,
        new,
    } = request;
    let with_history = !matches!(past, Past::Kept);
    let past_bytes = match past {
        Past::Given(past) => past.map_or(instance.history.len() * 64, <[u8]>::len),
        Past::Kept | Past::Fetched => 0,
    };
    let mut out = Vec::with_capacity(past_bytes + 1024);
    string::encode(1, &instance.instance_id, &mut out);
    if wire == Wire::Stream {
        message::encode(2, &instance.execution_id, &mut out);
    }
    match past {
        Past::Given(Some(past)) => out.extend_from_slice(past),
        Past::Given(None) => append_past(instance.history.iter(), wire, &mut out),
        Past::Kept | Past::Fetched => {}
    }
    append_new(*new, wire, &mut out);
    if with_history {
        let parameters = OrchestratorEntityParameters {
            entity_message_reorder_window: Some(Duration {
                // Nothing is overtaken here: workers of streams need not number what they send.
                seconds: if wire == Wire::Stream { 0 } else { REORDER_WINDOW },
                nanos: 0,
            }),
        };
        message::encode(5, &parameters, &mut out);
    }
    if matches!(past, Past::Fetched) {
        bool::encode(6, &true, &mut out);
    }
    if wire != Wire::Stream {
        for (name, value) in properties(instance, settings, with_history) {
            property(7, name, value, &mut out);
        }
    }
    // The extension never says so. Here the worker makes the orchestration's span, and is told of it what it has said before.
    if let Some(trace) = &instance.trace {
        message::encode(8, &trace.told(), &mut out);
    }
    out
}

/// What the host says of itself, in the order in which the extension says it.
fn properties(
    instance: &Instance,
    settings: &Settings,
    with_history: bool,
) -> impl Iterator<Item = (&'static str, Kind)> {
    let source = instance.tags.get(SOURCE_INSTANCE_TAG);
    let source = source.map(|source| ("sourceInstanceId", Kind::StringValue(source.clone())));
    let version = Some(&settings.default_version).filter(|version| !version.is_empty());
    let version = version.map(|version| ("defaultVersion", Kind::StringValue(version.clone())));
    [poll_delay(settings)]
        .into_iter()
        .chain(session(settings, with_history))
        .chain(version)
        .chain(source)
}

/// How long to wait between the polls of an HTTP call that does not say.
pub(in crate::durable::engine) fn poll_delay(settings: &Settings) -> (&'static str, Kind) {
    let delay = settings.http_sleep.num_milliseconds() as f64;
    ("HttpDefaultAsyncRequestSleepTimeMilliseconds", Kind::NumberValue(delay))
}

/// What is said of sessions, to orchestrations and entities alike.
pub(in crate::durable::engine) fn session(settings: &Settings, with_state: bool) -> [(&'static str, Kind); 3] {
    let idle = settings.session_idle.map_or(0, |idle| idle.num_seconds());
    [
        ("IncludeState", Kind::BoolValue(with_state)),
        ("IsExtendedSession", Kind::BoolValue(settings.session_idle.is_some())),
        ("ExtendedSessionIdleTimeoutInSeconds", Kind::NumberValue(idle as f64)),
    ]
}

/// Appends an entry of a map of values.
pub(in crate::durable::engine) fn property(field: u32, name: &str, kind: Kind, out: &mut Vec<u8>) {
    #[derive(Clone, PartialEq, prost::Message)]
    struct Entry {
        #[prost(string, tag = "1")]
        key: String,
        #[prost(message, optional, tag = "2")]
        value: Option<Value>,
    }
    let entry = Entry {
        key: name.to_owned(),
        value: Some(Value { kind: Some(kind) }),
    };
    message::encode(field, &entry, out);
}
