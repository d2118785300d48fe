//! The functions of the tested app, registered as the attribute would.

use azure_functions::{
    __private::{Function, Handler, Invocation, Outputs, inventory},
    Context, FunctionError,
    bindings::{DurableActivityContext, DurableEntityContext, DurableOrchestrationContext},
    durable::{ActivityOutput, OrchestrationOutput},
    entities::{EntityError, EntityOutput},
    func,
    rpc::{TypedData, typed_data::Data},
};
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeSet,
    sync::{Condvar, Mutex},
};

macro_rules! function {
    ($name:ident, $handler:expr) => {
        function!($name, $handler, trigger);
    };
    ($name:ident, $handler:expr, $bindings:expr) => {
        inventory::submit! {
            Function {
                name: stringify!($name),
                module: module_path!(),
                file: file!(),
                line: line!(),
                bindings: $bindings,
                parameters: &[],
                retry: None,
                handler: $handler,
            }
        }
    };
}

fn trigger() -> Vec<Map<String, Value>> {
    bindings(json!([{ "name": "input", "type": "queueTrigger", "direction": "in", "queueName": "jobs" }]))
}

fn bindings(json: Value) -> Vec<Map<String, Value>> {
    serde_json::from_value(json).unwrap()
}

/// Of an activity; its text has what looks like a secret.
#[derive(Debug, serde::Serialize, serde::Deserialize, thiserror::Error)]
#[error("{0}, for key=1")]
enum Trouble {
    Refused(String),
}

#[func(activity)]
fn fails_as_an_activity(input: String) -> Result<(), Trouble> {
    Err(Trouble::Refused(input))
}

/// Two operations in one invocation; one that is signalled fails.
#[func]
async fn counts(input: DurableEntityContext) -> Result<EntityOutput, EntityError> {
    tokio::task::yield_now().await;
    match input.operation() {
        "add" => {
            let sum = input.state::<i64>()?.unwrap_or_default() + input.input_as::<i64>()?;
            input.set_state(&sum)?;
            Ok(sum.into())
        }
        _ => Err(input.unknown_operation(["add"])),
    }
}

#[func]
fn counts_blocking(input: DurableEntityContext) {
    log::info!("{} of {}", input.operation(), input.entity_id());
}

