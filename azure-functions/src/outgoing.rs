//! The way out: everything the worker says goes through one queue, in order, and leaves in batches.
//!
//! Senders never wait, whatever thread they are on. Answers are never dropped; log records are, once very many wait
//! for a host that does not read them.

use crate::rpc::{RpcLog, StreamingMessage, streaming_message::Content};
use std::{
    collections::VecDeque,
    mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};
use tokio_stream::Stream;

/// Log records that may wait to be sent; a function that logs faster than the host reads loses the rest.
const MOST_WAITING_LOGS: usize = 100_000;

/// Sends to the host. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    queue: Arc<Mutex<Queue>>,
}

#[derive(Debug, Default)]
struct Queue {
    messages: VecDeque<StreamingMessage>,
    /// How many of them are log records.
    waiting_logs: usize,
    /// The transport, if it waits for a message.
    transport: Option<Waker>,
    /// Nothing follows the messages.
    ended: bool,
    /// Whether the transport is left alone, since nothing drives it.
    held: bool,
}

/// What the transport reads.
#[derive(Debug)]
pub(crate) struct OutgoingStream {
    queue: Arc<Mutex<Queue>>,
    /// Taken from the queue all at once.
    taken: VecDeque<StreamingMessage>,
}

pub(crate) fn channel() -> (Outgoing, OutgoingStream) {
    let queue = Arc::<Mutex<Queue>>::default();
    let stream = OutgoingStream {
        queue: Arc::clone(&queue),
        taken: VecDeque::new(),
    };
    (Outgoing { queue }, stream)
}

impl Outgoing {
    /// Sends an answer; `request_id` is the one of the message that it answers. Silently nothing once the stream has ended.
    pub(crate) fn send(&self, request_id: String, content: Content) {
        let message = StreamingMessage {
            request_id,
            content: Some(content),
        };
        push(lock(&self.queue), message);
    }

    /// Sends a log record, unless far too many wait already.
    pub(crate) fn log(&self, record: RpcLog) {
        let mut queue = lock(&self.queue);
        if queue.waiting_logs >= MOST_WAITING_LOGS || queue.ended {
            return;
        }
        queue.waiting_logs += 1;
        let message = StreamingMessage {
            request_id: String::new(),
            content: Some(Content::RpcLog(record)),
        };
        push(queue, message);
    }

    /// Ends the stream after everything that was sent before.
    pub(crate) fn end(&self) {
        let mut queue = lock(&self.queue);
        queue.ended = true;
        wake(queue);
    }

    /// From now on nothing drives the transport: it is not told of messages, since that costs a system call each time.
    pub(crate) fn hold(&self) {
        lock(&self.queue).held = true;
    }

    /// What drives the transport goes on: it is told of the messages that have come meanwhile.
    pub(crate) fn release(&self) {
        let mut queue = lock(&self.queue);
        queue.held = false;
        if !queue.messages.is_empty() || queue.ended {
            wake(queue);
        }
    }
}

fn push(mut queue: MutexGuard<'_, Queue>, message: StreamingMessage) {
    if !queue.ended {
        queue.messages.push_back(message);
        wake(queue);
    }
}

fn wake(mut queue: MutexGuard<'_, Queue>) {
    let transport = match queue.held {
        true => None,
        false => queue.transport.take(),
    };
    // Not while it is locked.
    drop(queue);
    if let Some(transport) = transport {
        transport.wake();
    }
}

fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    // Nothing panics while it holds the lock.
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Stream for OutgoingStream {
    type Item = StreamingMessage;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<StreamingMessage>> {
        let this = self.get_mut();
        if this.taken.is_empty() {
            let mut queue = lock(&this.queue);
            mem::swap(&mut this.taken, &mut queue.messages);
            queue.waiting_logs = 0;
            if this.taken.is_empty() {
                if queue.ended {
                    return Poll::Ready(None);
                }
                match &mut queue.transport {
                    Some(transport) => transport.clone_from(cx.waker()),
                    none => *none = Some(cx.waker().clone()),
                }
                return Poll::Pending;
            }
        }
        Poll::Ready(this.taken.pop_front())
    }
}

/// What is sent to a transport that is gone goes nowhere.
impl Drop for OutgoingStream {
    fn drop(&mut self) {
        let mut queue = lock(&self.queue);
        queue.ended = true;
        let left = mem::take(&mut queue.messages);
        drop(queue);
        drop(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        sync::atomic::{AtomicBool, Ordering},
        task::Wake,
    };
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

    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_transport_that_nothing_drives_is_told_of_messages_once_something_does() {
        let (out, mut stream) = channel();
        let woken = Arc::new(Woken(AtomicBool::new(false)));
        let waker = Waker::from(Arc::clone(&woken));
        let mut next = || Pin::new(&mut stream).poll_next(&mut Context::from_waker(&waker));
        assert!(next().is_pending());
        out.hold();
        for id in ["a", "b"] {
            out.send(id.into(), Content::WorkerStatusResponse(Default::default()));
        }
        assert!(!woken.0.load(Ordering::Relaxed), "it is left alone");
        out.release();
        assert!(woken.0.load(Ordering::Relaxed));
        for id in ["a", "b"] {
            let Poll::Ready(Some(message)) = next() else {
                panic!("no message")
            };
            assert_eq!(message.request_id, id);
        }
        assert!(next().is_pending());
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
