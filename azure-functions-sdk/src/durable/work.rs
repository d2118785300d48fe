//! What the task hub asks of a worker, whoever provides it: a process behind gRPC, or functions in this process.

use azure_functions_durable::TraceContext;
use std::{collections::BTreeMap, fmt, future::Future, pin::Pin, str::FromStr, sync::Arc, time::Duration};

/// Runs orchestration episodes and activities.
pub trait Worker: Send + Sync + 'static {
    /// Runs one work item. May wait for a worker that is starting.
    fn run(&self, item: WorkItem) -> Pin<Box<dyn Future<Output = Result<WorkResult, WorkError>> + Send>>;
}

/// One call of a durable function.
#[derive(Clone, Debug)]
pub struct WorkItem {
    /// What kind of trigger the payload is for.
    pub kind: WorkKind,
    /// Registered name of the function.
    pub function: String,
    /// Instance that the work is for.
    pub instance_id: String,
    /// Trigger payload, as the binding delivers it; `None` where an activity has no input.
    pub payload: Option<String>,
    /// Of an orchestration on the protobuf wire, where payloads are recorded: the payload as JSON, which history files are.
    pub as_json: Option<String>,
    /// Of an orchestration whose payload has the new events only, where [replays are checked](super::TaskHubOptions::check_replays): the
    /// payload with all.
    pub whole: Option<String>,
    /// The trace that it belongs to; batches of entities say it for each operation.
    pub trace: Option<TraceContext>,
    /// The item may have ended a process before: nothing else is to begin in the process for so long, if that can be had.
    pub solitude: Option<Duration>,
    /// To be told when the item has reached a process.
    pub begun: Begun,
}

/// Is told which process runs a work item, by a number that no other process has.
#[derive(Clone, Default)]
pub struct Begun(Option<Arc<dyn Fn(u64) + Send + Sync>>);

impl Begun {
    /// Calls `then` with the number.
    pub fn new(then: impl Fn(u64) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(then)))
    }

    /// The item has reached this process.
    pub fn reached(&self, process: u64) {
        if let Some(then) = &self.0 {
            then(process);
        }
    }
}

impl fmt::Debug for Begun {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Begun")
    }
}

/// Kinds of durable functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WorkKind {
    /// `orchestrationTrigger`.
    Orchestration,
    /// `activityTrigger`.
    Activity,
    /// `entityTrigger`.
    Entity,
}

/// The worker answered.
#[derive(Clone, Debug, PartialEq)]
pub enum WorkResult {
    /// The function returned.
    Succeeded(ReturnValue),
    /// The function failed; the message is the worker's exception message.
    Failed(String),
}

/// Return value of a function, in the variant that the worker chose.
#[derive(Clone, Debug, PartialEq)]
pub enum ReturnValue {
    /// Nothing.
    None,
    /// JSON text.
    Json(String),
    /// Plain text.
    Text(String),
    /// Bytes.
    Bytes(bytes::Bytes),
    /// An integer.
    Integer(i64),
    /// A floating point number.
    Double(f64),
}

/// The worker did not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WorkError {
    /// The worker process ended while it ran the item.
    #[error("the worker process ended while it ran the function: {0}")]
    WorkerDied(WorkerDeath),
    /// The function ran longer than `functionTimeout`.
    #[error("the function ran longer than functionTimeout ({0:?})")]
    TimedOut(Duration),
    /// The host is shutting down; the item was not run to its end.
    #[error("the host is shutting down")]
    ShuttingDown,
}

/// How a worker process ended while it ran a work item. Shown as its [`how`](Self::how).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerDeath {
    /// What the system says about the end of the process, and what the process wrote last.
    pub how: String,
    /// The end in the words of the real host: `/app/target/debug/app exited with code 134 (0x86)`.
    pub exited: String,
    /// The process ran nothing else when it ended, so the item is what ended it.
    pub alone: bool,
    /// The host ended the process because another function ran longer than it may.
    pub by_host: bool,
    /// How long the process had run the item.
    pub ran: Duration,
}

impl WorkerDeath {
    /// The end of a process in these words; both may say the same.
    #[must_use]
    pub fn new(how: impl Into<String>, exited: impl Into<String>) -> Self {
        Self {
            how: how.into(),
            exited: exited.into(),
            ..Self::default()
        }
    }

    /// What the real host would say of it.
    pub(crate) fn as_host(&self) -> &str {
        if self.exited.is_empty() {
            &self.how
        } else {
            &self.exited
        }
    }
}

impl fmt::Display for WorkerDeath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.how)
    }
}

/// How orchestrations and entities travel between host and worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Wire {
    /// As the JSON of the durable extension's out-of-process protocol.
    #[default]
    Json,
    /// As Durable Task messages in base64, which the extension speaks to workers that ask for it in their metadata
    /// (`durableRequiresGrpc`).
    Protobuf,
    /// As Durable Task messages of a stream of work items, `GetWorkItems`, to workers that need no Functions host.
    Stream,
}

impl Wire {
    /// Its name: `json`, `protobuf`, `stream`. On the command line, an app's worker can be told to use one of the first two.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Protobuf => "protobuf",
            Self::Stream => "stream",
        }
    }
}

impl fmt::Display for Wire {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A name that is no [`Wire`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no wire: use `json` or `protobuf`")]
pub struct UnknownWire(String);

impl FromStr for Wire {
    type Err = UnknownWire;

    fn from_str(name: &str) -> Result<Self, UnknownWire> {
        [Self::Json, Self::Protobuf]
            .into_iter()
            .find(|wire| wire.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| UnknownWire(name.to_owned()))
    }
}

/// The durable functions that the app has now, by kind; the key is the lower-cased name that orchestrations use
/// (`orchestration`, `activity` or `entityName` of the binding, else the function's name), the value is the function.
#[derive(Clone, Debug, Default)]
pub struct DurableFunctions {
    /// Key: kind and lower-cased name; value: registered name of the function.
    pub functions: BTreeMap<(WorkKind, String), String>,
    /// What the worker asks for; executions that begin from now on use it.
    pub wire: Wire,
    /// Whether orchestrations and activities that are not among `functions` are run by the workers that take them from a stream of
    /// work items, and wait until there is one. Else they do not exist.
    pub open: bool,
}
