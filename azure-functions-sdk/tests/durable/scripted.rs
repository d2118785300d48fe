//! A worker in this process: orchestrations are closures over a small context that answers as an SDK would, activities
//! are closures over their input.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};

use super::work::{DurableFunctions, ReturnValue, WorkError, WorkItem, WorkKind, WorkResult, Worker};

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

#[derive(Default)]
pub(crate) struct Scripted {
    orchestrations: BTreeMap<String, Orchestration>,
    activities: BTreeMap<String, Activity>,
    entities: BTreeMap<String, Entity>,
    /// Every call: kind, function and, for activities, the input.
    pub(crate) calls: Mutex<Vec<String>>,
}

impl Scripted {
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
            ..DurableFunctions::default()
        }
    }

    /// How often a function was called, by the line in `calls`.
    pub(crate) fn count(&self, call: &str) -> usize {
        self.calls.lock().unwrap().iter().filter(|line| *line == call).count()
    }
}

impl Worker for Scripted {
    fn run(&self, item: WorkItem) -> Pin<Box<dyn Future<Output = Result<WorkResult, WorkError>> + Send>> {
        let input = item.payload.clone().unwrap_or_default();
        let line = match item.kind {
            WorkKind::Orchestration => format!("orchestration {}", item.function),
            WorkKind::Entity => format!("entity {input}"),
            _ => format!("activity {}({input})", item.function),
        };
        self.calls.lock().unwrap().push(line);
        match item.kind {
            WorkKind::Activity => (self.activities[&item.function])(item.payload),
            WorkKind::Entity => Box::pin(std::future::ready(Ok(run_batch(
                &self.entities[&item.function],
                &input,
            )))),
            _ => {
                let answer = answer(&self.orchestrations[&item.function], &input);
                Box::pin(std::future::ready(Ok(answer)))
            }
        }
    }
}

pub(crate) fn ok(value: impl Into<Value>) -> Result<WorkResult, WorkError> {
    Ok(WorkResult::Succeeded(ReturnValue::Json(value.into().to_string())))
}

/// Runs one batch of an entity.
fn run_batch(entity: &Entity, payload: &str) -> WorkResult {
    let payload: Value = serde_json::from_str(payload).expect("the payload is JSON");
    let mut state = parsed(&payload["state"]);
    let mut signals = Vec::new();
    let mut results = Vec::new();
    for operation in payload["batch"].as_array().expect("there is a batch") {
        let mut operation = Operation {
            name: operation["name"].as_str().unwrap().to_owned(),
            input: parsed(&operation["input"]),
            state: state.clone(),
            signals: Vec::new(),
        };
        let result = entity(&mut operation);
        let (result, is_error) = match result {
            Ok(value) => {
                state = operation.state;
                signals.append(&mut operation.signals);
                (value, false)
            }
            Err(message) => (message.into(), true),
        };
        results.push(json!({"isError": is_error, "duration": 0, "result": result.to_string()}));
    }
    let signals: Vec<Value> = signals
        .into_iter()
        .map(|(name, key, operation, input)| {
            json!({"target": {"name": name, "key": key}, "name": operation, "input": input.to_string()})
        })
        .collect();
    let exists = !state.is_null();
    let state = exists.then(|| state.to_string());
    let answer = json!({"entityExists": exists, "entityState": state, "results": results, "signals": signals});
    WorkResult::Succeeded(ReturnValue::Json(answer.to_string()))
}

/// Runs one episode.
fn answer(orchestration: &Orchestration, payload: &str) -> WorkResult {
    let payload: Value = serde_json::from_str(payload).expect("the payload is JSON");
    let mut context = Context::new(&payload);
    let result = orchestration(&mut context);
    let mut state = json!({
        "isDone": matches!(result, Ok(_) | Err(Stop::Continued)),
        "actions": [context.actions],
        "output": result.as_ref().ok(),
        "customStatus": context.custom_status,
        "schemaVersion": 3,
    });
    match result {
        Ok(_) | Err(Stop::Waiting | Stop::Continued) => WorkResult::Succeeded(ReturnValue::Json(state.to_string())),
        Err(Stop::Failed(message)) => {
            state["error"] = message.clone().into();
            WorkResult::Failed(format!("{message}\n\n$OutOfProcData$:{state}"))
        }
    }
}

