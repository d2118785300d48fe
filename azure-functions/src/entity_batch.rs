//! One invocation of an entity function: several operations, one after the other.
//!
//! An operation that fails leaves no trace but its error; the next one sees the state as it was before. The invocation
//! itself does not fail for it: the extension would run the whole batch again, for ever.

use crate::{
    FunctionError,
    binding::BindingData,
    bindings::DurableEntityContext,
    call::Call,
    durable::{
        Trigger, Wire,
        entity_batch::{self as wire, Form, Unread},
    },
    entities::{
        batch::{BatchAnswer, OperationFailure, OperationRequest, OperationResult},
        context::Effects,
        parked::ParkedStates,
    },
    invocation::{Invocation, Outputs},
    panics::{Panic, catch},
    registry::InvocationFuture,
    rpc::{Data, TypedData},
    spans::OperationSpan,
};
use azure_functions_durable::EntityId;
use chrono::{DateTime, Utc};
use std::{
    future::poll_fn,
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

/// How an operation ended.
type Ended = Result<Result<Outputs, FunctionError>, Panic>;

/// When an operation began.
struct Begun {
    at: DateTime<Utc>,
    clock: Instant,
}

impl Begun {
    fn now() -> Self {
        Self {
            at: Utc::now(),
            clock: Instant::now(),
        }
    }
}

/// A batch under way.
struct Batch {
    wire: Wire,
    form: Form,
    /// How long the entity may be idle before its session ends.
    session: Option<Duration>,
    id: Arc<EntityId>,
    function: &'static str,
    operations: std::vec::IntoIter<OperationRequest>,
    /// Whether nothing but this process makes the spans of operations.
    makes_spans: bool,
    /// After the operations so far.
    effects: Effects,
    results: Vec<OperationResult>,
}

/// Runs a batch on this thread. `trigger` is the name of the trigger's binding.
///
/// # Errors
/// Only if the host sent no batch, on the JSON wire.
pub(crate) fn run_blocking(
    run: fn(Call) -> Result<Outputs, FunctionError>,
    trigger: &str,
    mut invocation: Invocation,
    parked: &ParkedStates,
) -> Result<Outputs, FunctionError> {
    let mut batch = match Batch::begin(trigger, &mut invocation, parked) {
        Ok(batch) => batch,
        Err(answer) => return *answer,
    };
    while let Some((context, span)) = batch.next_operation() {
        let begun = Begun::now();
        let call = Call::of_entity(invocation.clone(), context.clone());
        let ended = match context.check_input() {
            Ok(()) => {
                let _current = span.enter();
                catch(|| run(call))
            }
            Err(error) => Ok(Err(FunctionError::from_error(error))),
        };
        batch.settle(&context, ended, &begun, span);
    }
    batch.answer(parked)
}

/// Runs a batch of an asynchronous function.
///
/// # Errors
/// Only if the host sent no batch, on the JSON wire.
pub(crate) async fn run_async(
    run: fn(Call) -> InvocationFuture,
    trigger: &str,
    mut invocation: Invocation,
    parked: Arc<ParkedStates>,
) -> Result<Outputs, FunctionError> {
    let mut batch = match Batch::begin(trigger, &mut invocation, &parked) {
        Ok(batch) => batch,
        Err(answer) => return *answer,
    };
    while let Some((context, span)) = batch.next_operation() {
        let begun = Begun::now();
        let call = Call::of_entity(invocation.clone(), context.clone());
        let ended = match context.check_input() {
            Ok(()) => caught(&span, move || run(call)).await,
            Err(error) => Ok(Err(FunctionError::from_error(error))),
        };
        batch.settle(&context, ended, &begun, span);
    }
    batch.answer(&parked)
}

/// Runs a future whose making, polls and end may panic.
async fn caught(span: &OperationSpan, make: impl FnOnce() -> InvocationFuture) -> Ended {
    let in_span = |work: &mut dyn FnMut() -> Poll<Result<Outputs, FunctionError>>| {
        let _current = span.enter();
        catch(work)
    };
    let mut future = {
        let _current = span.enter();
        catch(make)?
    };
    let ended = poll_fn(|cx| match in_span(&mut || future.as_mut().poll(cx)) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(result)) => Poll::Ready(Ok(result)),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await;
    let _current = span.enter();
    let dropped = catch(|| drop(future));
    ended.and_then(|result| dropped.map(|()| result))
}

impl Batch {
    /// Or the answer, if it cannot be run.
    fn begin(
        trigger: &str,
        invocation: &mut Invocation,
        parked: &ParkedStates,
    ) -> Result<Self, Box<Result<Outputs, FunctionError>>> {
        let function = invocation.function;
        let data = invocation.inputs.iter_mut().find(|(name, _)| name == trigger);
        let trigger = trigger_of(data.map(|(_, data)| std::mem::take(data)).unwrap_or_default());
        let form = Form::of(&trigger);
        let mut batch = wire::read(&trigger, function).map_err(|unread| Box::new(refuse(unread)))?;
        // Whatever comes of this batch, what was kept before it is no longer true.
        let kept = parked.take(&batch.id, Instant::now());
        if batch.without_state {
            let Some(state) = kept else {
                return Err(Box::new(Ok(Outputs::returned(wire::need_state(form)))));
            };
            (batch.exists, batch.state) = (state.is_some(), state);
        }
        Ok(Self {
            wire: batch.wire,
            form,
            session: batch.session,
            id: Arc::new(batch.id),
            function,
            results: Vec::with_capacity(batch.operations.len()),
            operations: batch.operations.into_iter(),
            makes_spans: invocation.makes_spans,
            effects: Effects {
                exists: batch.exists,
                state: batch.state,
                ..Effects::default()
            },
        })
    }

    fn next_operation(&mut self) -> Option<(DurableEntityContext, OperationSpan)> {
        let mut request = self.operations.next()?;
        let span = OperationSpan::begin(&self.id, &request.name, &mut request.trace, self.makes_spans);
        // The actions so far stay here: an operation adds its own.
        let effects = Effects {
            exists: self.effects.exists,
            state: self.effects.state.clone(),
            live: self.effects.live.take(),
            ..Effects::default()
        };
        let context = DurableEntityContext::new(self.wire, Arc::clone(&self.id), request, effects);
        Some((context, span))
    }

    fn settle(&mut self, context: &DurableEntityContext, ended: Ended, begun: &Begun, span: OperationSpan) {
        let duration = begun.clock.elapsed();
        let ended = match ended {
            Ok(Ok(outputs)) => Ok(result_text(outputs)),
            Ok(Err(error)) => Err(OperationFailure::Error(error)),
            Err(panic) => Err(OperationFailure::Panic(panic.told_of(self.function))),
        };
        span.end(ended.as_ref().err().map(OperationFailure::message));
        // Clones of the context may live on; what they do from now on has no effect.
        let effects = context.take_effects();
        self.effects.live = effects.live;
        match &ended {
            Ok(_) => {
                self.effects.exists = effects.exists;
                self.effects.state = effects.state;
                self.effects.actions.extend(effects.actions);
            }
            // The log may be the only place where it shows.
            Err(failure) if !context.is_call() => log::error!(
                "operation `{}` of entity `{}` failed: {}",
                context.operation(),
                self.id,
                failure.message()
            ),
            Err(_) => {}
        }
        self.results.push(OperationResult {
            ended,
            began: begun.at,
            duration,
        });
    }

    fn answer(self, parked: &ParkedStates) -> Result<Outputs, FunctionError> {
        let Effects {
            exists,
            state,
            live,
            actions,
            ..
        } = self.effects;
        // Its end is the user's code, which may panic; the operations are over.
        let _ = catch(|| drop(live));
        let answer = BatchAnswer {
            exists,
            state: state.as_deref().filter(|_| exists),
            actions: &actions,
            results: &self.results,
        };
        let data = wire::write(self.wire, self.form, &answer)?;
        if let Some(idle) = self.session {
            let state = exists.then(|| state.unwrap_or_else(|| Arc::from("null")));
            parked.keep(&self.id, state, idle, Instant::now());
        }
        Ok(Outputs::returned(data))
    }
}

/// The request in the trigger's value.
fn trigger_of(data: TypedData) -> Trigger {
    match data.data {
        Some(Data::Bytes(message)) => Trigger::Message(message),
        data => {
            let data = BindingData::from(TypedData { data });
            Trigger::Text(data.as_text().unwrap_or_default().into_owned())
        }
    }
}

/// The answer to what is no batch that can be run.
fn refuse(unread: Unread) -> Result<Outputs, FunctionError> {
    match unread {
        Unread::Json(error) => Err(*error),
        Unread::Protobuf { answer, failure } => {
            // The host sees an invocation that succeeds.
            log::error!("{failure}");
            Ok(Outputs::returned(*answer))
        }
    }
}

/// How to answer for a batch that does not answer itself, since a layer of the app failed or the future was dropped.
pub(crate) struct LateAnswer {
    request: Trigger,
}

impl LateAnswer {
    /// None where the invocation may fail. `trigger` is the name of the trigger's binding.
    pub(crate) fn of(trigger: &str, invocation: &Invocation) -> Option<Self> {
        let (_, data) = invocation.inputs.iter().find(|(name, _)| name == trigger)?;
        let request = trigger_of(data.clone());
        wire::answers_failures(&request).then_some(Self { request })
    }

    /// All operations fail, and the state stays as it is.
    pub(crate) fn failed(&self, error_type: &str, reason: &str) -> Option<Outputs> {
        wire::failed(&self.request, error_type, reason).map(Outputs::returned)
    }
}

/// What the function returned, as JSON text; the rules let it return nothing else.
fn result_text(outputs: Outputs) -> Option<String> {
    match outputs.return_value?.data {
        Some(Data::Json(text)) => Some(text),
        _ => None,
    }
}