function!(echo, Handler::Async(|i| Box::pin(async move { Ok(text(&input(&i))) })));
function!(echo_blocking, Handler::Blocking(|i| Ok(text(&input(&i)))));
function!(panics, Handler::Blocking(|i| panic!("sorry, {}", input(&i))));
function!(
    panics_before_its_future,
    Handler::Async(|i| panic!("bad {}", input(&i)))
);
function!(
    panics_late,
    Handler::Async(|i| Box::pin(async move {
        tokio::task::yield_now().await;
        panic!("late {}", input(&i))
    }))
);
function!(
    panics_with_a_bomb,
    Handler::Async(|_| Box::pin(async { std::panic::panic_any(Bomb) }))
);
function!(panics_when_dropped, Handler::Async(|_| Box::pin(HoldsABomb(Bomb))));
function!(
    fails,
    Handler::Blocking(|i| Err(FunctionError::new(format!("cannot do {}", input(&i)))))
);
function!(
    declines,
    Handler::Blocking(|_| Err(FunctionError::from_error(Declined(Poor(parse_error())))))
);
function!(
    declines_in_a_box,
    Handler::Blocking(|_| {
        let error: Box<dyn std::error::Error + Send + Sync> = parse_error().into();
        Err(FunctionError::from_error(error))
    })
);
function!(
    logs_outside,
    Handler::Blocking(|_| {
        let tasks = || {
            log::info!(target: "app::tasks", "no error,\nnothing failed");
            log::warn!(target: "app::tasks", "careful");
            log::error!(target: "app::tasks", "ignored a warning");
        };
        std::thread::spawn(tasks).join().unwrap();
        Ok(Outputs::default())
    })
);
function!(
    panics_on_a_thread,
    Handler::Blocking(|_| {
        let pump = std::thread::Builder::new().name("pump".to_owned());
        let ended = pump.spawn(|| panic!("out of water")).unwrap().join();
        assert!(ended.is_err());
        Ok(Outputs::default())
    })
);
function!(
    goes_on_after_its_answer,
    Handler::Async(|_| Box::pin(async {
        let context = Context::current().unwrap();
        std::thread::spawn(move || {
            wait_at_gate("after the answer");
            context.enter(|| log::warn!(target: "app::tasks", "late"));
        });
        Ok(Outputs::default())
    }))
);
function!(
    logs,
    Handler::Async(|i| Box::pin(async move {
        log::info!(target: "shop::orders", "first {}", input(&i));
        tokio::task::yield_now().await;
        log::warn!("second");
        log::debug!("detail");
        Ok(Outputs::default())
    }))
);
function!(
    logs_blocking,
    Handler::Blocking(|_| {
        log::error!("from a thread");
        let context = Context::current().unwrap();
        std::thread::spawn(move || context.enter(|| log::info!("from another")))
            .join()
            .unwrap();
        Ok(Outputs::default())
    })
);
function!(
    tells_its_context,
    Handler::Async(|_| Box::pin(async {
        tokio::task::yield_now().await;
        let context = Context::current().unwrap();
        let retry = context
            .retry()
            .map(|r| (r.retry_count, r.max_retry_count, r.last_failure.clone()));
        let told = json!([
            context.invocation_id(),
            context.function_name(),
            context.trace_parent(),
            retry
        ]);
        Ok(text(&told.to_string()))
    }))
);
function!(
    stops_when_cancelled,
    Handler::Async(|i| Box::pin(async move {
        log::info!("begun");
        i.cancellation.cancelled().await;
        Err(FunctionError::new("stopped early"))
    }))
);
function!(
    completes_when_cancelled,
    Handler::Async(|i| Box::pin(async move {
        log::info!("begun");
        i.cancellation.cancelled().await;
        Ok(text("done all the same"))
    }))
);
function!(
    never_ends,
    Handler::Async(|_| Box::pin(async {
        log::info!("begun");
        tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
        Ok(text("awake"))
    }))
);
function!(
    waits_for_nothing_with_what_panics_when_dropped,
    Handler::Async(|_| Box::pin(async {
        let _kept = PanicsWhenDropped;
        log::info!("begun");
        std::future::pending().await
    }))
);
function!(
    sleeps_with_what_panics_when_dropped,
    Handler::Async(|_| Box::pin(async {
        let _kept = PanicsWhenDropped;
        log::info!("begun");
        tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
        Ok(text("awake"))
    }))
);

struct PanicsWhenDropped;

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

function!(
    waits_at_a_gate,
    Handler::Blocking(|i| {
        log::info!("begun");
        wait_at_gate(&input(&i));
        Ok(text("through"))
    })
);
function!(
    opens_a_gate,
    Handler::Blocking(|i| {
        open_gate(&input(&i));
        Ok(Outputs::default())
    })
);
function!(
    blocks_an_async_thread,
    Handler::Async(|i| Box::pin(async move {
        log::info!("begun");
        wait_at_gate(&input(&i));
        Ok(text("through"))
    }))
);

function!(exits, Handler::Blocking(|i| end_this_process(&input(&i))));
function!(
    exits_async,
    Handler::Async(|i| Box::pin(async move {
        tokio::task::yield_now().await;
        end_this_process(&input(&i))
    }))
);
function!(
    exits_when_cancelled,
    Handler::Async(|i| Box::pin(async move {
        log::info!("begun");
        i.cancellation.cancelled().await;
        end_this_process(&input(&i))
    }))
);

fn end_this_process(how: &str) -> Result<Outputs, FunctionError> {
    match how {
        "from another thread" => {
            let _ = std::thread::spawn(|| std::process::exit(0)).join();
            unreachable!("the process has ended")
        }
        code => std::process::exit(code.parse().unwrap()),
    }
}
function!(
    blocks_for_long,
    Handler::Async(|i| Box::pin(async move {
        wait_at_gate(&input(&i));
        Ok(text("through"))
    }))
);

