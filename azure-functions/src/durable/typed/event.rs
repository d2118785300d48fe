//! External events as types: name and payload in one place.

use super::ReadJson;
use crate::durable::{CallError, DurableOrchestrationContext, EventFuture};
use serde_json::Value;
use std::{
    any::type_name,
    fmt,
    future::Future,
    panic::Location,
    pin::Pin,
    task::{Context, Poll},
};

/// An external event: a type whose values are the payload, and the name that goes with it.
///
/// `#[event("approval")]` implements it, for the one who raises the event and the one who waits for it.
///
/// ```
/// use azure_functions::{durable::Event, event, prelude::*};
/// use serde::{Deserialize, Serialize};
/// # type BoxError = Box<dyn std::error::Error + Send + Sync>;
///
/// #[event("approval")]
/// #[derive(Serialize, Deserialize)]
/// struct Approval {
///     by: String,
/// }
///
/// assert_eq!(Approval::NAME, "approval");
///
/// #[func]
/// async fn order(context: DurableOrchestrationContext) -> Result<OrchestrationOutput<String>, CallError> {
///     let approval = context.wait_for::<Approval>().await?;
///     Ok(approval.by.into())
/// }
///
/// #[func]
/// async fn approve(#[binding(route = "approve/{id}")] approval: Json<Approval>, id: Route<String>, client: DurableOrchestrationClient) -> Result<HttpResponse, BoxError> {
///     client.raise(&id, &approval.0).await?;
///     Ok("Thank you.".into())
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an external event",
    label = "not an event",
    note = "write `#[event(\"name\")]` before the type, and derive `Serialize` and `Deserialize` for it"
)]
pub trait Event {
    /// Its name. Names compare ignoring case.
    const NAME: &'static str;
}

impl<T> DurableOrchestrationContext<T> {
    /// Waits for an external event of this type. Events that came before the wait are kept, and the oldest wait gets the
    /// oldest event of this name. One with another payload is an error, and used up.
    #[track_caller]
    pub fn wait_for<E: Event + ReadJson>(&self) -> TypedEvent<E> {
        TypedEvent {
            event: self.event(E::NAME, Location::caller()),
            name: E::NAME,
            read: E::read_json,
        }
    }
}

/// Future of an external event: its payload. Dropping it before it returned leaves the event to the next wait.
#[must_use = "nothing waits for the event unless you `.await` this"]
pub struct TypedEvent<E> {
    event: EventFuture,
    name: &'static str,
    read: fn(Value) -> Result<E, serde_path_to_error::Error<serde_json::Error>>,
}

impl<E> Future for TypedEvent<E> {
    type Output = Result<E, CallError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let failed = |path: String, source| CallError::EventPayload {
            event: self.name,
            expected: type_name::<E>(),
            path,
            source,
        };
        Poll::Ready(match std::task::ready!(self.event.poll_payload(cx)) {
            Ok(payload) => (self.read)(payload).map_err(|error| failed(error.path().to_string(), error.into_inner())),
            Err(error) => Err(failed(".".to_owned(), error)),
        })
    }
}

impl<E> fmt::Debug for TypedEvent<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypedEvent")
            .field("name", &self.name)
            .field("event", &self.event)
            .finish_non_exhaustive()
    }
}
