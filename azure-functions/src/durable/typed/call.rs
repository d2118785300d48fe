//! Calls of functions by type.

use super::{Activity, Orchestration, ReadJson};
use crate::durable::{
    CallError, CallFuture, ContinueAsNewFuture, DurableOrchestrationContext, RetryOptions, TaskFailure,
};
use serde::Serialize;
use serde_json::Value;
use std::{
    any::type_name,
    error::Error,
    fmt,
    future::Future,
    marker::PhantomData,
    panic::Location,
    pin::Pin,
    task::{Context, Poll},
};

/// Calls by type: the name of a function is also a type.
impl<T> DurableOrchestrationContext<T> {
    /// Calls an activity of this app; name, input and output are checked when the app is compiled.
    ///
    /// ```
    /// # use azure_functions::prelude::*;
    /// #[func]
    /// fn say_hello(name: String) -> ActivityOutput<String> {
    ///     format!("Hello {name}!").into()
    /// }
    ///
    /// #[func]
    /// async fn greet(context: DurableOrchestrationContext<String>) -> Result<OrchestrationOutput<String>, CallError> {
    ///     let greeting = context.call::<say_hello>(context.input()).await?;
    ///     Ok(greeting.into())
    /// }
    /// ```
    #[track_caller]
    pub fn call<F: Activity>(&self, input: F::Input) -> TypedCall<F::Output, F::Error>
    where
        F::Input: Serialize,
        F::Output: ReadJson,
    {
        self.typed_call::<F>(&input, None)
    }

    /// Calls an activity of this app, and again when it fails.
    #[track_caller]
    pub fn call_with_retry<F: Activity>(&self, options: RetryOptions, input: F::Input) -> TypedCall<F::Output, F::Error>
    where
        F::Input: Serialize,
        F::Output: ReadJson,
    {
        self.typed_call::<F>(&input, Some(options))
    }

    #[track_caller]
    fn typed_call<F: Activity>(&self, input: &F::Input, retry: Option<RetryOptions>) -> TypedCall<F::Output, F::Error>
    where
        F::Input: Serialize,
        F::Output: ReadJson,
    {
        TypedCall {
            call: self.make_call(self.activity(F::NAME, input), retry, Location::caller()),
            name: F::NAME,
            read: read_output,
            read_error: F::read_error,
        }
    }

    /// Starts another orchestration of this app and waits for its output; name, input and output are checked when the app
    /// is compiled.
    #[track_caller]
    pub fn call_sub<F: Orchestration>(&self, input: F::Input) -> TypedAnswer<F::Output>
    where
        F::Input: Serialize,
        F::Output: ReadJson,
    {
        self.typed_sub_call::<F>(None, &input, None)
    }

    /// Starts another orchestration of this app under an instance id of your choice, and waits for its output.
    #[track_caller]
    pub fn call_sub_with_id<F: Orchestration>(&self, instance_id: &str, input: F::Input) -> TypedAnswer<F::Output>
    where
        F::Input: Serialize,
        F::Output: ReadJson,
    {
        self.typed_sub_call::<F>(Some(instance_id), &input, None)
    }

    /// Starts another orchestration of this app and waits for its output, and again when it fails. Every attempt is an
    /// instance of its own.
    #[track_caller]
    pub fn call_sub_with_retry<F: Orchestration>(
        &self,
        options: RetryOptions,
        input: F::Input,
    ) -> TypedAnswer<F::Output>
    where
        F::Input: Serialize,
        F::Output: ReadJson,
    {
        self.typed_sub_call::<F>(None, &input, Some(options))
    }

