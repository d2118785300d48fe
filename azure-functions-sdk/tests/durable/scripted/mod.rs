//! A worker in this process: orchestrations are closures over a small context that answers as an SDK would, activities
//! are closures over their input. It speaks either wire, and shares no code with ours: what the hub sends is read, and what it takes is
//! written, here once more.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
};

use serde_json::Value;

pub(crate) use self::context::Context;
use super::work::{DurableFunctions, ReturnValue, Wire, WorkError, WorkItem, WorkKind, WorkResult, Worker};

mod context;
mod json;
mod protobuf;

/// Runs tests with a worker that speaks JSON, and again with one that speaks protobuf.
macro_rules! on_both_wires {
    ($($test:ident),+ $(,)?) => {
        mod json {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test(super::Wire::Json).await;
                }
            )+
        }

        mod protobuf {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test(super::Wire::Protobuf).await;
                }
            )+
        }
    };
}
pub(crate) use on_both_wires;

/// Why an orchestration stops here.
#[derive(Debug)]
pub(crate) enum Stop {
    /// It waits.
    Waiting,
    /// It makes place for the next execution.
    Continued,
    /// It fails.
    Failed(String),
}

pub(crate) type Orchestration = Arc<dyn Fn(&mut Context) -> Result<Value, Stop> + Send + Sync>;
pub(crate) type Activity =
    Arc<dyn Fn(Option<String>) -> Pin<Box<dyn Future<Output = Result<WorkResult, WorkError>> + Send>> + Send + Sync>;

/// Runs one operation.
pub(crate) type Entity = Arc<dyn Fn(&mut Operation) -> Result<Value, String> + Send + Sync>;

/// What an operation sees.
pub(crate) struct Operation {
    pub(crate) name: String,
    pub(crate) input: Value,
    /// Null: the entity does not exist.
    pub(crate) state: Value,
    /// Target's name and key, operation, input.
    pub(crate) signals: Vec<(String, String, String, Value)>,
}

pub(crate) struct Scripted {
    pub(crate) wire: Wire,
    orchestrations: BTreeMap<String, Orchestration>,
    activities: BTreeMap<String, Activity>,
    entities: BTreeMap<String, Entity>,
    /// Every call: kind, function and, for activities, the input.
    pub(crate) calls: Mutex<Vec<String>>,
    /// What is kept of instances and entities between their turns; the JSON wire has no such thing.
    sessions: Mutex<protobuf::Sessions>,
}

impl Scripted {
    /// A worker that speaks this wire.
    pub(crate) fn on(wire: Wire) -> Self {
        Self {
            wire,
            orchestrations: BTreeMap::new(),
            activities: BTreeMap::new(),
            entities: BTreeMap::new(),
            calls: Mutex::default(),
            sessions: Mutex::default(),
        }
    }

    pub(crate) fn orchestration(
        mut self,
        name: &str,
        body: impl Fn(&mut Context) -> Result<Value, Stop> + Send + Sync + 'static,
    ) -> Self {
        self.orchestrations.insert(name.to_owned(), Arc::new(body));
        self
    }

    /// An activity that answers at once.
    pub(crate) fn activity(
        self,
        name: &str,
        body: impl Fn(Option<String>) -> Result<WorkResult, WorkError> + Send + Sync + 'static,
    ) -> Self {
        self.slow_activity(name, move |input| std::future::ready(body(input)))
    }

