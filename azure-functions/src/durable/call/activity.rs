//! The call of an activity.

use super::{RawCall, Read, any_output, typed_output};
use crate::durable::{Activity, CallError, ReadJson, RetryOptions};
use serde_json::Value;
use std::{
    convert::Infallible,
    fmt,
    panic::Location,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// Future of a called activity: its output, or why the call failed. `?` takes the error wherever a [`CallError`] goes.
///
/// The call is made when the method of the context is called. Its options belong to it as long as nothing else has happened
/// since, so set them there; an option that comes later is refused.
///
/// ```
/// # use azure_functions::prelude::*;
/// # use std::time::Duration;
/// const POLICY: RetryOptions = RetryOptions::new(Duration::from_secs(5), 3);
///
/// #[func(activity)]
/// fn charge(amount: u32) -> Result<(), std::fmt::Error> {
///     println!("{amount} were paid");
///     Ok(())
/// }
///
/// #[func]
/// async fn checkout(context: DurableOrchestrationContext<u32>) -> Result<(), CallError> {
///     context.call::<charge>(context.input()).retry(&POLICY).named("charge card").await
/// }
/// ```
///
/// `E` is the activity's own error: see [`returned`](Self::returned). Calls of activities that have the same output and the same
/// error are of the same type, for lists of them; [`boxed`](Self::boxed) makes one type of different calls.
#[must_use = "the call has been made, but its output and its failure are lost unless you `.await` it"]
pub struct ActivityCall<O = Value, E = Infallible> {
    call: RawCall,
    name: &'static str,
    read: Read<O>,
    read_error: fn(&str) -> Option<E>,
}

impl ActivityCall {
    pub(in crate::durable) fn by_name(call: RawCall) -> Self {
        Self {
            call,
            name: "",
            read: any_output,
            read_error: |_| None,
        }
    }
}

impl<O, E> ActivityCall<O, E> {
    pub(in crate::durable) fn by_type<F>(call: RawCall) -> Self
    where
        F: Activity<Output = O, Error = E>,
        O: ReadJson,
    {
        Self {
            call,
            name: F::NAME,
            read: typed_output,
            read_error: F::read_error,
        }
    }

    /// Calls the activity again when it fails, as these options say. They replace the activity's own default
    /// (`#[func(activity, retry = POLICY)]`); [`RetryOptions::NONE`] turns that off.
    #[track_caller]
    pub fn retry(self, options: &RetryOptions) -> Self {
        self.call.retry(*options, Location::caller());
        self
    }

    /// Adds a tag to the call. The history keeps it, as part of the event that records the call; the activity does not see it.
    ///
    /// Only the protobuf wire has tags: on the JSON wire the call is not made, and its error is [`CallError::Unsupported`].
    /// Names that begin with `MS_DurableFunctions_` are the extension's own, and are refused.
    #[track_caller]
    pub fn tag(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        self.call.tag(name.as_ref(), value.as_ref(), Location::caller());
        self
    }

    /// A name for this call in reports: of code that no longer fits its history, and of what an instance waits for. On the protobuf
    /// wire the history keeps it, as the tag `name`; the JSON wire has no room for it.
    ///
    /// It has at most 100 characters, which stand on one line: what is longer is cut, and control characters are spaces. An empty
    /// name is none.
    #[track_caller]
    pub fn named(self, name: &str) -> Self {
        self.call.named(name, Location::caller());
        self
    }

    /// What the activity returned: its output, or its own error as itself. Awaiting this gives two results, one in the other: the
    /// outer one is an error if the call failed otherwise.
    ///
    /// The activity's own error, the `E` of its `Result`, comes back as itself if it is an [`Error`](std::error::Error) that serde
    /// can write and read. Every other one is a [`CallError`] with its message.
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
    ///     let paid = match context.call::<charge>(context.input()).returned().await? {
    ///         Ok(paid) => paid,
    ///         Err(PaymentError::Declined) => 0,
    ///         Err(PaymentError::Short(left)) => context.call::<charge>(left).await?,
    ///     };
    ///     Ok(paid.into())
    /// }
    /// ```
    ///
    /// Where the orchestration's error has a `From` for both, `.returned().await??` hands on either.
    pub fn returned(self) -> ReturnedByActivity<O, E> {
        ReturnedByActivity { call: self }
    }
}

impl<O, E> Future for ActivityCall<O, E> {
    type Output = Result<O, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(Pin::new(&mut self.call).poll(cx));
        Poll::Ready(answer.and_then(|output| (self.read)(self.name, output)))
    }
}

impl<O, E> fmt::Debug for ActivityCall<O, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActivityCall")
            .field("call", &self.call)
            .finish_non_exhaustive()
    }
}

/// Future of [`ActivityCall::returned`].
#[must_use = "the call has been made, but its output and its failure are lost unless you `.await` it"]
#[derive(Debug)]
pub struct ReturnedByActivity<O, E> {
    call: ActivityCall<O, E>,
}

impl<O, E> Future for ReturnedByActivity<O, E> {
    type Output = Result<Result<O, E>, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let result = ready!(Pin::new(&mut self.call).poll(cx));
        Poll::Ready(match result {
            Ok(output) => Ok(Ok(output)),
            Err(CallError::Activity(failure)) => match failure.error_json.as_deref().and_then(self.call.read_error) {
                Some(error) => Ok(Err(error)),
                None => Err(CallError::Activity(failure)),
            },
            Err(error) => Err(error),
        })
    }
}
