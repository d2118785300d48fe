//! Group commit: one thread takes whatever waits (at most [`MAX_BATCH`]) and writes it in one step.
//!
//! Commits reach the store in the order in which they were submitted, so work may go on from a commit that is not
//! yet on disk: what follows from it comes later in the same queue. A batch that cannot be written is kept and tried
//! again until it can; nothing is lost and nothing overtakes.

use std::{
    sync::{
        Arc, Mutex,
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
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
enum Entry<A> {
    Commit(Commit, A),
    Close,
}

/// A place in the queue: taken before the decision is made, so that making it and queueing it are one step.
#[derive(Debug)]
pub(crate) struct Place<'a, A>(mpsc::Permit<'a, Entry<A>>);

impl<A: Send + 'static> Writer<A> {
    /// Starts the thread; `committed` is called on it with the tokens of every batch that reached the disk.
    pub(crate) fn start(store: Arc<dyn Store>, committed: impl Fn(Vec<A>) + Send + 'static) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let (report, health) = watch::channel(None);
        let closing = Arc::new(AtomicBool::new(false));
        let thread = WriterThread {
            store,
            receiver,
            report,
            closing: Arc::clone(&closing),
            commits: Vec::new(),
        };
        let thread = std::thread::Builder::new()
            .name("task-hub-writer".into())
            .spawn(move || thread.run(&committed))?;
        Ok(Self {
            sender,
            health,
            closing,
            thread: Mutex::new(Some(thread)),
        })
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
        // When the queue is full the thread is awake, and looks at the flag before it sleeps again.
        let _ = self.sender.try_send(Entry::Close);
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .take();
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
        self.0.send(Entry::Commit(commit, token));
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
            self.commits.clear();
            committed(tokens);
        }
    }

    fn take_waiting(&mut self, tokens: &mut Vec<A>) {
        while self.commits.len() < MAX_BATCH {
            let Ok(entry) = self.receiver.try_recv() else { return };
            self.keep(entry, tokens);
        }
    }

    fn keep(&mut self, entry: Entry<A>, tokens: &mut Vec<A>) {
        if let Entry::Commit(commit, token) = entry {
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
                Err(error) => error.to_string(),
            };
            if self.report.borrow().as_deref() != Some(&*error) {
                log::error!("{error}; orchestrations wait until it can be written, and nothing is lost meanwhile");
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
