//! The app as the task hub's worker: its orchestrations run twice and must say the same, its activities run one at a time,
//! unless a fake stands in for them.

use std::{
    collections::HashMap,
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use azure_functions::{
    durable,
    in_process::{
        App, Call, Data, DurableKind, Function, LogLine, LogSink, Outputs, Surroundings, TypedData, readable,
    },
};
use azure_functions_durable::{
    TraceContext, Transport,
    protobuf::{OrchestratorResponse, orchestrator_action::OrchestratorActionType},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use log::LevelFilter;
use prost::Message as _;
use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;

use super::{
    clock::VirtualClock,
    command::Command,
    fake::{ActivityCall, Failed, Fakes},
    log::{LogRecord, Logs},
    presence::{Presence, Presences},
    process::Process,
    transport::{WorldTransport, client_binding, later},
    turns::Turns,
};
use crate::durable::{
    Clock,
    work::{DurableFunctions, ReturnValue, Wire, WorkError, WorkItem, WorkKind, WorkResult, Worker},
};

/// Runs the functions of this binary.
#[derive(Clone)]
pub(super) struct AppWorker(Arc<Inner>);

struct Inner {
    app: App,
    clock: VirtualClock,
    commands: UnboundedSender<Command>,
    presences: Presences,
    logs: Logs,
    level: LevelFilter,
    fakes: Mutex<Fakes>,
    calls: Mutex<Vec<ActivityCall>>,
    /// The first panic of a fake that the test has not been told of.
    panic: Mutex<Option<String>>,
    turns: Turns,
    process: Process,
    parallel_activities: usize,
    twice: bool,
    wire: Wire,
    invocations: AtomicU64,
    /// What holds the thread of the world, if it is an orchestration.
    episode: Mutex<Option<(String, Instant)>>,
}

/// How an app is run.
#[derive(Clone, Debug)]
pub(super) struct Running {
    pub(super) level: LevelFilter,
    pub(super) parallel_activities: usize,
    pub(super) check_determinism: bool,
}

impl AppWorker {
    pub(super) fn new(
        app: App,
        wire: Wire,
        clock: VirtualClock,
        commands: UnboundedSender<Command>,
        running: &Running,
    ) -> Self {
        Self(Arc::new(Inner {
            app,
            process: Process::new(clock.clone()),
            clock,
            commands,
            presences: Presences::default(),
            logs: Logs::default(),
            level: running.level,
            fakes: Mutex::default(),
            calls: Mutex::default(),
            panic: Mutex::default(),
            turns: Turns::default(),
            parallel_activities: running.parallel_activities.max(1),
            twice: running.check_determinism,
            wire,
            invocations: AtomicU64::new(1),
            episode: Mutex::default(),
        }))
    }

    /// What the task hub is told about the app.
    pub(super) fn functions(&self) -> DurableFunctions {
        let durable = self.0.app.functions().filter_map(|function| {
            let (kind, name) = function.durable()?;
            let kind = match kind {
                DurableKind::Orchestration => WorkKind::Orchestration,
                DurableKind::Activity => WorkKind::Activity,
                DurableKind::Entity => WorkKind::Entity,
                _ => return None,
            };
            Some(((kind, name.to_lowercase()), function.name.to_owned()))
        });
        DurableFunctions {
            functions: durable.collect(),
            wire: self.0.wire,
            open: false,
        }
    }

    pub(super) fn app(&self) -> &App {
        &self.0.app
    }

    /// Lets the next real activity begin, unless enough run already, or else the results of those that are over come; false
    /// if there is neither. The world calls this when nothing else can go on.
    pub(super) fn give_turn(&self) -> bool {
        let Inner {
            turns,
            presences,
            parallel_activities,
            ..
        } = &*self.0;
        let busy = presences.busy();
        (busy < *parallel_activities && turns.begin_next()) || (busy == 0 && turns.release())
    }

    /// What an assertion in a fake said; once.
    pub(super) fn take_panic(&self) -> Option<String> {
        self.0.panic.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn process(&self) -> &Process {
        &self.0.process
    }

    pub(super) fn presences(&self) -> &Presences {
        &self.0.presences
    }

    pub(super) fn logs(&self) -> &Logs {
        &self.0.logs
    }

    pub(super) fn fakes(&self) -> MutexGuard<'_, Fakes> {
        self.0.fakes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn calls(&self) -> MutexGuard<'_, Vec<ActivityCall>> {
        self.0.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The orchestration that has held the thread of the world for at least so long.
    pub(super) fn episode(&self, least: Duration) -> Option<String> {
        let episode = self.0.episode.lock().unwrap_or_else(PoisonError::into_inner);
        let (what, since) = episode.as_ref()?;
        (since.elapsed() >= least).then(|| what.clone())
    }

    fn note_episode(&self, what: Option<String>) {
        let episode = what.map(|what| (what, Instant::now()));
        *self.0.episode.lock().unwrap_or_else(PoisonError::into_inner) = episode;
    }

    /// Runs a function that is no orchestration, beside the world's other work.
    pub(super) fn invoke(
        &self,
        function: &'static Function,
        call: Call,
        instance_id: Option<&str>,
        trace: Option<&TraceContext>,
    ) -> impl Future<Output = Result<Outputs, String>> + Send + use<> {
        let presence = self
            .0
            .presences
            .enter(format!("function '{}'", function.name), instance_id.is_some());
        let call = with_clients(function, call);
        let surroundings = self.surroundings(Some(&presence), instance_id, trace);
        let run = self.0.app.invoke(function, call, &surroundings);
        async move {
            let result = run.await;
            drop(presence);
            result
        }
    }

    fn surroundings(
        &self,
        presence: Option<&Arc<Presence>>,
        instance_id: Option<&str>,
        trace: Option<&TraceContext>,
    ) -> Surroundings {
        let number = self.0.invocations.fetch_add(1, Ordering::Relaxed);
        let transport = WorldTransport {
            commands: self.0.commands.clone(),
            clock: self.0.clock.clone(),
            function: presence.cloned(),
        };
        Surroundings {
            invocation_id: format!("00000000-0000-4000-8000-{number:012x}"),
            client_transport: Some(Arc::new(transport) as Arc<dyn Transport>),
            log: self.sink(instance_id),
            level: self.0.level,
            wire: match self.0.wire {
                // What the test itself runs is told in the words for people.
                Wire::Protobuf if instance_id.is_some() => durable::Wire::Protobuf,
                _ => durable::Wire::Json,
            },
            trace_parent: trace.map_or_else(String::new, |trace| trace.trace_parent().to_owned()),
            trace_state: trace.and_then(TraceContext::trace_state).unwrap_or_default().to_owned(),
            ..Surroundings::default()
        }
    }

    fn sink(&self, instance_id: Option<&str>) -> LogSink {
        let (logs, clock) = (self.0.logs.clone(), self.0.clock.clone());
        let instance_id = instance_id.map(str::to_owned);
        Arc::new(move |line: LogLine| {
            logs.add(LogRecord {
                time: clock.now(),
                level: line.level,
                function: line.function.to_owned(),
                instance_id: instance_id.clone(),
                target: line.target,
                message: line.message,
            });
        })
    }

    fn episode_of(&self, function: &'static Function, item: WorkItem) -> WorkResult {
        let payload = item.payload.unwrap_or_default();
        let name = function.name;
        self.note_episode(Some(format!(
            "orchestration '{name}' ({}:{}), instance '{}'",
            function.file, function.line, item.instance_id
        )));
        // Code that was kept must say what a replay says.
        let again = self.0.twice.then(|| item.whole.unwrap_or_else(|| payload.clone()));
        let surroundings = self.surroundings(None, Some(&item.instance_id), item.trace.as_ref());
        let answer = self.0.app.run_episode(function, payload, &surroundings);
        let answer = answer.map_err(|failure| failure.message);
        if let Some(payload) = again.filter(|_| !asks_for_history(&answer)) {
            let second = self.0.app.run_episode_again(function, payload, &surroundings);
            let second = second.map_err(|failure| failure.message);
            if answer != second {
                self.note_episode(None);
                // Code that a test has changed under an instance: the replay says where it leaves the history.
                if let Some(text) = second.as_ref().ok().filter(|text| contradicts_history(text)) {
                    return WorkResult::Succeeded(ReturnValue::Text(text.clone()));
                }
                return WorkResult::Failed(two_answers(function, &text_of(answer), &text_of(second)));
            }
        }
        self.note_episode(None);
        match answer {
            Ok(answer) => WorkResult::Succeeded(ReturnValue::Text(answer)),
            Err(message) => WorkResult::Failed(message),
        }
    }

    async fn activity(&self, function: &'static Function, item: WorkItem) -> WorkResult {
        let input = item.payload.as_deref().unwrap_or("null");
        let input: Value = serde_json::from_str(input).unwrap_or_else(|_| Value::String(input.to_owned()));
        let name = function
            .durable()
            .map_or_else(|| function.name.to_owned(), |(_, name)| name);
        let index = {
            let mut calls = self.calls();
            calls.push(ActivityCall {
                activity: name.clone(),
                instance_id: item.instance_id.clone(),
                time: self.0.clock.now(),
                input: input.clone(),
                result: None,
            });
            calls.len() - 1
        };
        let fake = self.fakes().get(&name);
        let result = match fake {
            Some(fake) => {
                let script = fake.script();
                if !script.delay.is_zero() {
                    self.0.clock.sleep_until(later(self.0.clock.now(), script.delay)).await;
                }
                let answer = script.answer(input);
                if let Err(Failed::Panicked(message)) = &answer {
                    let mut panic = self.0.panic.lock().unwrap_or_else(PoisonError::into_inner);
                    panic.get_or_insert_with(|| format!("the fake of activity '{name}' panicked: {message}"));
                }
                answer
                    .map(|value| ReturnValue::Json(value.to_string()))
                    .map_err(|failed| failed.to_string())
            }
            None => self.real_activity(function, item).await,
        };
        if let Some(call) = self.calls().get_mut(index) {
            call.result = Some(match &result {
                Ok(value) => Ok(json_of(value)),
                Err(message) => Err(message_of(message)),
            });
        }
        result.map_or_else(WorkResult::Failed, WorkResult::Succeeded)
    }

    /// Entities take turns with activities: they may do I/O, too.
    async fn entity(&self, function: &'static Function, item: WorkItem) -> WorkResult {
        let call = entity_call(function, &item);
        let result = self.in_turn(function, call, &item).await;
        result.map_or_else(WorkResult::Failed, WorkResult::Succeeded)
    }

    async fn real_activity(&self, function: &'static Function, item: WorkItem) -> Result<ReturnValue, String> {
        let call = activity_call(function, &item);
        self.in_turn(function, call, &item).await
    }

    /// Runs a function of the app when it is its turn.
    async fn in_turn(&self, function: &'static Function, call: Call, item: &WorkItem) -> Result<ReturnValue, String> {
        // Nothing of it begins before.
        let run = async {
            self.invoke(function, call, Some(&item.instance_id), item.trace.as_ref())
                .await
        };
        returned(self.0.turns.take(run).await?)
    }
}

impl Worker for AppWorker {
    fn run(&self, item: WorkItem) -> Pin<Box<dyn Future<Output = Result<WorkResult, WorkError>> + Send>> {
        let worker = self.clone();
        Box::pin(async move {
            let Some(function) = worker.0.app.find(&item.function) else {
                return Ok(WorkResult::Failed(format!(
                    "this app has no function '{}'",
                    item.function
                )));
            };
            let begun = item.begun.clone();
            let run = async {
                match item.kind {
                    WorkKind::Orchestration => worker.episode_of(function, item),
                    WorkKind::Activity => worker.activity(function, item).await,
                    WorkKind::Entity => worker.entity(function, item).await,
                }
            };
            let result = worker.process().run(function.name, &begun, run).await;
            result.map_err(WorkError::WorkerDied)
        })
    }
}

/// Whether the app has not kept the instance that it was to go on with.
fn asks_for_history(answer: &Result<String, String>) -> bool {
    let response = answer.as_ref().ok().and_then(|answer| response_of(answer));
    response.is_some_and(|response| response.requires_history)
}

/// Whether the code asked for something else than its history has.
fn contradicts_history(answer: &str) -> bool {
    let actions = response_of(answer).map(|response| response.actions).unwrap_or_default();
    actions.into_iter().any(|action| match action.orchestrator_action_type {
        Some(OrchestratorActionType::CompleteOrchestration(action)) => action
            .failure_details
            .is_some_and(|details| details.error_type == "non-deterministic orchestration"),
        _ => false,
    })
}

fn response_of(answer: &str) -> Option<OrchestratorResponse> {
    let message = BASE64_STANDARD.decode(answer).ok()?;
    OrchestratorResponse::decode(message.as_slice()).ok()
}

/// The message of a failed activity as people read it.
fn message_of(text: &str) -> String {
    #[derive(serde::Deserialize)]
    struct Details {
        #[serde(rename = "errorMessage")]
        message: String,
    }
    // What the protobuf wire has in place of a text.
    serde_json::from_str::<Details>(text).map_or_else(|_| readable(text.to_owned()), |details| details.message)
}

/// What a host sends to an activity.
pub(super) fn activity_call(function: &Function, item: &WorkItem) -> Call {
    let text = |text: &str| TypedData {
        data: Some(Data::String(text.to_owned())),
    };
    let input = item.payload.as_deref().map_or_else(TypedData::default, text);
    let trigger = binding_names(function, "activityTrigger").next().unwrap_or_default();
    let mut trigger_metadata = HashMap::from([("instanceId".to_owned(), text(&item.instance_id))]);
    if item.payload.is_some() {
        trigger_metadata.insert(trigger.clone(), input.clone());
        trigger_metadata.insert("data".to_owned(), input.clone());
    }
    Call {
        inputs: vec![(trigger, input)],
        trigger_metadata,
    }
}

/// What a host sends to an entity: the batch, under the trigger's name.
fn entity_call(function: &Function, item: &WorkItem) -> Call {
    let data = item.payload.clone().map(Data::String);
    let trigger = binding_names(function, "entityTrigger").next().unwrap_or_default();
    Call {
        inputs: vec![(trigger, TypedData { data })],
        trigger_metadata: HashMap::new(),
    }
}

/// Adds what a host gives to the function's durable clients.
fn with_clients(function: &Function, mut call: Call) -> Call {
    let clients = ["durableClient", "orchestrationClient"];
    for name in clients.into_iter().flat_map(|kind| binding_names(function, kind)) {
        let data = Data::String(client_binding());
        call.inputs.push((name, TypedData { data: Some(data) }));
    }
    call
}

fn binding_names(function: &Function, kind: &'static str) -> impl Iterator<Item = String> + use<> {
    let bindings = (function.bindings)().into_iter();
    bindings
        .filter(move |binding| binding.get("type").is_some_and(|name| name == kind))
        .filter_map(|binding| Some(binding.get("name")?.as_str()?.to_owned()))
}

/// What an activity returned.
pub(super) fn value_of(outputs: Outputs) -> Value {
    returned(outputs).map_or(Value::Null, |value| json_of(&value))
}

fn returned(outputs: Outputs) -> Result<ReturnValue, String> {
    match outputs.return_value.and_then(|value| value.data) {
        None => Ok(ReturnValue::None),
        Some(Data::Json(json)) => Ok(ReturnValue::Json(json)),
        Some(Data::String(text)) => Ok(ReturnValue::Text(text)),
        Some(Data::Bytes(bytes)) => Ok(ReturnValue::Bytes(bytes)),
        Some(Data::Int(number)) => Ok(ReturnValue::Integer(number)),
        Some(Data::Double(number)) => Ok(ReturnValue::Double(number)),
        Some(_) => Err("the activity returned a kind of value that an activity cannot return".to_owned()),
    }
}

fn json_of(value: &ReturnValue) -> Value {
    match value {
        ReturnValue::None => Value::Null,
        ReturnValue::Json(json) => serde_json::from_str(json).unwrap_or_else(|_| Value::String(json.clone())),
        ReturnValue::Text(text) => Value::String(text.clone()),
        ReturnValue::Bytes(bytes) => bytes.to_vec().into(),
        ReturnValue::Integer(number) => (*number).into(),
        ReturnValue::Double(number) => (*number).into(),
    }
}

fn text_of(answer: Result<String, String>) -> String {
    answer.unwrap_or_else(|message| message)
}

/// Both from where they differ.
fn two_answers(function: &Function, first: &str, second: &str) -> String {
    let same = first.bytes().zip(second.bytes()).take_while(|(a, b)| a == b).count();
    let from = |text: &str| -> String {
        let start = (0..=same.saturating_sub(60))
            .rev()
            .find(|index| text.is_char_boundary(*index));
        text[start.unwrap_or_default()..].chars().take(160).collect()
    };
    format!(
        "orchestration '{}' ({}:{}) is not deterministic: run twice on the same history, it first answered …{}… and then …{}…. \
         Look for the clock, random numbers, the order of a HashMap, statics, or a select! or join! that is not the context's.",
        function.name,
        function.file,
        function.line,
        from(first),
        from(second),
    )
}

impl fmt::Debug for AppWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppWorker").finish_non_exhaustive()
    }
}
