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

#[derive(Default)]
pub(crate) struct Scripted {
    orchestrations: BTreeMap<String, Orchestration>,
    activities: BTreeMap<String, Activity>,
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

    pub(crate) fn functions(&self) -> DurableFunctions {
        let orchestrations = self.orchestrations.keys().map(|name| (WorkKind::Orchestration, name));
        let activities = self.activities.keys().map(|name| (WorkKind::Activity, name));
        DurableFunctions {
            functions: orchestrations
                .chain(activities)
                .map(|(kind, name)| ((kind, name.to_lowercase()), name.clone()))
                .collect(),
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
            _ => format!("activity {}({input})", item.function),
        };
        self.calls.lock().unwrap().push(line);
        match item.kind {
            WorkKind::Activity => (self.activities[&item.function])(item.payload),
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
        "schemaVersion": 2,
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
