//! Runs the task hub's work items on the worker process.

use super::{
    invocation::{InvokeError, TriggerInput},
    recorder::Recorder,
    rpc::messages::{Data, InvocationResponse},
    runner::FunctionRunner,
};
use crate::durable::work::{Begun, ReturnValue, WorkError, WorkItem, WorkKind, WorkResult, Worker};
use std::{
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};

/// How long an item that is to run alone waits for what runs already.
const LAST_ANSWERS_LIMIT: Duration = Duration::from_secs(1);

/// The worker process, as the task hub sees it.
#[derive(Debug)]
pub(crate) struct DurableWorker {
    runner: FunctionRunner,
    recorder: Option<Arc<Recorder>>,
}

impl DurableWorker {
    pub(crate) fn new(runner: FunctionRunner, recorder: Option<Recorder>) -> Self {
        Self {
            runner,
            recorder: recorder.map(Arc::new),
        }
    }
}

impl Worker for DurableWorker {
    fn run(&self, item: WorkItem) -> Pin<Box<dyn Future<Output = Result<WorkResult, WorkError>> + Send>> {
        let runner = self.runner.clone();
        let recorder = self.recorder.clone();
        Box::pin(async move {
            // What an activity was given says nothing about a replay.
            if let Some(recorder) = recorder.filter(|_| item.kind == WorkKind::Orchestration) {
                recorder.record(&item).await;
            }
            match item.solitude {
                None => run(&runner, item).await,
                Some(time) => run_alone(&runner, item, time).await,
            }
        })
    }
}

/// Keeps others away from the worker until the item has run for so long there.
async fn run_alone(runner: &FunctionRunner, mut item: WorkItem, time: Duration) -> Result<WorkResult, WorkError> {
    // Callers are kept away from a process, not while there is none: the next one may take a long time to start.
    let _ = runner.find(&item.function).await;
    let closed = runner.keep_away().await;
    // If more than that goes on, so be it: the item is not blamed then.
    let _ = timeout(LAST_ANSWERS_LIMIT, runner.until_idle()).await;
    let reached = Arc::new(Notify::new());
    let (begun, noted) = (item.begun, Arc::clone(&reached));
    item.begun = Begun::new(move |process| {
        noted.notify_one();
        begun.reached(process);
    });
    let mut work = pin!(run(runner, item));
    let over = async {
        reached.notified().await;
        sleep(time).await;
    };
    tokio::select! {
        result = &mut work => return result,
        () = over => {}
    }
    drop(closed);
    work.await
}

async fn run(runner: &FunctionRunner, mut item: WorkItem) -> Result<WorkResult, WorkError> {
    let outcome = match runner.find(&item.function).await {
        Ok(function) => {
            let trigger = function
                .trigger()
                .map(|binding| binding.name.clone())
                .unwrap_or_default();
            let reason = format!("Instance {}", item.instance_id);
            let begun = item.begun.clone();
            let trace = item.trace.take();
            let input = trigger_input(item, trigger);
            runner.invoke(&function, &reason, input, trace.as_ref(), begun).await
        }
        Err(error) => Err(error),
    };
    match outcome {
        Ok(response) => Ok(return_value(response)),
        Err(InvokeError::Failed(failure)) => Ok(WorkResult::Failed(failure.message)),
        Err(InvokeError::WorkerDied(how)) => Err(WorkError::WorkerDied(how)),
        Err(InvokeError::TimedOut(limit)) => Err(WorkError::TimedOut(limit)),
        Err(InvokeError::ShuttingDown) => Err(WorkError::ShuttingDown),
        Err(error @ (InvokeError::NoWorker(_) | InvokeError::FunctionInError { .. })) => {
            Ok(WorkResult::Failed(error.to_string()))
        }
    }
}

/// Durable payloads are text, under the trigger's name; activities see it in their metadata too.
fn trigger_input(item: WorkItem, trigger: String) -> TriggerInput {
    let mut input = item.payload.map_or_else(TriggerInput::none, TriggerInput::text);
    if item.kind != WorkKind::Activity {
        return input;
    }
    if let Some(Data::String(payload)) = &input.data {
        let payload = payload.clone();
        input = input
            .with_metadata(trigger, payload.clone())
            .with_metadata("data", payload);
    }
    input.with_metadata("instanceId", item.instance_id)
}

fn return_value(response: InvocationResponse) -> WorkResult {
    let value = match response.return_value.and_then(|value| value.data) {
        None => ReturnValue::None,
        Some(Data::Json(json)) => ReturnValue::Json(json),
        Some(Data::String(text)) => ReturnValue::Text(text),
        Some(Data::Bytes(bytes)) => ReturnValue::Bytes(bytes),
        Some(Data::Int(number)) => ReturnValue::Integer(number),
        Some(Data::Double(number)) => ReturnValue::Double(number),
        Some(_) => {
            return WorkResult::Failed("the worker returned a kind of value that a function cannot return".to_owned());
        }
    };
    WorkResult::Succeeded(value)
}