    pub(crate) fn slow_activity<F>(
        mut self,
        name: &str,
        body: impl Fn(Option<String>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<WorkResult, WorkError>> + Send + 'static,
    {
        self.activities
            .insert(name.to_owned(), Arc::new(move |input| Box::pin(body(input))));
        self
    }

    pub(crate) fn entity(
        mut self,
        name: &str,
        body: impl Fn(&mut Operation) -> Result<Value, String> + Send + Sync + 'static,
    ) -> Self {
        self.entities.insert(name.to_owned(), Arc::new(body));
        self
    }

    /// An entity whose state is a number: `add`, `get`, `delete`; it fails at `fail`.
    pub(crate) fn counter(self) -> Self {
        self.entity("Counter", |operation| {
            let state = operation.state.as_i64().unwrap_or(0);
            match operation.name.as_str() {
                "add" => operation.state = (state + operation.input.as_i64().unwrap_or(1)).into(),
                "get" => {}
                "delete" => operation.state = Value::Null,
                other => return Err(format!("no operation '{other}'")),
            }
            Ok(operation.state.clone())
        })
    }

    pub(crate) fn functions(&self) -> DurableFunctions {
        let orchestrations = self.orchestrations.keys().map(|name| (WorkKind::Orchestration, name));
        let activities = self.activities.keys().map(|name| (WorkKind::Activity, name));
        let entities = self.entities.keys().map(|name| (WorkKind::Entity, name));
        DurableFunctions {
            functions: orchestrations
                .chain(activities)
                .chain(entities)
                .map(|(kind, name)| ((kind, name.to_lowercase()), name.clone()))
                .collect(),
            wire: self.wire,
            open: false,
        }
    }

    /// How often a function was called, by the line in `calls`.
    pub(crate) fn count(&self, call: &str) -> usize {
        self.calls.lock().unwrap().iter().filter(|line| *line == call).count()
    }
}

impl Worker for Scripted {
    fn run(&self, item: WorkItem) -> Pin<Box<dyn Future<Output = Result<WorkResult, WorkError>> + Send>> {
        let mut input = item.payload.clone().unwrap_or_default();
        if item.kind == WorkKind::Activity && self.wire == Wire::Protobuf && input.starts_with('"') {
            // On the JSON wire the host gives the text of a string.
            input = serde_json::from_str(&input).unwrap();
        }
        let line = match item.kind {
            WorkKind::Orchestration => format!("orchestration {}", item.function),
            WorkKind::Entity => format!("entity {input}"),
            _ => format!("activity {}({input})", item.function),
        };
        self.calls.lock().unwrap().push(line);
        let answer = match (item.kind, self.wire) {
            (WorkKind::Activity, _) => return (self.activities[&item.function])(item.payload.map(|_| input)),
            (WorkKind::Entity, Wire::Json) => json::run_batch(&self.entities[&item.function], &input),
            (WorkKind::Entity, _) => protobuf::run_batch(
                &self.entities[&item.function],
                &input,
                &mut self.sessions.lock().unwrap(),
            ),
            (_, Wire::Json) => json::answer(&self.orchestrations[&item.function], &input),
            (_, _) => {
                let sessions = &mut self.sessions.lock().unwrap();
                protobuf::answer(&self.orchestrations[&item.function], &input, sessions)
            }
        };
        Box::pin(std::future::ready(Ok(answer)))
    }
}

/// The output of an orchestration that has failed with this message.
pub(crate) fn output_of_failure(wire: Wire, function: &str, message: &str) -> String {
    match wire {
        // The host's words.
        Wire::Json => format!("Orchestrator function '{function}' failed: {message}"),
        // The worker's type and message.
        _ => format!("{}: {message}", protobuf::ERROR_TYPE),
    }
}

pub(crate) fn ok(value: impl Into<Value>) -> Result<WorkResult, WorkError> {
    Ok(WorkResult::Succeeded(ReturnValue::Json(value.into().to_string())))
}

impl Operation {
    /// Runs one operation: its result, after which the state and the signals are those of the operation, or why it failed.
    fn run(
        entity: &Entity,
        name: &str,
        input: Value,
        state: &mut Value,
        signals: &mut Vec<(String, String, String, Value)>,
    ) -> Result<Value, String> {
        let mut operation = Self {
            name: name.to_owned(),
            input,
            state: state.clone(),
            signals: Vec::new(),
        };
        let value = entity(&mut operation)?;
        *state = operation.state;
        signals.append(&mut operation.signals);
        Ok(value)
    }
}

/// The value of a JSON text; null where there is none.
fn parsed(text: Option<&str>) -> Value {
    text.map_or(Value::Null, |text| serde_json::from_str(text).unwrap())
}