    /// Starts another orchestration of this app under an instance id of your choice and waits for its output, and again when
    /// it fails. Every attempt has that id.
    ///
    /// ```
    /// # use azure_functions::prelude::*;
    /// # use std::time::Duration;
    /// #[func]
    /// async fn ship(context: DurableOrchestrationContext<String>) -> OrchestrationOutput<String> {
    ///     context.input().into()
    /// }
    ///
    /// #[func]
    /// async fn order(context: DurableOrchestrationContext<String>) -> Result<OrchestrationOutput<String>, CallError> {
    ///     let (item, three) = (context.input(), RetryOptions::new(Duration::from_secs(5), 3));
    ///     let shipped = context.call_sub_with_id_and_retry::<ship>("the-parcel", three, item).await?;
    ///     Ok(shipped.into())
    /// }
    /// ```
    #[track_caller]
    pub fn call_sub_with_id_and_retry<F: Orchestration>(
        &self,
        instance_id: &str,
        options: RetryOptions,
        input: F::Input,
    ) -> TypedAnswer<F::Output>
    where
        F::Input: Serialize,
        F::Output: ReadJson,
    {
        self.typed_sub_call::<F>(Some(instance_id), &input, Some(options))
    }

    #[track_caller]
    fn typed_sub_call<F: Orchestration>(
        &self,
        instance_id: Option<&str>,
        input: &F::Input,
        retry: Option<RetryOptions>,
    ) -> TypedAnswer<F::Output>
    where
        F::Input: Serialize,
        F::Output: ReadJson,
    {
        let call = self.sub_orchestration(F::NAME, instance_id, input);
        TypedAnswer {
            call: self.make_call(call, retry, Location::caller()),
            name: F::NAME,
            read: read_output,
        }
    }

    /// Ends this execution and starts the orchestration over with a new input of the same type, as
    /// [`continue_as_new`](Self::continue_as_new) does. The future has any type, and is never ready: return it.
    ///
    /// ```
    /// # use azure_functions::prelude::*;
    /// #[func]
    /// async fn count(context: DurableOrchestrationContext<u32>) -> OrchestrationOutput<String> {
    ///     match context.input() {
    ///         3 => "done".into(),
    ///         n => context.start_over(n + 1, false).await,
    ///     }
    /// }
    /// ```
    ///
    /// # Panics
    /// If the input cannot be written as JSON.
    #[track_caller]
    pub fn start_over<R>(&self, input: T, preserve_unprocessed_events: bool) -> StartOver<R>
    where
        T: Serialize,
    {
        StartOver {
            never: self.continue_as_new(&input, preserve_unprocessed_events),
            returned: PhantomData,
        }
    }
}

/// Future of a called activity: its output, or why it failed.
///
/// Calls of activities that have the same output and error are of the same type, for lists of them.
#[must_use = "the call has been made, but its output and its failure are lost unless you `.await` it"]
pub struct TypedCall<O, E> {
    call: CallFuture,
    name: &'static str,
    read: fn(&str, Value) -> Result<O, CallError>,
    read_error: fn(&str) -> Option<E>,
}

impl<O, E> Future for TypedCall<O, E> {
    type Output = Result<O, ActivityError<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = std::task::ready!(Pin::new(&mut self.call).poll(cx));
        Poll::Ready(match answer {
            Ok(output) => (self.read)(self.name, output).map_err(ActivityError::Call),
            Err(CallError::Activity(failure)) => match failure.error_json.as_deref().and_then(self.read_error) {
                Some(error) => Err(ActivityError::Returned { error, failure }),
                None => Err(ActivityError::Call(CallError::Activity(failure))),
            },
            Err(error) => Err(ActivityError::Call(error)),
        })
    }
}

/// Future of a called sub-orchestration: its output, or why it failed.
#[must_use = "the call has been made, but its output and its failure are lost unless you `.await` it"]
pub struct TypedAnswer<O> {
    call: CallFuture,
    name: &'static str,
    read: fn(&str, Value) -> Result<O, CallError>,
}

impl<O> Future for TypedAnswer<O> {
    type Output = Result<O, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = std::task::ready!(Pin::new(&mut self.call).poll(cx));
        Poll::Ready(answer.and_then(|output| (self.read)(self.name, output)))
    }
}

