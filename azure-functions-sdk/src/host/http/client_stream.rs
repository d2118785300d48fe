//! A client's stream, which reports what it moves.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

use super::client::Client;

#[derive(Debug)]
pub(super) struct ClientStream {
    /// Shared with those who look whether the client still sends.
    reader: Arc<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    client: Arc<Client>,
}

impl ClientStream {
    pub(super) fn new(stream: TcpStream, client: Arc<Client>) -> Self {
        let (reader, writer) = stream.into_split();
        Self {
            reader: Arc::new(reader),
            writer,
            client,
        }
    }

    /// The reading half.
    pub(super) fn reader(&self) -> Arc<OwnedReadHalf> {
        Arc::clone(&self.reader)
    }

    fn report(&self, polled: &Poll<io::Result<usize>>, offered: usize) {
        match polled {
            Poll::Pending => self.client.write_blocked(),
            Poll::Ready(Ok(written)) => self.client.wrote(*written, *written == offered),
            Poll::Ready(Err(_)) => {}
        }
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            let stream: &TcpStream = (*self.reader).as_ref();
            ready!(stream.poll_read_ready(context))?;
            match stream.try_read(buffer.initialize_unfilled()) {
                Ok(bytes) => {
                    buffer.advance(bytes);
                    if bytes > 0 {
                        self.client.received(bytes);
                    }
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.writer).poll_write(context, data);
        self.report(&polled, data.len());
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.writer).poll_write_vectored(context, data);
        self.report(&polled, data.iter().map(|part| part.len()).sum());
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.writer.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_shutdown(context)
    }
}
