//! The first message of a stream, which everyone can send, is a small one.
//!
//! The limit for messages is one for a whole stream, and large. A message begins with its length, and room for all of it is made
//! before any of it has come.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tonic::{Status, body::Body, codegen::Service, server::NamedService};

/// Bytes of a first message: a `StartStream` has fewer than 100.
pub(super) const LONGEST: u32 = 64 << 10;
/// Whether it is compressed, and the length.
const PREFIX: usize = 5;

/// Passes requests on, and ends those whose first message is longer than [`LONGEST`].
#[derive(Clone, Debug)]
pub(super) struct FirstMessage<S>(pub(super) S);

impl<S: Service<http::Request<Body>>> Service<http::Request<Body>> for FirstMessage<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> S::Future {
        let checked = |body| {
            Body::new(Checked {
                body,
                prefix: Vec::new(),
            })
        };
        self.0.call(request.map(checked))
    }
}

impl<S: NamedService> NamedService for FirstMessage<S> {
    const NAME: &'static str = S::NAME;
}

struct Checked {
    body: Body,
    /// What has come of the first message's prefix.
    prefix: Vec<u8>,
}

impl Checked {
    fn check(&mut self, data: &[u8]) -> Result<(), Status> {
        let missing = PREFIX - self.prefix.len();
        if missing == 0 {
            return Ok(());
        }
        self.prefix.extend_from_slice(&data[..missing.min(data.len())]);
        match *self.prefix.as_slice() {
            [_, a, b, c, d] if u32::from_be_bytes([a, b, c, d]) > LONGEST => Err(Status::resource_exhausted(
                "the first message must be a StartStream, and is too long for one",
            )),
            _ => Ok(()),
        }
    }
}

impl hyper::body::Body for Checked {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context)?);
        let checked = match frame.as_ref().and_then(Frame::data_ref) {
            Some(data) => self.check(data),
            None => Ok(()),
        };
        Poll::Ready(match checked {
            Ok(()) => frame.map(Ok),
            Err(status) => Some(Err(status)),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_is_read_however_the_bytes_come_and_later_messages_have_none() {
        let verdicts = |length: u32, parts: usize| {
            let mut checked = Checked {
                body: Body::empty(),
                prefix: Vec::new(),
            };
            let bytes = [&[0][..], &length.to_be_bytes(), b"data"].concat();
            bytes.chunks(parts).all(|part| checked.check(part).is_ok()) && checked.check(&[0xff; 10]).is_ok()
        };
        for parts in [1, 3, 5, 9] {
            assert!(verdicts(LONGEST, parts), "{parts}");
            assert!(!verdicts(LONGEST + 1, parts) && !verdicts(u32::MAX, parts), "{parts}");
        }
    }
}
