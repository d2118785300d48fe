//! The history of an instance, event by event.

use super::error::OrchestrationClientError;
use super::{ClientWire, OrchestrationClient, names};
use crate::HistoryEvent;
use futures_core::Stream;
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Some events of a history, as they came in.
pub(super) type Chunk = Result<Vec<HistoryEvent>, OrchestrationClientError>;

/// The events of a history, as they come in: a long one need not fit into memory.
///
/// It is a `Stream`, and has a method of its own for those who do not use the crate `futures`:
///
/// ```no_run
/// # async fn example(client: azure_functions_durable::OrchestrationClient) -> Result<(), Box<dyn std::error::Error>> {
/// use azure_functions_durable::HistoryEventKind;
///
/// let mut history = client.stream_history("order-17").await?;
/// while let Some(event) = history.next_event().await? {
///     if let HistoryEventKind::TaskScheduled { name, .. } = event.kind {
///         println!("{name} was called as number {}", event.event_id);
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "a history is read as its events are taken"]
pub struct HistoryStream {
    events: VecDeque<HistoryEvent>,
    /// `None` when the history is at its end.
    chunks: Option<Pin<Box<dyn Stream<Item = Chunk> + Send>>>,
}

impl HistoryStream {
    #[cfg(feature = "grpc")]
    pub(super) fn new(first: Vec<HistoryEvent>, chunks: Option<Pin<Box<dyn Stream<Item = Chunk> + Send>>>) -> Self {
        Self {
            events: first.into(),
            chunks,
        }
    }

    /// The next event; `None` at the end of the history, and after an error.
    ///
    /// # Errors
    /// The connection fails, or the host does not go on in time.
    pub async fn next_event(&mut self) -> Result<Option<HistoryEvent>, OrchestrationClientError> {
        poll_fn(|cx| self.poll_event(cx)).await.transpose()
    }

    /// All events that are left.
    ///
    /// # Errors
    /// As [`next_event`](Self::next_event); what was read before is lost.
    pub async fn into_vec(mut self) -> Result<Vec<HistoryEvent>, OrchestrationClientError> {
        let mut events = Vec::new();
        while let Some(event) = self.next_event().await? {
            events.push(event);
        }
        Ok(events)
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<HistoryEvent, OrchestrationClientError>>> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Poll::Ready(Some(Ok(event)));
            }
            let Some(chunks) = &mut self.chunks else {
                return Poll::Ready(None);
            };
            match ready!(chunks.as_mut().poll_next(cx)) {
                Some(Ok(events)) => self.events = events.into(),
                Some(Err(error)) => {
                    self.chunks = None;
                    return Poll::Ready(Some(Err(error)));
                }
                None => self.chunks = None,
            }
        }
    }
}

impl Stream for HistoryStream {
    type Item = Result<HistoryEvent, OrchestrationClientError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_event(cx)
    }
}

impl fmt::Debug for HistoryStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HistoryStream").finish_non_exhaustive()
    }
}

impl OrchestrationClient {
    /// The history of an instance, from the start of its newest execution, with the events that the host keeps and shows: the local host
    /// leaves out `ContinueAsNew` and kinds that it does not know.
    ///
    /// # Errors
    /// [`NotFound`](OrchestrationClientError::NotFound) if there is no such instance;
    /// [`Unsupported`](OrchestrationClientError::Unsupported) over HTTP, where
    /// [`status(..).with_history()`](crate::QueryStatus::with_history) gives what the HTTP API shows of a history.
    pub async fn stream_history(
        &self,
        instance_id: impl AsRef<str>,
    ) -> Result<HistoryStream, OrchestrationClientError> {
        let instance_id = instance_id.as_ref();
        let operation = format!("read the history of instance `{instance_id}`");
        names::check_instance_id(&operation, instance_id)?;
        #[cfg(feature = "grpc")]
        if let Some(grpc) = self.grpc() {
            return grpc.stream_history(&operation, instance_id).await;
        }
        Err(OrchestrationClientError::unsupported(
            &operation,
            ClientWire::Http,
            "the durable HTTP API shows a history only as part of a status; ask for `status(id).with_history()`",
        ))
    }
}
