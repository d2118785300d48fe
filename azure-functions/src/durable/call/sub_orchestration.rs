//! The call of a sub-orchestration.

use super::{RawCall, Read, any_output, typed_output};
use crate::durable::{CallError, Orchestration, ReadJson, RetryOptions};
use serde_json::Value;
use std::{
    fmt,
    panic::Location,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// Future of a called sub-orchestration: its output, or why the call failed.
///
/// The call is made when the method of the context is called. Its options belong to it as long as nothing else has happened
/// since, so set them there; an option that comes later is refused.
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
///     let policy = RetryOptions::new(Duration::from_secs(5), 3);
///     let shipped = context.call_sub::<ship>(context.input()).instance_id("the-parcel").retry(&policy).await?;
///     Ok(shipped.into())
/// }
/// ```
#[must_use = "the call has been made, but its output and its failure are lost unless you `.await` it"]
pub struct SubOrchestrationCall<O = Value> {
    call: RawCall,
    name: &'static str,
    read: Read<O>,
}

impl SubOrchestrationCall {
    pub(in crate::durable) fn by_name(call: RawCall) -> Self {
        Self {
            call,
            name: "",
            read: any_output,
        }
    }
}

impl<O> SubOrchestrationCall<O> {
    pub(in crate::durable) fn by_type<F>(call: RawCall) -> Self
    where
        F: Orchestration<Output = O>,
        O: ReadJson,
    {
        Self {
            call,
            name: F::NAME,
            read: typed_output,
        }
    }

    /// The instance id of the sub-orchestration. Without one, or with an empty one, it gets an id made from this execution's and a
    /// number.
    ///
    /// An id that hosts refuse, that of this instance, and that of its parent are errors of the call, which is not made then.
    #[track_caller]
    pub fn instance_id(mut self, id: impl Into<String>) -> Self {
        self.call.instance_id(&id.into(), Location::caller());
        self
    }

    /// Starts the sub-orchestration again when it fails, as these options say. Each attempt is an instance of its own, unless an
    /// [instance id](Self::instance_id) is given, which every attempt uses.
    #[track_caller]
    pub fn retry(self, options: &RetryOptions) -> Self {
        self.call.retry(*options, Location::caller());
        self
    }

    /// The version of the sub-orchestration, which it reads with
    /// [`version`](crate::bindings::DurableOrchestrationContext::version). Without one it gets the default version of the host, and not
    /// that of this instance. On the JSON wire, extensions from before the end of 2025 give it the default nevertheless.
    #[track_caller]
    pub fn version(mut self, version: impl AsRef<str>) -> Self {
        self.call.version(version.as_ref(), Location::caller());
        self
    }

    /// Adds a tag to the instance of the sub-orchestration. It has those of this instance as well.
    ///
    /// Only the protobuf wire has tags: on the JSON wire the call is not made, and its error is [`CallError::Unsupported`].
    /// Names that begin with `MS_DurableFunctions_` are the extension's own, and are refused.
    #[track_caller]
    pub fn tag(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        self.call.tag(name.as_ref(), value.as_ref(), Location::caller());
        self
    }

    /// A name for this call in reports, as that of [`ActivityCall::named`](super::ActivityCall::named).
    #[track_caller]
    pub fn named(self, name: &str) -> Self {
        self.call.named(name, Location::caller());
        self
    }
}

impl<O> Future for SubOrchestrationCall<O> {
    type Output = Result<O, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(Pin::new(&mut self.call).poll(cx));
        Poll::Ready(answer.and_then(|output| (self.read)(self.name, output)))
    }
}

impl<O> fmt::Debug for SubOrchestrationCall<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubOrchestrationCall")
            .field("call", &self.call)
            .finish_non_exhaustive()
    }
}
