//! The way out: everything the worker says goes through one queue, in order, and leaves in batches.
//!
//! Senders never wait, whatever thread they are on. Answers are never dropped; log records are, once very many wait
//! for a host that does not read them.

use crate::rpc::{RpcLog, StreamingMessage, streaming_message::Content};
use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};
use tokio::sync::mpsc;
use tokio_stream::Stream;

/// Log records that may wait to be sent; a function that logs faster than the host reads loses the rest.
const MOST_WAITING_LOGS: usize = 100_000;

/// Sends to the host. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    /// Nothing: the end.
    queue: mpsc::UnboundedSender<Option<StreamingMessage>>,
    waiting_logs: Arc<AtomicUsize>,
}

/// What the transport reads.
#[derive(Debug)]
pub(crate) struct OutgoingStream {
    queue: mpsc::UnboundedReceiver<Option<StreamingMessage>>,
    waiting_logs: Arc<AtomicUsize>,
}

pub(crate) fn channel() -> (Outgoing, OutgoingStream) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let waiting_logs = Arc::new(AtomicUsize::new(0));
    let outgoing = Outgoing {
        queue: sender,
        waiting_logs: Arc::clone(&waiting_logs),
    };
    let stream = OutgoingStream {
        queue: receiver,
        waiting_logs,
    };
    (outgoing, stream)
}

impl Outgoing {
    /// Sends an answer; `request_id` is the one of the message that it answers. Silently nothing once the stream has ended.
    pub(crate) fn send(&self, request_id: String, content: Content) {
        let message = StreamingMessage {
            request_id,
            content: Some(content),
        };
        let _ = self.queue.send(Some(message));
    }

    /// Sends a log record, unless far too many wait already.
    pub(crate) fn log(&self, record: RpcLog) {
        let message = StreamingMessage {
            request_id: String::new(),
            content: Some(Content::RpcLog(record)),
        };
        if self.waiting_logs.fetch_add(1, Ordering::Relaxed) >= MOST_WAITING_LOGS
            || self.queue.send(Some(message)).is_err()
        {
            self.waiting_logs.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Ends the stream after everything that was sent before.
    pub(crate) fn end(&self) {
        let _ = self.queue.send(None);
    }
}

impl Stream for OutgoingStream {
    type Item = StreamingMessage;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<StreamingMessage>> {
        self.queue.poll_recv(cx).map(|item| {
            let message = item.flatten();
            match &message {
                Some(StreamingMessage {
                    content: Some(Content::RpcLog(_)),
                    ..
                }) => {
                    self.waiting_logs.fetch_sub(1, Ordering::Relaxed);
                }
                Some(_) => {}
                None => self.queue.close(),
            }
            message
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_stream::StreamExt as _;

    #[tokio::test]
    async fn what_follows_the_end_is_not_sent() {
        let (out, mut stream) = channel();
        out.send("a".into(), Content::WorkerStatusResponse(Default::default()));
        out.end();
        out.send("b".into(), Content::WorkerStatusResponse(Default::default()));
        assert_eq!(stream.next().await.unwrap().request_id, "a");
        assert!(stream.next().await.is_none());
    }

    #[tokio::test]
    async fn answers_pass_when_log_records_no_longer_do() {
        let (out, mut stream) = channel();
        for _ in 0..MOST_WAITING_LOGS + 10 {
            out.log(RpcLog::default());
        }
        out.send("answer".into(), Content::WorkerStatusResponse(Default::default()));
        out.end();
        let mut logs = 0;
        while let Some(message) = stream.next().await {
            match message.content {
                Some(Content::RpcLog(_)) => logs += 1,
                _ => assert_eq!(message.request_id, "answer"),
            }
        }
        assert_eq!(logs, MOST_WAITING_LOGS);
    }
}
