//! Connections of processes that have not proved yet to be the worker: few at a time, for a few seconds, and for few bytes.
//!
//! Every user of the machine can connect to the port. What such a connection costs is bounded before anything of it is looked
//! at: each takes one of the files that the process may open, and what it sends would wait in memory.

use std::{
    collections::VecDeque,
    convert::Infallible,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_util::{Stream, stream};
use log::Level;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;
use tonic::transport::server::Connected;

use crate::host::seldom::Seldom;

/// From the connection to the proof. A worker sends it with its first bytes, and may have to wait for a processor.
pub(super) const PROOF_LIMIT: Duration = Duration::from_secs(10);
/// What is read before the proof: HTTP/2 settings, the request's headers, and a `StartStream`, which is shorter than 100 bytes.
const ALLOWANCE: usize = 64 << 10;
/// A pause after a failure to accept.
const PAUSE: Duration = Duration::from_millis(50);

/// Takes connections from a listener.
pub(super) struct Newcomers {
    listener: TcpListener,
    limit: usize,
    /// The oldest first.
    waiting: VecDeque<Newcomer>,
    failures: Seldom,
    crowds: Seldom,
}

/// A connection whose proof is awaited, as others see it.
#[derive(Clone, Debug, Default)]
pub(super) struct Newcomer {
    proved: CancellationToken,
    cut: CancellationToken,
    closed: CancellationToken,
}

impl Newcomer {
    /// It is the worker: nothing of it is limited any more.
    pub(super) fn has_proved(&self) {
        self.proved.cancel();
    }

    fn is_waiting(&self) -> bool {
        !self.proved.is_cancelled() && !self.closed.is_cancelled()
    }

    /// Closes the connection, and returns when it is.
    async fn close(self) {
        self.cut.cancel();
        tokio::select! {
            () = self.closed.cancelled() => {}
            // It proved itself in the last moment, and stays.
            () = self.proved.cancelled() => {}
        }
    }
}

impl Newcomers {
    /// At most `limit` connections without a proof at a time: then the oldest is closed for a new one.
    pub(super) fn new(listener: TcpListener, limit: usize) -> Self {
        Self {
            listener,
            limit: limit.max(1),
            waiting: VecDeque::new(),
            failures: Seldom::default(),
            crowds: Seldom::default(),
        }
    }

    pub(super) fn connections(self) -> impl Stream<Item = Result<Connection, Infallible>> {
        stream::unfold(self, |mut newcomers| async move {
            Some((Ok(newcomers.next().await), newcomers))
        })
    }

    async fn next(&mut self) -> Connection {
        loop {
            self.waiting.retain(Newcomer::is_waiting);
            while self.waiting.len() >= self.limit {
                let limit = self.limit;
                let text = format!(
                    "{limit} connections to the worker's port had not proved to be the worker: the oldest was closed"
                );
                self.crowds.log(Level::Warn, text);
                self.close_oldest().await;
            }
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let _ = stream.set_nodelay(true);
                    let newcomer = Newcomer::default();
                    self.waiting.push_back(newcomer.clone());
                    return Connection::new(stream, newcomer);
                }
                Err(error) => {
                    let text = format!("cannot accept a connection to the worker's port: {error}");
                    self.failures.log(Level::Warn, text);
                    self.close_oldest().await;
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    async fn close_oldest(&mut self) {
        if let Some(oldest) = self.waiting.pop_front() {
            oldest.close().await;
        }
    }
}

/// A connection, which is limited until its [`Newcomer`] has proved itself.
pub(super) struct Connection {
    stream: TcpStream,
    newcomer: Newcomer,
    trial: Trial,
    /// How much may still be read without a proof.
    allowance: usize,
}

enum Trial {
    /// Gives whether the proof came in time.
    Runs(Pin<Box<dyn Future<Output = bool> + Send>>),
    Passed,
    Failed,
}

impl Connection {
    fn new(stream: TcpStream, newcomer: Newcomer) -> Self {
        let awaited = newcomer.clone();
        let trial = async move {
            tokio::select! {
                biased;
                () = awaited.proved.cancelled() => true,
                () = awaited.cut.cancelled() => false,
                () = tokio::time::sleep(PROOF_LIMIT) => false,
            }
        };
        Self {
            stream,
            newcomer,
            trial: Trial::Runs(Box::pin(trial)),
            allowance: ALLOWANCE,
        }
    }

    /// Whether it has proved itself; an error if it is to be closed. Each of the stream's operations looks here, since one that
    /// waits would keep the others from being tried.
    fn has_passed(&mut self, context: &mut Context<'_>) -> io::Result<bool> {
        if let Trial::Runs(trial) = &mut self.trial {
            match trial.as_mut().poll(context) {
                Poll::Pending => return Ok(false),
                Poll::Ready(true) => self.trial = Trial::Passed,
                Poll::Ready(false) => self.trial = Trial::Failed,
            }
        }
        match self.trial {
            Trial::Failed => Err(io::ErrorKind::TimedOut.into()),
            _ => Ok(true),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.newcomer.closed.cancel();
    }
}

impl Connected for Connection {
    type ConnectInfo = Newcomer;

    fn connect_info(&self) -> Newcomer {
        self.newcomer.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.has_passed(context)? {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let most = self.allowance.min(buffer.remaining());
        if most == 0 {
            // The end of the trial wakes it.
            return Poll::Pending;
        }
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(most));
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut part))?;
        let read = part.filled().len();
        buffer.advance(read);
        self.allowance -= read;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.has_passed(context)?;
        Pin::new(&mut self.stream).poll_write(context, data)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.has_passed(context)?;
        Pin::new(&mut self.stream).poll_write_vectored(context, data)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.has_passed(context)?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn little_is_read_of_a_connection_before_it_has_proved_itself_and_all_of_it_then() {
        const SENT: usize = 1 << 20;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let sending = tokio::spawn(async move { peer.write_all(&vec![b'x'; SENT]).await });
        let mut connection = Newcomers::new(listener, 1).next().await;
        let newcomer = connection.connect_info();
        let mut read = vec![0; ALLOWANCE];
        connection.read_exact(&mut read).await.unwrap();
        let mut more = [0; 1];
        let waits = std::future::poll_fn(|context| {
            let mut buffer = ReadBuf::new(&mut more);
            Poll::Ready(Pin::new(&mut connection).poll_read(context, &mut buffer).is_pending())
        });
        assert!(waits.await);
        newcomer.has_proved();
        let mut rest = Vec::new();
        connection.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest.len(), SENT - ALLOWANCE);
        sending.await.unwrap().unwrap();
    }
}
