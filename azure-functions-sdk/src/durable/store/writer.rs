//! Group commit: one thread takes whatever waits (at most [`MAX_BATCH`]) and writes it in one step.
//!
//! Commits reach the store in the order in which they were submitted, so work may go on from a commit that is not
//! yet on disk: what follows from it comes later in the same queue. A batch that cannot be written is kept and tried
//! again until it can; nothing is lost and nothing overtakes. A test host has a task in place of the thread, which
//! writes one commit at a time.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use tokio::sync::{mpsc, watch};

use super::{Commit, Store, StoreError};

/// Commits per write.
pub(crate) const MAX_BATCH: usize = 256;
/// Commits that may wait; beyond it, submitters wait.
const QUEUE: usize = 1024;
/// A batch of so many is followed by a short pause, so that the next one is large too: what a transaction costs beside its
/// rows is then shared by more. Few commits at a time mean that somebody waits for each: those are not held up.
const LARGE_BATCH: usize = 8;
const PAUSE: Duration = Duration::from_micros(500);
const FIRST_RETRY: Duration = Duration::from_millis(50);
const LAST_RETRY: Duration = Duration::from_secs(5);

/// The queue's entry point.
///
/// `A` is what the submitter wants to get back once its commit is on disk.
#[derive(Debug)]
pub(crate) struct Writer<A> {
    sender: mpsc::Sender<Entry<A>>,
    health: watch::Receiver<Option<Arc<str>>>,
    closing: Arc<AtomicBool>,
    /// The place that is kept for the last entry.
    last: Mutex<Option<mpsc::OwnedPermit<Entry<A>>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// A commit and its token; `None` is the last entry.
type Entry<A> = Option<(Commit, A)>;

/// A place in the queue: taken before the decision is made, so that making it and queueing it are one step.
#[derive(Debug)]
pub(crate) struct Place<'a, A>(mpsc::Permit<'a, Entry<A>>);

impl<A: Send + 'static> Writer<A> {
    /// Starts the thread; `committed` is called on it with the tokens of every batch that reached the disk.
    pub(crate) fn start(store: Arc<dyn Store>, committed: impl Fn(Vec<A>) + Send + 'static) -> std::io::Result<Self> {
        let (writer, thread) = Self::new(store);
        let thread = std::thread::Builder::new()
            .name("task-hub-writer".into())
            .spawn(move || thread.run(&committed))?;
        *writer.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(writer)
    }

    /// Without a thread: the task, which the caller runs, writes one commit after the other. It ends when the store refuses
    /// one.
    #[cfg(feature = "testing")]
    pub(crate) fn as_task(
        store: Arc<dyn Store>,
        committed: impl Fn(Vec<A>) + Send + 'static,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (writer, mut thread) = Self::new(store);
        let task = async move {
            while let Some(Some((commit, token))) = thread.receiver.recv().await {
                match thread.store.write(std::slice::from_ref(&commit)) {
                    Ok(()) => committed(vec![token]),
                    Err(StoreError::Closed) => return,
                    Err(error) => {
                        log::error!("{error}");
                        thread.report.send_replace(Some(error.to_string().into()));
                        return;
                    }
                }
            }
        };
        (writer, task)
    }

    fn new(store: Arc<dyn Store>) -> (Self, WriterThread<A>) {
        let (sender, receiver) = mpsc::channel(QUEUE + 1);
        // An empty queue has a place.
        let last = sender.clone().try_reserve_owned().ok();
        let (report, health) = watch::channel(None);
        let closing = Arc::new(AtomicBool::new(false));
        let thread = WriterThread {
            store,
            receiver,
            report,
            closing: Arc::clone(&closing),
            commits: Vec::new(),
        };
        let writer = Self {
            sender,
            health,
            closing,
            last: Mutex::new(last),
            thread: Mutex::default(),
        };
        (writer, thread)
    }

    /// Waits for a place in the queue.
    pub(crate) async fn place(&self) -> Result<Place<'_, A>, StoreError> {
        if self.closing.load(Ordering::Acquire) {
            return Err(StoreError::Closed);
        }
        self.sender.reserve().await.map(Place).map_err(|_| StoreError::Closed)
    }

    /// Why nothing can be written at present; `None` while all is well.
    pub(crate) fn health(&self) -> watch::Receiver<Option<Arc<str>>> {
        self.health.clone()
    }

    /// Writes what is queued, then stops. What cannot be written now is given up, with an error in the log.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Release);
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(last) = last {
            last.send(None);
        }
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            thread.thread().unpark();
            if thread.join().is_err() {
                log::error!("the task hub's writer thread panicked");
            }
        }
    }
}

impl<A> Place<'_, A> {
    /// Queues a commit.
    pub(crate) fn submit(self, commit: Commit, token: A) {
        self.0.send(Some((commit, token)));
    }
}

struct WriterThread<A> {
    store: Arc<dyn Store>,
    receiver: mpsc::Receiver<Entry<A>>,
    report: watch::Sender<Option<Arc<str>>>,
    closing: Arc<AtomicBool>,
    commits: Vec<Commit>,
}

impl<A> WriterThread<A> {
    fn run(mut self, committed: &impl Fn(Vec<A>)) {
        loop {
            let mut tokens = Vec::new();
            self.take_waiting(&mut tokens);
            if self.commits.is_empty() {
                if self.closing.load(Ordering::Acquire) {
                    return;
                }
                self.store.tidy();
                match self.receiver.blocking_recv() {
                    Some(entry) => self.keep(entry, &mut tokens),
                    None => return,
                }
                self.take_waiting(&mut tokens);
            }
            if self.commits.is_empty() {
                continue;
            }
            if !self.write() {
                return;
            }
            let large = self.commits.len() >= LARGE_BATCH;
            self.commits.clear();
            committed(tokens);
            if large && !self.closing.load(Ordering::Acquire) {
                std::thread::sleep(PAUSE);
            }
        }
    }

