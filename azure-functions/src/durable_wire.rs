//! The two forms in which hosts hand durable functions over, and what only one of them can say.

use serde_json::{Map, Value};
use std::{
    fmt,
    sync::{
        OnceLock,
        atomic::{AtomicU8, Ordering},
    },
};

/// Says which wire a host is to be asked for, whatever the app says.
const SETTING: &str = "AZURE_FUNCTIONS_DURABLE_WIRE";

/// By which hosts know a worker's language.
const RUNTIME_SETTING: &str = "FUNCTIONS_WORKER_RUNTIME";

/// The durable extension speaks protobuf to these, in lower case and without `-`, whatever they ask for.
const PROTOBUF_RUNTIMES: [&str; 5] = ["dotnetisolated", "java", "native", "golang", "custom"];

/// How the durable extension calls what it reads from bindings.
const REQUIRES_GRPC: &str = "durableRequiresGrpc";
const SDK_NAME: &str = "durableSdkName";
const SDK_VERSION: &str = "durableSdkVersion";

/// The form in which a host hands orchestrations and entities over. Which one an invocation came in shows in what arrives; which one the
/// host is asked for, [`App::durable_wire`](crate::App::durable_wire) says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Wire {
    /// Messages of the Durable Task protocol, as base64. The default; the durable extension knows it from version 3.15.
    Protobuf,
    /// The JSON of the durable extension for older SDKs.
    Json,
}

/// The setting names neither wire. Nothing is guessed: an app that asked for the wrong one would fail at its first orchestration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the setting {SETTING} is `{0}`: set it to `protobuf` or `json`, or remove it")]
pub(crate) struct UnknownWire(String);

impl fmt::Display for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Protobuf => "protobuf",
            Self::Json => "JSON",
        })
    }
}

impl Wire {
    /// Not zero.
    fn number(self) -> u8 {
        match self {
            Self::Protobuf => 1,
            Self::Json => 2,
        }
    }

    /// What a host is asked for: what the environment says, or else the app, or else protobuf. The test host goes by it, too.
    pub(crate) fn announced(app: Option<Self>) -> Result<Self, UnknownWire> {
        let setting = std::env::var_os(SETTING).unwrap_or_default();
        Self::chosen(&setting.to_string_lossy(), app)
    }

    fn chosen(setting: &str, app: Option<Self>) -> Result<Self, UnknownWire> {
        match setting.trim() {
            "" => Ok(app.unwrap_or(Self::Protobuf)),
            name => Self::parse(name).ok_or_else(|| UnknownWire(name.to_owned())),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "protobuf" => Some(Self::Protobuf),
            "json" => Some(Self::Json),
            _ => None,
        }
    }

    /// Adds to a binding of a durable function or client what asks for this wire. JSON is what hosts take an SDK for that says nothing.
    pub(crate) fn announce(self, binding: &mut Map<String, Value>) {
        let kind = binding.get("type").and_then(Value::as_str);
        let is_durable = matches!(
            kind,
            Some("orchestrationTrigger" | "activityTrigger" | "entityTrigger" | "durableClient")
        );
        if is_durable && self == Self::Protobuf {
            binding.insert(REQUIRES_GRPC.to_owned(), true.into());
            binding.insert(SDK_NAME.to_owned(), env!("CARGO_PKG_NAME").into());
            binding.insert(SDK_VERSION.to_owned(), env!("CARGO_PKG_VERSION").into());
        }
    }
}

/// The runtime that the host takes the worker for, in lower case and without `-`.
fn runtime() -> String {
    let runtime = std::env::var_os(RUNTIME_SETTING).unwrap_or_default();
    runtime.to_string_lossy().to_ascii_lowercase().replace('-', "")
}

/// The wire that a host will speak. The local host goes by what the app announces alone.
fn expected(announced: Wire, runtime: &str, is_local: bool) -> Wire {
    match !is_local && PROTOBUF_RUNTIMES.contains(&runtime) {
        true => Wire::Protobuf,
        false => announced,
    }
}

/// Whether the inputs of activities are lists of one: the extension takes them apart for .NET alone.
pub(crate) fn takes_lists() -> bool {
    // The environment is final before the first invocation.
    static TAKES_LISTS: OnceLock<bool> = OnceLock::new();
    *TAKES_LISTS.get_or_init(|| runtime() == "dotnetisolated")
}

/// Which wire the host speaks, as far as it has shown. An activity does not show it, and its failure is worded for one of them.
#[derive(Debug)]
pub(crate) struct Spoken {
    announced: Wire,
    expected: Wire,
    shown: AtomicU8,
    is_local: bool,
}