/// What an orchestration sees: each call is awaited at once.
pub(crate) struct Context {
    pub(crate) input: Value,
    /// Time of the first episode.
    pub(crate) began: String,
    pub(crate) instance_id: String,
    history: Vec<Value>,
    actions: Vec<Value>,
    custom_status: Value,
    next_id: i64,
    events_taken: BTreeMap<String, usize>,
}

impl Context {
    fn new(payload: &Value) -> Self {
        let history = payload["history"].as_array().expect("there is a history").clone();
        assert_eq!(history[1]["EventType"], 0, "ExecutionStarted comes second");
        Self {
            input: payload["input"].clone(),
            began: history[0]["Timestamp"].as_str().unwrap().to_owned(),
            instance_id: payload["instanceId"].as_str().unwrap().to_owned(),
            history,
            actions: Vec::new(),
            custom_status: Value::Null,
            next_id: 0,
            events_taken: BTreeMap::new(),
        }
    }

    pub(crate) fn activity(&mut self, name: &str, input: impl Into<Value>) -> Result<Value, Stop> {
        self.actions
            .push(json!({"actionType": 0, "functionName": name, "input": input.into()}));
        self.task()
    }

    /// Activities side by side.
    pub(crate) fn all(&mut self, calls: &[(&str, Value)]) -> Result<Value, Stop> {
        let members: Vec<Value> = calls
            .iter()
            .map(|(name, input)| json!({"actionType": 0, "functionName": name, "input": input}))
            .collect();
        self.actions.push(json!({"actionType": 12, "compoundActions": members}));
        let results: Vec<Result<Value, Stop>> = calls.iter().map(|_| self.task()).collect();
        Ok(results.into_iter().collect::<Result<Vec<_>, _>>()?.into())
    }

    /// Sub-orchestrations of one name side by side, by their ids.
    pub(crate) fn children(&mut self, name: &str, ids: &[String], input: impl Into<Value>) -> Result<Value, Stop> {
        let input = input.into();
        let members: Vec<Value> = ids
            .iter()
            .map(|id| json!({"actionType": 2, "functionName": name, "instanceId": id, "input": input}))
            .collect();
        self.actions.push(json!({"actionType": 12, "compoundActions": members}));
        let results: Vec<Result<Value, Stop>> = ids.iter().map(|_| self.task()).collect();
        Ok(results.into_iter().collect::<Result<Vec<_>, _>>()?.into())
    }

    /// An HTTP request that does not poll.
    pub(crate) fn http(&mut self, request: &Value) -> Result<Value, Stop> {
        self.actions.push(json!({"actionType": 8, "httpRequest": request}));
        self.task()
    }

    pub(crate) fn child(&mut self, name: &str, id: Option<&str>, input: impl Into<Value>) -> Result<Value, Stop> {
        self.actions
            .push(json!({"actionType": 2, "functionName": name, "instanceId": id, "input": input.into()}));
        self.task()
    }

    /// A timer so many seconds after the first episode.
    pub(crate) fn timer(&mut self, seconds: i64) -> Result<(), Stop> {
        let began: chrono::DateTime<chrono::Utc> = self.began.parse().unwrap();
        let fire_at = (began + chrono::TimeDelta::seconds(seconds)).to_rfc3339();
        self.actions
            .push(json!({"actionType": 5, "fireAt": fire_at, "isCanceled": false}));
        self.task().map(|_| ())
    }

