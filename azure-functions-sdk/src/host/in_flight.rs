//! The invocations that a worker has been sent and has not answered.
//!
//! Sharded by invocation id, so that thousands of invocations a second do not meet at one lock.

use super::{function::Function, invocation::InvokeError, rpc::messages::InvocationResponse};
use std::{
    collections::HashMap,
    sync::{
        Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};
use tokio::{sync::oneshot, time::Instant};
use uuid::Uuid;

const SHARDS: usize = 16;

/// How an invocation ends.
pub(crate) type Outcome = Result<InvocationResponse, InvokeError>;

/// Id of an invocation: a random prefix of this process and a running number, which is unique and costs no system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InvocationId(Uuid);

impl InvocationId {
    pub(crate) fn next() -> Self {
        static PREFIX: LazyLock<[u8; 16]> = LazyLock::new(|| *Uuid::new_v4().as_bytes());
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let mut bytes = *PREFIX;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        bytes[10..].copy_from_slice(&number[2..]);
        Self(Uuid::from_bytes(bytes))
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().map(Self)
    }

    fn shard(self) -> usize {
        usize::from(self.0.as_bytes()[15]) % SHARDS
    }
}

impl std::fmt::Display for InvocationId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.hyphenated().fmt(formatter)
    }
}

#[derive(Debug)]
struct Entry {
    function: Arc<Function>,
    answer: oneshot::Sender<Outcome>,
    began: Instant,
    deadline: Option<Instant>,
}

#[derive(Debug, Default)]
struct Shard {
    entries: HashMap<u128, Entry>,
    /// Set when the worker ends: nothing may be added any more.
    closed: bool,
}

/// All invocations in flight on one worker.
#[derive(Debug)]
pub(crate) struct InFlight {
    shards: [Mutex<Shard>; SHARDS],
    count: AtomicUsize,
    /// When the worker ended.
    frozen: OnceLock<Instant>,
}

impl Default for InFlight {
    fn default() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            count: AtomicUsize::new(0),
            frozen: OnceLock::new(),
        }
    }
}

impl InFlight {
    fn shard(&self, id: InvocationId) -> MutexGuard<'_, Shard> {
        self.shards[id.shard()].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an invocation; `None` if the worker is gone or ends.
    pub(crate) fn add(
        &self,
        id: InvocationId,
        function: &Arc<Function>,
        deadline: Option<Instant>,
    ) -> Option<oneshot::Receiver<Outcome>> {
        let (answer, receiver) = oneshot::channel();
        let mut shard = self.shard(id);
        if shard.closed {
            return None;
        }
        shard.entries.insert(
            id.0.as_u128(),
            Entry {
                function: Arc::clone(function),
                answer,
                began: Instant::now(),
                deadline,
            },
        );
        self.count.fetch_add(1, Ordering::Relaxed);
        Some(receiver)
    }

    /// Ends an invocation; answers to ids that are not in flight are ignored.
    pub(crate) fn finish(&self, id: InvocationId, outcome: Outcome) {
        let entry = self.shard(id).entries.remove(&id.0.as_u128());
        if let Some(entry) = entry {
            self.count.fetch_sub(1, Ordering::Relaxed);
            // A caller that went away no longer cares.
            let _ = entry.answer.send(outcome);
        }
    }