// What is to be done, and the name of the thread that does it.
function!(
    names_its_thread,
    Handler::Async(|i| Box::pin(async move { Ok(text(&thread_after(&input(&i)))) }))
);
function!(
    names_its_thread_blocking,
    Handler::Blocking(|i| Ok(text(&thread_after(&input(&i)))))
);

function!(
    names_its_thread_after_it_yields,
    Handler::Async(|_| Box::pin(async move {
        tokio::task::yield_now().await;
        Ok(text(&thread_after("")))
    }))
);
function!(
    takes_its_time,
    Handler::Async(|i| Box::pin(async move {
        std::thread::sleep(std::time::Duration::from_millis(input(&i).parse().unwrap()));
        Ok(text(&thread_after("")))
    }))
);

/// Waits at the gate, if one is named, or panics.
fn thread_after(what: &str) -> String {
    match what {
        "" => {}
        "panic" => panic!("on {}", std::thread::current().name().unwrap_or_default()),
        "panic with a bomb" => std::panic::panic_any(Bomb),
        gate => wait_at_gate(gate),
    }
    std::thread::current().name().unwrap_or_default().to_owned()
}

#[func]
async fn greets(context: DurableOrchestrationContext) -> OrchestrationOutput {
    log::info!("asking");
    let greeting = context.call_activity("greet", "Tokyo").await;
    log::info!("asked");
    greeting.unwrap_or_else(|e| e.to_string().into()).into()
}

#[func]
fn greet(context: DurableActivityContext) -> ActivityOutput {
    format!("Hello {}!", context.input().as_str().unwrap_or("stranger")).into()
}

#[func]
async fn blocks(_context: DurableOrchestrationContext) {
    log::info!("begun");
    let (_sender, receiver) = std::sync::mpsc::channel::<()>();
    let _ = receiver.recv_timeout(std::time::Duration::from_secs(3600));
}

#[func(allow_non_deterministic = "the replay core shall refuse it")]
async fn awaits_a_runtime_timer(context: DurableOrchestrationContext) {
    let _ = context.call_activity("greet", "Tokyo").await;
    tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
}

#[func(allow_non_deterministic = "the replay core shall refuse it")]
async fn joins_without_the_context(context: DurableOrchestrationContext) {
    let _ = tokio::join!(
        context.call_activity("greet", "Tokyo"),
        context.call_activity("greet", "London")
    );
}

#[func]
async fn awaits_nothing_there_is(_context: DurableOrchestrationContext) {
    std::future::pending::<()>().await;
}

#[func]
async fn panics_in_an_orchestration(context: DurableOrchestrationContext) {
    panic!("instance {}", context.instance_id());
}

static GATES: (Mutex<BTreeSet<String>>, Condvar) = (Mutex::new(BTreeSet::new()), Condvar::new());

/// Lets those through who wait at this gate.
pub(crate) fn open_gate(name: &str) {
    GATES.0.lock().unwrap().insert(name.to_owned());
    GATES.1.notify_all();
}

fn wait_at_gate(name: &str) {
    let mut open = GATES.0.lock().unwrap();
    while !open.contains(name) {
        open = GATES.1.wait(open).unwrap();
    }
}

fn input(invocation: &Invocation) -> String {
    match &invocation.inputs[0].1.data {
        Some(Data::String(text)) => text.clone(),
        other => panic!("not a string: {other:?}"),
    }
}

fn text(text: &str) -> Outputs {
    Outputs {
        return_value: Some(TypedData {
            data: Some(Data::String(text.to_owned())),
        }),
        outputs: vec![],
    }
}

#[derive(Debug, thiserror::Error)]
#[error("declined")]
struct Declined(#[source] Poor);

#[derive(Debug, thiserror::Error)]
#[error("no money")]
struct Poor(#[source] std::num::ParseIntError);

fn parse_error() -> std::num::ParseIntError {
    "999".parse::<u8>().unwrap_err()
}

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

struct HoldsABomb(Bomb);

impl Future for HoldsABomb {
    type Output = Result<Outputs, FunctionError>;

    fn poll(self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<Self::Output> {
        std::task::Poll::Ready(Ok(text("fine so far")))
    }
}