impl Spoken {
    /// Nothing has arrived yet. The local host speaks what it wants to, and is never too old.
    pub(crate) fn new(app: Option<Wire>, is_local: bool) -> Self {
        // A setting that names no wire is an error of the metadata: nothing is invoked then.
        let announced = Wire::announced(app).or(app.ok_or(())).unwrap_or(Wire::Protobuf);
        Self {
            announced,
            expected: expected(announced, &runtime(), is_local),
            shown: AtomicU8::new(0),
            is_local,
        }
    }

    /// The trigger of an orchestration or an entity came on this wire. Gives what there is to say of that, once.
    pub(crate) fn show(&self, wire: Wire) -> Option<String> {
        let before = self.shown.swap(wire.number(), Ordering::Relaxed);
        let is_too_old = wire == Wire::Json && self.announced == Wire::Protobuf && !self.is_local;
        (before == 0 && is_too_old).then(|| {
            format!(
                "the host is too old for the protobuf wire, which this app asks for, and hands durable functions over as JSON: use version \
                 3.15 or newer of the Durable Task extension (extension bundle 4 or newer), or ask for JSON with {SETTING}=json"
            )
        })
    }

    /// Whether it is the local host.
    pub(crate) fn is_local(&self) -> bool {
        self.is_local
    }

    /// What the host shows, or else what it is expected to speak.
    pub(crate) fn wire(&self) -> Wire {
        match self.shown.load(Ordering::Relaxed) {
            shown if shown == Wire::Protobuf.number() => Wire::Protobuf,
            shown if shown == Wire::Json.number() => Wire::Json,
            _ => self.expected,
        }
    }
}

/// The wire of the host cannot say what was asked for. Nothing was done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: the {wire} wire has no words for that; {instead}")]
#[non_exhaustive]
pub struct Unsupported {
    /// What was asked for, in words.
    pub what: &'static str,
    /// The wire that the invocation came in.
    pub wire: Wire,
    /// What to do.
    pub instead: &'static str,
}

impl Unsupported {
    pub(crate) fn new(what: &'static str, wire: Wire, instead: &'static str) -> Self {
        Self { what, wire, instead }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runtime_decides_on_the_wire_but_on_the_local_host() {
        for (announced, runtime, is_local, wire) in [
            (Wire::Json, "rust", false, Wire::Json),
            (Wire::Json, "native", false, Wire::Protobuf),
            (Wire::Json, "native", true, Wire::Json),
            (Wire::Protobuf, "rust", true, Wire::Protobuf),
        ] {
            assert_eq!(
                expected(announced, runtime, is_local),
                wire,
                "{runtime}, local: {is_local}"
            );
        }
    }

    use serde_json::json;

    fn told(wire: Wire, kind: &str) -> Value {
        let mut binding = Map::from_iter([("type".to_owned(), kind.into())]);
        wire.announce(&mut binding);
        binding.into()
    }

    #[test]
    fn durable_bindings_ask_for_protobuf_and_no_others() {
        for kind in [
            "orchestrationTrigger",
            "activityTrigger",
            "entityTrigger",
            "durableClient",
        ] {
            let expected = json!({
                "type": kind,
                "durableRequiresGrpc": true,
                "durableSdkName": "azure-functions",
                "durableSdkVersion": env!("CARGO_PKG_VERSION"),
            });
            assert_eq!(told(Wire::Protobuf, kind), expected);
            assert_eq!(told(Wire::Json, kind), json!({"type": kind}));
        }
        for kind in ["httpTrigger", "http", "orchestrationClient"] {
            assert_eq!(told(Wire::Protobuf, kind), json!({"type": kind}));
        }
    }

    #[test]
    fn the_setting_is_one_of_two_words_and_has_the_last_word() {
        for (setting, app, chosen) in [
            ("", None, Wire::Protobuf),
            (" ", Some(Wire::Json), Wire::Json),
            ("json", Some(Wire::Protobuf), Wire::Json),
            (" Protobuf ", Some(Wire::Json), Wire::Protobuf),
        ] {
            assert_eq!(Wire::chosen(setting, app), Ok(chosen), "{setting:?}");
        }
    }

    #[test]
    fn a_setting_that_names_no_wire_is_an_error_that_says_what_to_do() {
        assert_eq!(
            Wire::chosen("grpc", Some(Wire::Json)).unwrap_err().to_string(),
            "the setting AZURE_FUNCTIONS_DURABLE_WIRE is `grpc`: set it to `protobuf` or `json`, or remove it"
        );
    }

    #[test]
    fn what_arrives_counts_more_than_what_was_asked_for() {
        let spoken = Spoken::new(None, true);
        assert_eq!(spoken.wire(), Wire::Protobuf);
        spoken.show(Wire::Json);
        assert_eq!(spoken.wire(), Wire::Json);
        spoken.show(Wire::Protobuf);
        assert_eq!(spoken.wire(), Wire::Protobuf);
    }
}
