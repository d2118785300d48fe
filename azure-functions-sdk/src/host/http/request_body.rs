//! The body of a request, which ends with an error when it comes too slowly, or when too much is coming at once.

use std::{
    error::Error,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::StatusCode;
use http_body_util::LengthLimitError;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::{
    client::Client,
    room::{FREE, Place, Room},
};

#[derive(Debug)]
pub(in crate::host) struct RequestBody {
    incoming: Incoming,
    client: Arc<Client>,
    came: usize,
    room: Room,
    place: Option<Place>,
}

/// A body did not come to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(in crate::host) enum RequestBodyError {
    /// See [`super::MinRate`].
    #[error("the body of the request came too slowly")]
    TooSlow,
    /// See [`super::ServerLimits::bodies`].
    #[error("the bodies of too many requests are coming at once: try again later")]
    NoRoom,
    /// The connection broke, or what came is not HTTP.
    #[error(transparent)]
    Broken(#[from] hyper::Error),
}

impl RequestBodyError {
    /// What a client is answered whose body was not read to its end for this reason.
    pub(in crate::host) fn status_of(reason: &(dyn Error + Send + Sync + 'static)) -> StatusCode {
        match reason.downcast_ref() {
            Some(Self::TooSlow) => StatusCode::REQUEST_TIMEOUT,
            Some(Self::NoRoom) => StatusCode::SERVICE_UNAVAILABLE,
            _ if reason.is::<LengthLimitError>() => StatusCode::PAYLOAD_TOO_LARGE,
            // The client broke off, so no caller reads this.
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

impl RequestBody {
    pub(super) fn new(incoming: Incoming, client: Arc<Client>, room: Room) -> Self {
        Self {
            incoming,
            client,
            came: 0,
            room,
            place: None,
        }
    }

    fn count(&mut self, bytes: usize) -> Result<(), RequestBodyError> {
        self.client.body_received(bytes);
        self.came += bytes;
        let counted = self.came.saturating_sub(FREE);
        match counted == 0 || self.room.extend(&mut self.place, counted) {
            true => Ok(()),
            false => Err(RequestBodyError::NoRoom),
        }
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
                let counted = self.count(frame.data_ref().map_or(0, Bytes::len));
                Poll::Ready(Some(counted.map(|()| frame)))
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