    /// Takes an invocation back that was not sent.
    pub(crate) fn forget(&self, id: InvocationId) {
        if self.shard(id).entries.remove(&id.0.as_u128()).is_some() {
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// The function that an invocation in flight runs.
    pub(crate) fn function(&self, id: InvocationId) -> Option<Arc<Function>> {
        self.shard(id)
            .entries
            .get(&id.0.as_u128())
            .map(|entry| Arc::clone(&entry.function))
    }

    /// How many invocations are in flight.
    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Fails what is over its deadline and gives its functions.
    pub(crate) fn fail_overdue(&self, now: Instant, error: &InvokeError) -> Vec<Arc<Function>> {
        let mut overdue = Vec::new();
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let late = |entry: &Entry| entry.deadline.is_some_and(|deadline| deadline <= now);
            for (_, entry) in shard.entries.extract_if(|_, entry| late(entry)) {
                self.count.fetch_sub(1, Ordering::Relaxed);
                overdue.push(entry.function);
                let _ = entry.answer.send(Err(error.clone()));
            }
        }
        overdue
    }

    /// Takes nothing more: the worker has ended, and only answers that are on their way can still come.
    pub(crate) fn freeze(&self) {
        for shard in &self.shards {
            shard.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        }
        self.frozen.get_or_init(Instant::now);
    }

    /// Fails everything and takes nothing more.
    pub(crate) fn close(&self, error: &InvokeError) {
        self.freeze();
        let end = self.frozen.get().copied().unwrap_or_else(Instant::now);
        // Whatever has no answer now was running when the worker ended.
        let alone = self.len() == 1;
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            for (_, entry) in shard.entries.drain() {
                self.count.fetch_sub(1, Ordering::Relaxed);
                let mut error = error.clone();
                if let InvokeError::WorkerDied(death) = &mut error {
                    death.alone = alone;
                    death.ran = end.duration_since(entry.began);
                }
                let _ = entry.answer.send(Err(error));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::durable::work::WorkerDeath;

    fn function() -> Arc<Function> {
        Arc::new(Function::new("f".to_owned(), "1".to_owned(), Vec::new()))
    }

    #[test]
    fn ids_are_unique_and_survive_the_wire() {
        let first = InvocationId::next();
        let second = InvocationId::next();
        assert_ne!(first, second);
        assert_eq!(InvocationId::parse(&first.to_string()), Some(first));
        assert_eq!(InvocationId::parse("nonsense"), None);
    }

    #[tokio::test]
    async fn a_closed_worker_fails_what_it_had_and_takes_nothing_more() {
        let died = InvokeError::WorkerDied(WorkerDeath::new("exit code 3", "app exited with code 3 (0x3)"));
        let in_flight = InFlight::default();
        let receiver = in_flight.add(InvocationId::next(), &function(), None).unwrap();
        in_flight.close(&died);
        let Err(InvokeError::WorkerDied(death)) = receiver.await.unwrap() else {
            panic!("it did not die")
        };
        assert_eq!((death.how.as_str(), death.alone), ("exit code 3", true));
        assert!(in_flight.add(InvocationId::next(), &function(), None).is_none());
        assert_eq!(in_flight.len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn what_died_says_whether_it_was_alone_and_how_long_it_ran() {
        let second = std::time::Duration::from_secs(1);
        let died = InvokeError::WorkerDied(WorkerDeath::new("exit code 3", ""));
        let in_flight = InFlight::default();
        let answered = InvocationId::next();
        let receivers = [answered, InvocationId::next(), InvocationId::next()]
            .map(|id| in_flight.add(id, &function(), None).unwrap());
        tokio::time::advance(second).await;
        in_flight.freeze();
        assert!(
            in_flight.add(InvocationId::next(), &function(), None).is_none(),
            "it never reached the worker, so it cannot have ended it"
        );
        // The last answers of a worker take a moment.
        tokio::time::advance(second).await;
        in_flight.finish(answered, Ok(InvocationResponse::default()));
        in_flight.close(&died);
        let [answered, one, other] = receivers;
        assert!(answered.await.unwrap().is_ok());
        for receiver in [one, other] {
            let Err(InvokeError::WorkerDied(death)) = receiver.await.unwrap() else {
                panic!("it did not die")
            };
            assert_eq!((death.alone, death.ran), (false, second));
        }
    }

    #[tokio::test]
    async fn only_what_is_overdue_times_out() {
        let in_flight = InFlight::default();
        let now = Instant::now();
        let second = std::time::Duration::from_secs(1);
        let late = in_flight.add(InvocationId::next(), &function(), Some(now)).unwrap();
        let early = in_flight
            .add(InvocationId::next(), &function(), Some(now + second))
            .unwrap();
        let forever = in_flight.add(InvocationId::next(), &function(), None).unwrap();
        assert_eq!(in_flight.fail_overdue(now, &InvokeError::TimedOut(second)).len(), 1);
        assert_eq!(late.await.unwrap(), Err(InvokeError::TimedOut(second)));
        assert_eq!(in_flight.len(), 2);
        drop((early, forever));
    }
}
