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

use super::{
    client::Client,
    limits::AnswerLimits,
    response::sentence,
    room::{FREE, Place, Room},
};

/// What is handed to the connection at a time.
const PART: usize = FREE;

/// Where the answers of a server wait.
#[derive(Debug)]
pub(super) struct AnswerBuffers {
    memory: Room,
    disk: Room,
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
    _places: Places,
}

/// What an answer takes: in memory or on disk, and a file.
type Places = (Option<Place>, Option<OwnedSemaphorePermit>);

impl AnswerBuffers {
    /// Files are made in `folder`.
    pub(super) fn new(limits: AnswerLimits, folder: PathBuf) -> Self {
        Self {
            memory: Room::new(limits.memory),
            disk: Room::new(limits.disk),
            files: Arc::new(Semaphore::new(limits.files.min(Semaphore::MAX_PERMITS))),
            folder,
        }
    }

    /// Puts an answer where it can wait for its client. One for which there is no room becomes a 503.
    pub(super) async fn hold(&self, answer: Response<Bytes>, client: Arc<Client>) -> Response<AnswerBody> {
        let (mut parts, body) = answer.into_parts();
        let (rest, places) = if body.len() <= FREE {
            (Rest::Memory(body), (None, None))
        } else if let Some(place) = self.memory.take(body.len()) {
            (Rest::Memory(body), (Some(place), None))
        } else {
            match self.write(body).await {
                Ok(held) => held,
                Err(error) => {
                    log::warn!("an answer cannot be kept until its client reads it: {error}");
                    let text = "too many answers wait for clients that read slowly: try again later";
                    let (refusal, body) = sentence(StatusCode::SERVICE_UNAVAILABLE, text).into_parts();
                    parts = refusal;
                    (Rest::Memory(body), (None, None))
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

    async fn write(&self, body: Bytes) -> io::Result<(Rest, Places)> {
        let full = || io::Error::new(io::ErrorKind::StorageFull, "the files for waiting answers are full");
        let file = Arc::clone(&self.files).try_acquire_owned().map_err(|_| full())?;
        let places = (Some(self.disk.take(body.len()).ok_or_else(full)?), Some(file));
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