/// Future of [`start_over`](crate::bindings::DurableOrchestrationContext::start_over): never ready, because this execution
/// ends here.
#[must_use = "return this: nothing behind it runs in this execution"]
pub struct StartOver<R> {
    never: ContinueAsNewFuture,
    returned: PhantomData<fn() -> R>,
}

impl<R> Future for StartOver<R> {
    type Output = R;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R> {
        // It cannot be ready; if it were, waiting on would be the only right thing.
        match Pin::new(&mut self.never).poll(cx) {
            Poll::Ready(_) | Poll::Pending => Poll::Pending,
        }
    }
}

impl<O, E> fmt::Debug for TypedCall<O, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypedCall")
            .field("name", &self.name)
            .field("call", &self.call)
            .finish_non_exhaustive()
    }
}

impl<O> fmt::Debug for TypedAnswer<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypedAnswer")
            .field("name", &self.name)
            .field("call", &self.call)
            .finish_non_exhaustive()
    }
}

impl<R> fmt::Debug for StartOver<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StartOver").field(&self.never).finish()
    }
}

/// Reads an output; `name` is what an error about its shape says.
pub(super) fn read_output<O: ReadJson>(name: &str, output: Value) -> Result<O, CallError> {
    O::read_json(output).map_err(|error| CallError::Output {
        name: name.to_owned(),
        expected: type_name::<O>(),
        path: error.path().to_string(),
        source: error.into_inner(),
    })
}

/// Why a typed call of an activity failed.
///
/// ```
/// # use azure_functions::prelude::*;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, Serialize, Deserialize, thiserror::Error)]
/// enum PaymentError {
///     #[error("the card was declined")]
///     Declined,
///     #[error("only {0} are left")]
///     Short(u32),
/// }
///
/// #[func]
/// fn charge(amount: u32) -> Result<ActivityOutput<u32>, PaymentError> {
///     if amount > 100 { Err(PaymentError::Short(100)) } else { Ok(amount.into()) }
/// }
///
/// #[func]
/// async fn pay(context: DurableOrchestrationContext<u32>) -> Result<OrchestrationOutput<u32>, CallError> {
///     match context.call::<charge>(context.input()).await {
///         Err(ActivityError::Returned { error: PaymentError::Short(left), .. }) => Ok(context.call::<charge>(left).await?.into()),
///         other => Ok(other?.into()),
///     }
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ActivityError<E> {
    /// The activity returned this error of its own. It comes back as itself if its type is an
    /// [`Error`] that serde can write and read.
    #[non_exhaustive]
    Returned {
        /// The error.
        error: E,
        /// What the host records of it.
        failure: Box<TaskFailure>,
    },
    /// It failed otherwise: panicked, was not reached, returned an error that cannot travel, or something that is not its
    /// output.
    Call(CallError),
}

impl<E> ActivityError<E> {
    /// The activity's own error, if that is what it is.
    #[must_use]
    pub fn returned(&self) -> Option<&E> {
        match self {
            Self::Returned { error, .. } => Some(error),
            Self::Call(_) => None,
        }
    }

    /// What happened, without the name of the function where the host adds it.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::Returned { failure, .. } => failure.message().to_owned(),
            Self::Call(error) => error.message(),
        }
    }
}

impl<E> fmt::Display for ActivityError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Returned { failure, .. } => failure.fmt(f),
            Self::Call(error) => error.fmt(f),
        }
    }
}

impl<E: fmt::Debug> Error for ActivityError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Returned { failure, .. } => failure.source(),
            Self::Call(error) => error.source(),
        }
    }
}

/// Forgets the type of the activity's own error; [`TaskFailure::error`] still has it.
impl<E> From<ActivityError<E>> for CallError {
    fn from(error: ActivityError<E>) -> Self {
        match error {
            ActivityError::Returned { failure, .. } => Self::Activity(failure),
            ActivityError::Call(error) => error,
        }
    }
}
