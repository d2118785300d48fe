//! One invocation of an entity function: several operations, one after the other.
//!
//! An operation that fails leaves no trace but its error; the next one sees the state as it was before. The invocation
//! itself does not fail for it: the extension would run the whole batch again, for ever.

use crate::{
    FunctionError,
    binding::BindingData,
    bindings::DurableEntityContext,
    call::Call,
    entities::{
        context::Effects,
        payload::{BatchAnswer, BatchPayload, OperationPayload, OperationResult},
    },
    invocation::{Invocation, Outputs},
    panics::{Panic, catch},
    registry::InvocationFuture,
    rpc::{Data, TypedData},
};
use azure_functions_durable::EntityId;
use std::{
    future::poll_fn,
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

/// How an operation ended.
type Ended = Result<Result<Outputs, FunctionError>, Panic>;

/// A batch under way.
struct Batch {
    id: Arc<EntityId>,
    function: &'static str,
    operations: std::vec::IntoIter<OperationPayload>,
    /// After the operations so far.
    effects: Effects,
    results: Vec<OperationResult>,
}

/// Runs a batch on this thread. `trigger` is the name of the trigger's binding.
///
/// # Errors
/// Only if the host sent no batch.
pub(crate) fn run_blocking(
    run: fn(Call) -> Result<Outputs, FunctionError>,
    trigger: &str,
    mut invocation: Invocation,
) -> Result<Outputs, FunctionError> {
    let mut batch = Batch::begin(trigger, &mut invocation)?;
    while let Some(context) = batch.next_operation() {
        let begun = Instant::now();
        let call = Call::of_entity(invocation.clone(), context.clone());
        let ended = match context.check_input() {
            Ok(()) => catch(|| run(call)),
            Err(error) => Ok(Err(FunctionError::from_error(error))),
        };
        batch.settle(&context, ended, begun.elapsed());
    }
    batch.answer()
}

/// Runs a batch of an asynchronous function.
///
/// # Errors
/// Only if the host sent no batch.
pub(crate) async fn run_async(
    run: fn(Call) -> InvocationFuture,
    trigger: &str,
    mut invocation: Invocation,
) -> Result<Outputs, FunctionError> {
    let mut batch = Batch::begin(trigger, &mut invocation)?;
    while let Some(context) = batch.next_operation() {
        let begun = Instant::now();
        let call = Call::of_entity(invocation.clone(), context.clone());
        let ended = match context.check_input() {
            Ok(()) => caught(move || run(call)).await,
            Err(error) => Ok(Err(FunctionError::from_error(error))),
        };
        batch.settle(&context, ended, begun.elapsed());
    }
    batch.answer()
}

/// Runs a future whose making, polls and end may panic.
async fn caught(make: impl FnOnce() -> InvocationFuture) -> Ended {
    let mut future = catch(make)?;
    let ended = poll_fn(|cx| match catch(|| future.as_mut().poll(cx)) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(result)) => Poll::Ready(Ok(result)),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await;
    let dropped = catch(|| drop(future));
    ended.and_then(|result| dropped.map(|()| result))
}

impl Batch {
    fn begin(trigger: &str, invocation: &mut Invocation) -> Result<Self, FunctionError> {
        let function = invocation.function;
        let data = invocation.inputs.iter_mut().find(|(name, _)| name == trigger);
        let data = data.map(|(_, data)| std::mem::take(data)).unwrap_or_default();
        let BatchPayload {
            id,
            exists,
            state,
            batch,
        } = BindingData::from(data).parse().map_err(|error| {
            let text = format!("entity function `{function}`: the host sent no batch that can be read: {error}");
            FunctionError::with_source(text, error)
        })?;
        Ok(Self {
            id: Arc::new(id),
            function,
            results: Vec::with_capacity(batch.len()),
            operations: batch.into_iter(),
            effects: Effects {
                exists,
                state: state.filter(|_| exists).map(Arc::from),
                ..Effects::default()
            },
        })
    }

    fn next_operation(&mut self) -> Option<DurableEntityContext> {
        let OperationPayload { name, input, is_signal } = self.operations.next()?;
        // The signals so far stay here: an operation adds its own.
        let effects = Effects {
            exists: self.effects.exists,
            state: self.effects.state.clone(),
            live: self.effects.live.take(),
            ..Effects::default()
        };
        let name = name.unwrap_or_default();
        Some(DurableEntityContext::new(
            Arc::clone(&self.id),
            name,
            input,
            is_signal,
            effects,
        ))
    }

    fn settle(&mut self, context: &DurableEntityContext, ended: Ended, duration: Duration) {
        let outcome = match ended {
            Ok(Ok(outputs)) => Ok(result_text(outputs)),
            Ok(Err(error)) => Err(error.with_causes()),
            Err(panic) => Err(panic.told_of(self.function)),
        };
        // Clones of the context may live on; what they do from now on concerns nobody.
        let effects = context.take_effects();
        self.effects.live = effects.live;
        let (is_error, result) = match outcome {
            Ok(result) => {
                self.effects.exists = effects.exists;
                self.effects.state = effects.state;
                self.effects.signals.extend(effects.signals);
                (false, result)
            }
            Err(message) => {
                if context.is_signal() {
                    // Nobody else hears of it.
                    log::error!(
                        "operation `{}` of entity `{}` failed: {message}",
                        context.operation(),
                        self.id
                    );
                }
                (true, Some(serde_json::Value::String(message).to_string()))
            }
        };
        self.results.push(OperationResult {
            is_error,
            duration: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
            result,
        });
    }

    fn answer(self) -> Result<Outputs, FunctionError> {
        let Effects {
            exists,
            state,
            live,
            signals,
            ..
        } = self.effects;
        // Its end is the user's code, which may panic; the operations are over.
        let _ = catch(|| drop(live));
        let answer = BatchAnswer {
            entity_exists: exists,
            entity_state: state.as_deref().filter(|_| exists),
            signals: &signals,
            results: &self.results,
        };
        let json = serde_json::to_string(&answer).map_err(FunctionError::from_error)?;
        Ok(Outputs {
            return_value: Some(TypedData {
                data: Some(Data::Json(json)),
            }),
            outputs: Vec::new(),
        })
    }
}

/// What the function returned, as JSON text; the rules let it return nothing else.
fn result_text(outputs: Outputs) -> Option<String> {
    match outputs.return_value?.data {
        Some(Data::Json(text)) => Some(text),
        _ => None,
    }
}