    fn take_waiting(&mut self, tokens: &mut Vec<A>) {
        while self.commits.len() < MAX_BATCH {
            let Ok(entry) = self.receiver.try_recv() else { return };
            self.keep(entry, tokens);
        }
    }

    fn keep(&mut self, entry: Entry<A>, tokens: &mut Vec<A>) {
        if let Some((commit, token)) = entry {
            self.commits.push(commit);
            tokens.push(token);
        }
    }

    /// Writes the batch, however long it takes; false when the hub was closed meanwhile.
    fn write(&self) -> bool {
        let mut delay = FIRST_RETRY;
        loop {
            let error = match self.store.write(&self.commits) {
                Ok(()) => {
                    if self.report.borrow().is_some() {
                        log::info!("the task hub can be written again; nothing was lost");
                        self.report.send_replace(None);
                    }
                    return true;
                }
                Err(StoreError::Closed) => return false,
                Err(error) => error,
            };
            let what_now = match error {
                StoreError::Gone { .. } => "new work is refused, and what runs waits",
                _ => "orchestrations wait until it can be written, and nothing is lost meanwhile",
            };
            let error = error.to_string();
            if self.report.borrow().as_deref() != Some(&*error) {
                log::error!("{error}; {what_now}");
                self.report.send_replace(Some(error.into()));
            }
            if self.closing.load(Ordering::Acquire) {
                log::error!(
                    "the task hub closes with {} changes that could not be written",
                    self.commits.len()
                );
                return false;
            }
            std::thread::park_timeout(delay);
            delay = (delay * 2).min(LAST_RETRY);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Condvar, mpsc::channel};

    use super::*;
    use crate::durable::store::{
        EntityPage, EntityQuery, EntityRow, InstanceKey, InstanceQuery, InstanceRow, Page, Recovery,
    };

    /// Notes batches; writes only while it may, and fails a few times first.
    #[derive(Default)]
    struct Slow {
        may_write: (Mutex<bool>, Condvar),
        failures: Mutex<u32>,
        batches: Mutex<Vec<Vec<i64>>>,
    }

    impl Slow {
        fn go(&self) {
            *self.may_write.0.lock().unwrap() = true;
            self.may_write.1.notify_all();
        }
    }

    impl Store for Slow {
        fn recover(&self) -> Result<Recovery, StoreError> {
            Ok(Recovery::default())
        }

        fn write(&self, batch: &[Commit]) -> Result<(), StoreError> {
            let may_write = self.may_write.0.lock().unwrap();
            drop(self.may_write.1.wait_while(may_write, |may_write| !*may_write).unwrap());
            let mut failures = self.failures.lock().unwrap();
            if *failures > 0 {
                *failures -= 1;
                return Err(StoreError::Database {
                    path: "hub.db".into(),
                    source: "disk is full".into(),
                });
            }
            self.batches
                .lock()
                .unwrap()
                .push(batch.iter().map(|commit| commit.inbox_removed[0]).collect());
            Ok(())
        }

        fn find(&self, _: &str) -> Result<Option<InstanceRow>, StoreError> {
            Ok(None)
        }

        fn history(&self, _: InstanceKey) -> Result<Vec<String>, StoreError> {
            Ok(Vec::new())
        }

        fn list(&self, _: &InstanceQuery) -> Result<Page, StoreError> {
            Ok(Page::default())
        }

        fn entity(&self, _: &str) -> Result<Option<EntityRow>, StoreError> {
            Ok(None)
        }

        fn entities(&self, _: &EntityQuery) -> Result<EntityPage, StoreError> {
            Ok(EntityPage::default())
        }

        fn close(&self) {}
    }

    fn commit(number: i64) -> Commit {
        Commit {
            inbox_removed: vec![number],
            ..Commit::default()
        }
    }

    #[tokio::test]
    async fn commits_that_wait_share_a_batch_in_their_order() {
        let store = Arc::new(Slow::default());
        let (written, tokens) = channel();
        let writer = Writer::start(Arc::clone(&store) as Arc<dyn Store>, move |batch: Vec<i64>| {
            written.send(batch).unwrap();
        })
        .unwrap();
        for number in 0..600 {
            writer.place().await.unwrap().submit(commit(number), number);
        }
        store.go();
        writer.close();
        let batches = store.batches.lock().unwrap().clone();
        assert_eq!(batches.concat(), (0..600).collect::<Vec<_>>());
        assert!(
            batches.len() <= 4 && batches.iter().all(|batch| batch.len() <= MAX_BATCH),
            "{}",
            batches.len()
        );
        assert_eq!(
            tokens.iter().flatten().collect::<Vec<_>>(),
            (0..600).collect::<Vec<_>>()
        );
        assert!(writer.place().await.is_err(), "it is closed");
    }

    #[tokio::test]
    async fn batch_that_fails_is_kept_and_reported_until_it_is_written() {
        let store = Arc::new(Slow {
            failures: 2.into(),
            ..Slow::default()
        });
        store.go();
        let writer = Writer::start(Arc::clone(&store) as Arc<dyn Store>, |_: Vec<()>| {}).unwrap();
        let mut health = writer.health();
        for number in 0..3 {
            writer.place().await.unwrap().submit(commit(number), ());
        }
        let reason = health.wait_for(Option::is_some).await.unwrap().clone();
        assert!(reason.is_some_and(|reason| reason.contains("disk is full")));
        health.wait_for(Option::is_none).await.unwrap();
        writer.close();
        assert_eq!(store.batches.lock().unwrap().concat(), [0, 1, 2]);
    }
}