    pub(crate) fn event(&mut self, name: &str) -> Result<Value, Stop> {
        self.actions.push(json!({"actionType": 6, "externalEventName": name}));
        let taken = self.events_taken.entry(name.to_owned()).or_default();
        let raised = self
            .history
            .iter()
            .filter(|event| event["EventType"] == 15 && event["Name"] == name);
        let event = raised.clone().nth(*taken).ok_or(Stop::Waiting)?;
        *taken += 1;
        Ok(parsed(&event["Input"]))
    }

    /// Calls an entity.
    pub(crate) fn call(&mut self, id: &str, operation: &str, input: impl Into<Value>) -> Result<Value, Stop> {
        self.actions
            .push(json!({"actionType": 7, "instanceId": id, "operation": operation, "input": input.into()}));
        let answer = self.answer_of()?;
        let result = parsed(&answer["result"]);
        match answer.get("exceptionType") {
            Some(_) => Err(Stop::Failed(result.as_str().unwrap().to_owned())),
            None => Ok(result),
        }
    }

    pub(crate) fn signal(&mut self, id: &str, operation: &str, input: impl Into<Value>) {
        self.actions
            .push(json!({"actionType": 9, "instanceId": id, "operation": operation, "input": input.into()}));
        self.next_id += 1;
    }

    /// A signal so many seconds after the first episode.
    pub(crate) fn signal_later(&mut self, seconds: i64, id: &str, operation: &str, input: impl Into<Value>) {
        let began: chrono::DateTime<chrono::Utc> = self.began.parse().unwrap();
        let fire_at = (began + chrono::TimeDelta::seconds(seconds)).to_rfc3339();
        self.actions.push(
            json!({"actionType": 10, "instanceId": id, "operation": operation, "input": input.into(), "fireAt": fire_at}),
        );
        self.next_id += 1;
    }

    /// Locks counters.
    pub(crate) fn lock(&mut self, keys: &[&str]) -> Result<(), Stop> {
        let set: Vec<Value> = keys.iter().map(|key| json!({"name": "counter", "key": key})).collect();
        self.actions
            .push(json!({"actionType": 13, "lockSet": set, "lockRequestId": "x"}));
        self.answer_of().map(|_| ())
    }

    /// Releases so many locks.
    pub(crate) fn release(&mut self, locks: i64) {
        self.actions.push(json!({"actionType": 14}));
        self.next_id += locks;
    }

    /// What entities answered to the request that is sent now.
    fn answer_of(&mut self) -> Result<Value, Stop> {
        let id = self.next_id;
        self.next_id += 1;
        let sent = |event: &&Value| event["EventType"] == 14 && event["EventId"] == id;
        let request = parsed(&self.history.iter().find(sent).ok_or(Stop::Waiting)?["Input"]);
        let answers = |event: &&Value| event["EventType"] == 15 && event["Name"] == request["id"];
        let answer = self.history.iter().find(answers).ok_or(Stop::Waiting)?;
        Ok(parsed(&answer["Input"]))
    }

    pub(crate) fn continue_as_new<T>(&mut self, input: impl Into<Value>) -> Result<T, Stop> {
        self.actions.push(json!({"actionType": 4, "input": input.into()}));
        Err(Stop::Continued)
    }

    pub(crate) fn custom_status(&mut self, status: impl Into<Value>) {
        self.custom_status = status.into();
    }

    fn task(&mut self) -> Result<Value, Stop> {
        let id = self.next_id;
        self.next_id += 1;
        let settles = |event: &&Value| event["TaskScheduledId"] == id || event["TimerId"] == id;
        let event = self.history.iter().find(settles).ok_or(Stop::Waiting)?;
        match event["EventType"].as_i64() {
            Some(6 | 9) => Err(Stop::Failed(event["Reason"].as_str().unwrap().to_owned())),
            _ => Ok(parsed(&event["Result"])),
        }
    }
}

fn parsed(text: &Value) -> Value {
    text.as_str()
        .map_or(Value::Null, |text| serde_json::from_str(text).unwrap())
}
