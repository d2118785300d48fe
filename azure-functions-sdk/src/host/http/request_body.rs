//! The body of a request, which ends with an error when it comes too slowly.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::client::Client;

#[derive(Debug)]
pub(in crate::host) struct RequestBody {
    incoming: Incoming,
    client: Arc<Client>,
}

/// A body did not come to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(in crate::host) enum RequestBodyError {
    /// See [`super::MinRate`].
    #[error("the body of the request came too slowly")]
    TooSlow,
    /// The connection broke, or what came is not HTTP.
    #[error(transparent)]
    Broken(#[from] hyper::Error),
}

impl RequestBody {
    pub(super) fn new(incoming: Incoming, client: Arc<Client>) -> Self {
        Self { incoming, client }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = RequestBodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, RequestBodyError>>> {
        match Pin::new(&mut self.incoming).poll_frame(context) {
            Poll::Pending if self.client.await_body(context.waker()) => {
                Poll::Ready(Some(Err(RequestBodyError::TooSlow)))
            }
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(frame))) => {
                self.client.body_received(frame.data_ref().map_or(0, Bytes::len));
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(end) => {
                self.client.body_ended();
                Poll::Ready(end.map(|result| result.map_err(Into::into)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.client.body_ended();
    }
}
