//! Answers on their way to clients that may read slowly. A bounded part of them waits in memory, the others in files
//! that have no name.

use std::{
    io::{self, Seek as _, Write as _},
    path::PathBuf,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_util::Stream;
use http::{Response, StatusCode};
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::io::ReaderStream;

use super::{client::Client, limits::AnswerLimits, response::sentence};

/// What is handed to the connection at a time, and what every connection may hold in memory besides.
const PART: usize = 64 << 10;
/// What a permit stands for: bytes would not fit into the 32 bits that a semaphore counts with.
const UNIT: usize = 1 << 10;

/// Where the answers of a server wait.
#[derive(Debug)]
pub(in crate::host) struct AnswerBuffers {
    memory: Arc<Semaphore>,
    disk: Arc<Semaphore>,
    files: Arc<Semaphore>,
    folder: PathBuf,
}

#[derive(Debug)]
enum Rest {
    Memory(Bytes),
    File {
        parts: Pin<Box<ReaderStream<tokio::fs::File>>>,
        left: u64,
    },
}

/// The body of an answer; gives its place in memory or on disk back as it goes.
#[derive(Debug)]
pub(super) struct AnswerBody {
    rest: Rest,
    client: Arc<Client>,
    _places: Vec<OwnedSemaphorePermit>,
}

impl AnswerBuffers {
    /// Files are made in `folder`.
    pub(in crate::host) fn new(limits: AnswerLimits, folder: PathBuf) -> Self {
        let units = |bytes: usize| Arc::new(Semaphore::new((bytes / UNIT).min(Semaphore::MAX_PERMITS)));
        Self {
            memory: units(limits.memory),
            disk: units(limits.disk),
            files: Arc::new(Semaphore::new(limits.files.min(Semaphore::MAX_PERMITS))),
            folder,
        }
    }

    /// Puts an answer where it can wait for its client. One for which there is no room becomes a 503.
    pub(super) async fn hold(&self, answer: Response<Bytes>, client: Arc<Client>) -> Response<AnswerBody> {
        let (mut parts, body) = answer.into_parts();
        let (rest, places) = if body.len() <= PART {
            (Rest::Memory(body), Vec::new())
        } else if let Some(place) = place(&self.memory, body.len()) {
            (Rest::Memory(body), vec![place])
        } else {
            match self.write(body).await {
                Ok(held) => held,
                Err(error) => {
                    log::warn!("an answer cannot be kept until its client reads it: {error}");
                    let text = "too many answers wait for clients that read slowly: try again later";
                    let (refusal, body) = sentence(StatusCode::SERVICE_UNAVAILABLE, text).into_parts();
                    parts = refusal;
                    (Rest::Memory(body), Vec::new())
                }
            }
        };
        let body = AnswerBody {
            rest,
            client,
            _places: places,
        };
        Response::from_parts(parts, body)
    }

    async fn write(&self, body: Bytes) -> io::Result<(Rest, Vec<OwnedSemaphorePermit>)> {
        let full = || io::Error::new(io::ErrorKind::StorageFull, "the files for waiting answers are full");
        let places = vec![
            Arc::clone(&self.files).try_acquire_owned().map_err(|_| full())?,
            place(&self.disk, body.len()).ok_or_else(full)?,
        ];
        let left = body.len() as u64;
        let folder = self.folder.clone();
        let writing = tokio::task::spawn_blocking(move || {
            let mut file = tempfile::tempfile_in(folder)?;
            file.write_all(&body)?;
            file.rewind()?;
            Ok::<_, io::Error>(file)
        });
        let file = tokio::fs::File::from_std(writing.await.map_err(io::Error::other)??);
        let parts = Box::pin(ReaderStream::with_capacity(file, PART));
        Ok((Rest::File { parts, left }, places))
    }
}

fn place(room: &Arc<Semaphore>, bytes: usize) -> Option<OwnedSemaphorePermit> {
    let units = u32::try_from(bytes.div_ceil(UNIT)).ok()?;
    Arc::clone(room).try_acquire_many_owned(units).ok()
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match &mut self.rest {
            Rest::Memory(rest) if rest.is_empty() => Poll::Ready(None),
            // In parts, so that the place is not given back before the client has read nearly all.
            Rest::Memory(rest) => {
                let part = rest.split_to(PART.min(rest.len()));
                Poll::Ready(Some(Ok(Frame::data(part))))
            }
            Rest::File { parts, left } => match ready!(parts.as_mut().poll_next(context)) {
                Some(Ok(part)) => {
                    *left = left.saturating_sub(part.len() as u64);
                    Poll::Ready(Some(Ok(Frame::data(part))))
                }
                other => Poll::Ready(other.map(|result| result.map(Frame::data))),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.size_hint().exact() == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match &self.rest {
            Rest::Memory(rest) => rest.len() as u64,
            Rest::File { left, .. } => *left,
        })
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        self.client.answered();
    }
}
