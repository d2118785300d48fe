//! What the code written by `#[func]` may name. Hidden, and free to change in any release.

pub use crate::call::{Call, Refused};
pub use crate::{
    binding::{
        FromBinding, FunctionReturn, IntoBinding, Returns,
        plain::{OfActivity, OfOrchestration, PlainValue, Wrap, Wraps},
        signature::{Constant, DeclaredOutput, Given, Literal, Output, Parameter},
        travels::Travels,
    },
    bindings::returned::{TypedContext, TypedReturn},
    durable::{Activity, Event, Orchestration, RetryOptions},
    error::FunctionError,
    http::Exchange,
    invocation::{Invocation, Outputs},
    registry::{DurableKind, EntityHandler, Function, Handler, InvocationFuture},
    retry_policy::{RetryDelay, RetryPolicy},
};
pub use inventory;

/// What tells a `Result` behind an alias.
pub use crate::entities::class::{NotResult, Returned};

/// What `#[entity]` calls.
pub mod class {
    pub use crate::{entities::class::*, error::BoxError};
}

/// The rules for signatures.
pub mod rules {
    pub use crate::binding::rules::*;
}

use crate::{
    BindingError,
    binding::{BindingData, BindingSpec, Input},
    durable::{DurableOrchestrationContext, OrchestrationOutput, Orchestrator},
    error::BoxError,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use std::{error::Error, marker::PhantomData};

/// The bindings of the function of this name, which has this doc comment.
pub fn bindings<R>(
    function: &str,
    docs: &str,
    parameters: &[Parameter],
    returns: &Returns<R>,
    outputs: &[Output],
) -> Vec<Map<String, Value>> {
    crate::binding::bindings(function, docs, parameters, returns.outputs, outputs)
}

/// How a function is called. The mode follows from the parameters' types, which a macro cannot see: so it writes the
/// same code for every mode, and the types pick what the code means.
#[derive(Debug)]
pub struct Mode<const MODE: u8>;

impl Mode<{ rules::PLAIN }> {
    /// Begins a call.
    pub fn begin(invocation: Invocation) -> Call {
        Call::new(invocation)
    }

    /// The handler of an `async fn`.
    pub const fn asynchronous(_: &[Parameter], run: fn(Invocation) -> InvocationFuture) -> Handler {
        Handler::Async(run)
    }

    /// The handler of a plain function.
    pub const fn blocking(_: &[Parameter], run: fn(Invocation) -> Result<Outputs, FunctionError>) -> Handler {
        Handler::Blocking(run)
    }
}

impl Mode<{ rules::ORCHESTRATION }> {
    /// Begins an episode.
    pub fn begin(context: DurableOrchestrationContext) -> Episode {
        Episode { context }
    }

    /// The handler of an orchestration.
    pub const fn asynchronous(_: &[Parameter], run: Orchestrator) -> Handler {
        Handler::Orchestration(run)
    }

    /// Refused by the rules; here so that theirs is the only error.
    pub const fn blocking(
        _: &[Parameter],
        _: fn(DurableOrchestrationContext) -> Result<OrchestrationOutput, BoxError>,
    ) -> Handler {
        Handler::Blocking(|_| Err(FunctionError::new("an orchestration must be asynchronous")))
    }
}

impl Mode<{ rules::ENTITY }> {
    /// Begins an operation.
    pub fn begin(call: Call) -> Call {
        call
    }

    /// The handler of an `async fn`.
    pub const fn asynchronous(parameters: &[Parameter], run: fn(Call) -> InvocationFuture) -> Handler {
        Handler::Entity {
            trigger: rules::entity_trigger(parameters),
            run: EntityHandler::Async(run),
        }
    }

    /// The handler of a plain function.
    pub const fn blocking(parameters: &[Parameter], run: fn(Call) -> Result<Outputs, FunctionError>) -> Handler {
        Handler::Entity {
            trigger: rules::entity_trigger(parameters),
            run: EntityHandler::Blocking(run),
        }
    }
}

/// The run of an orchestration in one episode: same face as [`Call`].
#[derive(Debug)]
pub struct Episode {
    context: DurableOrchestrationContext,
}

impl Episode {
    /// Makes a parameter.
    ///
    /// # Errors
    /// If it is not the context, or the input of another shape.
    pub fn take<T: FromBinding>(&mut self, _: &'static Parameter) -> Result<T, BoxError> {
        T::from_orchestration(&self.context)
    }

    /// Ends the run with what the function returned.
    ///
    /// # Errors
    /// If it returned one.
    pub fn finish<R>(self, returns: &Returns<R>, returned: R) -> Result<OrchestrationOutput, BoxError> {
        (returns.into_orchestration)(returned)
    }

    /// Ends the run without running the function.
    ///
    /// # Errors
    /// Always.
    pub fn refuse<R>(self, _: &Returns<R>, error: BoxError) -> Result<OrchestrationOutput, BoxError> {
        Err(error)
    }

    /// As [`finish`](Self::finish): an orchestration that says it is an activity is refused by the rules.
    ///
    /// # Errors
    /// If it returned one.
    pub fn finish_activity<R>(
        self,
        returns: &Returns<R>,
        returned: R,
        _own_error: Option<String>,
    ) -> Result<OrchestrationOutput, BoxError> {
        (returns.into_orchestration)(returned)
    }
}

/// The error in a `Result` of type `R`, if it is one that serde can write and read: it travels.
///
/// Inherent items come before those of a trait, so that every other type has [`NoOwnError`].
#[derive(Debug)]
pub struct OwnError<R>(PhantomData<R>);

impl<T, E: Error + Serialize + DeserializeOwned> OwnError<Result<T, E>> {
    /// The error as JSON.
    pub fn write(returned: &Result<T, E>) -> Option<String> {
        Self::write_error(returned.as_ref().err()?)
    }

    /// The error as JSON.
    pub fn write_error(error: &E) -> Option<String> {
        serde_json::to_string(error).ok()
    }

    /// The error from JSON.
    pub fn read(json: &str) -> Option<E> {
        serde_json::from_str(json).ok()
    }
}

/// See [`OwnError`]. Without bounds: what is wrong with a return type is said elsewhere.
pub trait NoOwnError<R, E> {
    /// None.
    fn write_error(_: &E) -> Option<String> {
        None
    }

    /// None.
    fn read(_: &str) -> Option<E> {
        None
    }
}

impl<R, E> NoOwnError<R, E> for OwnError<R> {}

/// As [`NoOwnError`], of what was returned.
pub trait NoErrorReturned<R> {
    /// None.
    fn write(_: &R) -> Option<String> {
        None
    }
}

impl<R> NoErrorReturned<R> for OwnError<R> {}

/// A parameter of an activity: a binding, or else the activity's input.
///
/// Inherent items come before those of a trait, so that a type which is both is a binding.
#[derive(Debug)]
pub struct ActivityParameter<T>(PhantomData<T>);

impl<T: FromBinding> ActivityParameter<T> {
    /// What the type binds to.
    pub const SPEC: BindingSpec = T::SPEC;

    /// Makes the parameter.
    ///
    /// # Errors
    /// If what the host sent does not fit it.
    pub fn take(call: &mut impl Parameters, parameter: &'static Parameter) -> Result<T, Refused> {
        call.binding(parameter)
    }
}

/// See [`ActivityParameter`].
pub trait PlainParameter<T> {
    /// An activity trigger.
    const SPEC: BindingSpec = BindingSpec::activity();

    /// Makes the parameter from the activity's input.
    ///
    /// # Errors
    /// If the input is of another shape.
    fn take(call: &mut impl Parameters, parameter: &'static Parameter) -> Result<T, Refused>
    where
        T: ActivityInput,
    {
        call.input(parameter)
    }
}

impl<T> PlainParameter<T> for ActivityParameter<T> {}

/// What makes the parameters of an activity.
pub trait Parameters {
    /// From its binding.
    ///
    /// # Errors
    /// If what the host sent does not fit it.
    fn binding<T: FromBinding>(&mut self, parameter: &'static Parameter) -> Result<T, Refused>;

    /// From the activity's input.
    ///
    /// # Errors
    /// If the input is of another shape.
    fn input<T: ActivityInput>(&mut self, parameter: &'static Parameter) -> Result<T, Refused>;
}

impl Parameters for Call {
    fn binding<T: FromBinding>(&mut self, parameter: &'static Parameter) -> Result<T, Refused> {
        self.take(parameter)
    }

    fn input<T: ActivityInput>(&mut self, parameter: &'static Parameter) -> Result<T, Refused> {
        self.take_with(parameter, |mut input: Input<'_>| T::from_input(input.take_data()))
    }
}

/// The plain input of an activity.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a parameter of an activity",
    label = "not a binding, and not an input that serde can read",
    note = "derive `serde::Deserialize` for it to make it the activity's input; a type that borrows cannot be one: write `String`, not `&str`"
)]
pub trait ActivityInput: Sized {
    /// Reads the input.
    ///
    /// # Errors
    /// If it is of another shape.
    fn from_input(input: BindingData) -> Result<Self, BindingError>;
}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned> ActivityInput for T {
    fn from_input(input: BindingData) -> Result<Self, BindingError> {
        crate::bindings::read_input(input)
    }
}

/// Orchestrations that are kept between their turns: for the benchmarks and property tests of this workspace.
pub struct Parking(crate::durable::ParkedInstances);

impl Parking {
    /// Keeps so many at most.
    #[must_use]
    pub fn with_room_for(count: usize) -> Self {
        Self(crate::durable::ParkedInstances::with_room_for(
            count,
            crate::durable::MAX_BYTES,
        ))
    }

    /// As [`run_episode`], of an instance that may be kept here.
    ///
    /// # Errors
    /// The message of the exception that fails the invocation.
    pub fn run_turn(&mut self, payload: String, function: &str, orchestrator: Orchestrator) -> Result<String, String> {
        let episode = crate::durable::run_turn(
            payload,
            function,
            "an unknown place",
            orchestrator,
            &crate::durable::KnownFunctions::any(),
            Some(&mut self.0),
            false,
        );
        self.0.drop_aside();
        answered(episode)
    }
}

impl std::fmt::Debug for Parking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parking").finish_non_exhaustive()
    }
}

/// Runs one episode of an orchestration that may call any function: for the benchmarks and property tests of this
/// workspace.
///
/// # Errors
/// The message of the exception that fails the invocation.
pub fn run_episode(payload: String, function: &str, orchestrator: Orchestrator) -> Result<String, String> {
    answered(crate::durable::run_episode(
        payload,
        function,
        "an unknown place",
        orchestrator,
        &crate::durable::KnownFunctions::any(),
    ))
}

fn answered(episode: crate::durable::Episode) -> Result<String, String> {
    match episode {
        crate::durable::Episode::Answer(answer) => Ok(answer),
        crate::durable::Episode::Protobuf { answer, .. } => Ok(crate::durable::encode_message(answer.as_ref())),
        crate::durable::Episode::Failed { message, .. } => Err(message),
    }
}
