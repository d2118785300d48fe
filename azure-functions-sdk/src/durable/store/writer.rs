//! Group commit: one thread takes whatever waits (at most [`MAX_BATCH`]) and writes it in one step.
//!
//! Commits reach the store in the order in which they were submitted, so work may go on from a commit that is not
//! yet on disk: what follows from it comes later in the same queue. A batch that cannot be written now is kept and tried
//! again until it can; nothing is lost and nothing overtakes.
//!
//! A commit that nothing waits for, such as the result of an activity, is kept for a moment: the turn that it leads to is about
//! to come, and shares its batch. So a step of an orchestration is written, and synced, once.
//!
//! What can never be written is given up, as little of it as possible. Where a part of the database is damaged, that is one
//! commit, and those after it of the same instances and entities: on disk they stay as they were before it. Where the file
//! cannot be written at all, the writer ends, and all is as if the host had ended there.
//!
//! A test host has a task in place of the thread, which writes one commit at a time.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering, fence},
    },
    thread::{JoinHandle, Thread},
    time::{Duration, Instant},
};

use tokio::sync::{mpsc, watch};

use super::{Commit, Owner, Reach, Store, StoreError};

/// Commits per write.
pub(crate) const MAX_BATCH: usize = 256;
/// Commits that may wait; beyond it, submitters wait.
const QUEUE: usize = 1024;
/// A batch of so many is followed by a short pause, so that the next one is large too: what a transaction costs beside its
/// rows is then shared by more. Few commits at a time mean that a client waits for each: those are not held up.
const LARGE_BATCH: usize = 8;
const PAUSE: Duration = Duration::from_micros(500);
/// How long a commit that nothing waits for is kept for one that is waited for.
const LINGER: Duration = Duration::from_millis(2);
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
    nap: Arc<Nap>,
    /// The place that is kept for the last entry.
    last: Mutex<Option<mpsc::OwnedPermit<Entry<A>>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Whether the thread keeps what nothing waits for, and is to be woken by what is waited for.
#[derive(Debug, Default)]
struct Nap {
    sleeps: AtomicBool,
    thread: OnceLock<Thread>,
}

impl Nap {
    /// An entry that is waited for is in the queue.
    fn end(&self) {
        // Either it is seen before the thread sleeps, or that the thread sleeps is seen here.
        fence(Ordering::SeqCst);
        if self.sleeps.swap(false, Ordering::SeqCst)
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }
}

/// What has become of commits.
#[derive(Debug)]
pub(crate) enum Outcome<A> {
    /// They are on disk.
    Written(Vec<A>),
    /// This one never will be, nor will later ones of its owners.
    Refused {
        token: A,
        owners: Vec<Owner>,
        reason: Arc<str>,
    },
    /// None of these will be, nor any other: the writer has ended.
    Ended { tokens: Vec<A>, reason: Arc<str> },
}

/// A commit and its token, and whether anything waits for it; `None` is the last entry.
type Entry<A> = Option<(Commit, A, bool)>;

/// A place in the queue: taken before the decision is made, so that making it and queueing it are one step.
#[derive(Debug)]
pub(crate) struct Place<'a, A> {
    permit: mpsc::Permit<'a, Entry<A>>,
    nap: &'a Nap,
}

impl<A: Send + 'static> Writer<A> {
    /// Starts the thread; `tell` is called on it with what has become of every commit.
    pub(crate) fn start(store: Arc<dyn Store>, tell: impl Fn(Outcome<A>) + Send + 'static) -> std::io::Result<Self> {
        let (writer, thread) = Self::new(store);
        let thread = std::thread::Builder::new()
            .name("task-hub-writer".into())
            .spawn(move || thread.run(&tell))?;
        // The cell is set once, here.
        let _ = writer.nap.thread.set(thread.thread().clone());
        *writer.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(writer)
    }

    /// Without a thread: the task, which the caller runs, writes one commit after the other. It ends when the store refuses
    /// one.
    #[cfg(feature = "testing")]
    pub(crate) fn as_task(
        store: Arc<dyn Store>,
        tell: impl Fn(Outcome<A>) + Send + 'static,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (writer, mut thread) = Self::new(store);
        let task = async move {
            while let Some(Some((commit, token, _))) = thread.receiver.recv().await {
                match thread.store.write(std::slice::from_ref(&commit)) {
                    Ok(()) => tell(Outcome::Written(vec![token])),
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
        let nap = Arc::new(Nap::default());
        let thread = WriterThread {
            store,
            receiver,
            report,
            closing: Arc::clone(&closing),
            nap: Arc::clone(&nap),
            linger: LINGER,
            commits: Vec::new(),
            awaited: false,
            refused: HashMap::new(),
        };
        let writer = Self {
            sender,
            health,
            closing,
            nap,
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
        let permit = self.sender.reserve().await.map_err(|_| StoreError::Closed)?;
        Ok(Place { permit, nap: &self.nap })
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
        self.permit.send(Some((commit, token, true)));
        self.nap.end();
    }

    /// Queues a commit that nothing waits for: it may share the batch of the next one that is waited for.
    pub(crate) fn submit_unawaited(self, commit: Commit, token: A) {
        self.permit.send(Some((commit, token, false)));
    }
}

struct WriterThread<A> {
    store: Arc<dyn Store>,
    receiver: mpsc::Receiver<Entry<A>>,
    report: watch::Sender<Option<Arc<str>>>,
    closing: Arc<AtomicBool>,
    nap: Arc<Nap>,
    linger: Duration,
    commits: Vec<Commit>,
    /// Whether one of them is waited for.
    awaited: bool,
    /// Whose state on disk is older than what later commits build on.
    refused: HashMap<Owner, Refused>,
}

struct Refused {
    reason: Arc<str>,
    /// It was never on disk. Those who submit have been told, so that what builds on it is in the queue, and nothing comes after that.
    never_was: bool,
}

/// How the attempt to write a batch ended.
enum Attempt {
    Written,
    /// One of its commits at least will never be written.
    Refused(StoreError),
    /// Nothing can be written any more.
    Ended(StoreError),
    /// The hub was closed meanwhile.
    Closed,
}

impl<A> WriterThread<A> {
    fn run(mut self, tell: &impl Fn(Outcome<A>)) {
        loop {
            let mut tokens = Vec::new();
            self.take_waiting(&mut tokens);
            if self.commits.is_empty() {
                self.forget_what_never_was();
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
            self.linger(&mut tokens);
            self.awaited = false;
            let commits = std::mem::take(&mut self.commits);
            let large = commits.len() >= LARGE_BATCH;
            let first = if self.builds_on_refused(&commits) {
                self.write_one_by_one(&commits, &mut tokens, tell)
            } else {
                self.write(&commits)
            };
            let attempt = match first {
                Attempt::Refused(_) => self.write_one_by_one(&commits, &mut tokens, tell),
                other => other,
            };
            match attempt {
                Attempt::Written | Attempt::Refused(_) => {}
                Attempt::Ended(error) => return self.end(&error, tokens, tell),
                Attempt::Closed => return,
            }
            self.commits = commits;
            self.commits.clear();
            if !tokens.is_empty() {
                tell(Outcome::Written(tokens));
            }
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
        if let Some((commit, token, awaited)) = entry {
            self.commits.push(commit);
            tokens.push(token);
            self.awaited |= awaited;
        }
    }

    /// Keeps commits that nothing waits for, until one comes that is waited for, or a moment has passed.
    fn linger(&mut self, tokens: &mut Vec<A>) {
        let until = Instant::now() + self.linger;
        while !self.awaited && self.commits.len() < MAX_BATCH && !self.closing.load(Ordering::Acquire) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            self.nap.sleeps.store(true, Ordering::SeqCst);
            fence(Ordering::SeqCst);
            self.take_waiting(tokens);
            if !self.awaited {
                std::thread::park_timeout(left);
                self.take_waiting(tokens);
            }
        }
        self.nap.sleeps.store(false, Ordering::SeqCst);
    }

    /// The queue is empty.
    fn forget_what_never_was(&mut self) {
        self.refused.retain(|_, refused| !refused.never_was);
    }

    fn builds_on_refused(&self, commits: &[Commit]) -> bool {
        let is_refused = |commit: &Commit| commit.owners().iter().any(|owner| self.refused.contains_key(owner));
        !self.refused.is_empty() && commits.iter().any(is_refused)
    }

    /// Writes what can be written, in its order, and tells what has become of each.
    fn write_one_by_one(&mut self, commits: &[Commit], tokens: &mut Vec<A>, tell: &impl Fn(Outcome<A>)) -> Attempt {
        let mut left = std::mem::take(tokens).into_iter();
        for commit in commits {
            let Some(token) = left.next() else { break };
            let owners = commit.owners();
            let refused = owners.iter().find_map(|owner| self.refused.get(owner));
            let refused = refused.map(|refused| Arc::clone(&refused.reason));
            let attempt = match &refused {
                Some(_) => None,
                None => Some(self.write(std::slice::from_ref(commit))),
            };
            let reason: Arc<str> = match attempt {
                Some(Attempt::Written) => {
                    tell(Outcome::Written(vec![token]));
                    continue;
                }
                Some(Attempt::Refused(error)) => error.to_string().into(),
                Some(ended) => {
                    tokens.push(token);
                    tokens.extend(left);
                    return ended;
                }
                None => refused.unwrap_or_default(),
            };
            for owner in &owners {
                // What is created here is known by its key from now on.
                let (owner, never_was) = match owner {
                    Owner::New(key) => (Owner::Instance(*key), true),
                    owner => (owner.clone(), false),
                };
                self.refused.entry(owner).or_insert_with(|| Refused {
                    reason: Arc::clone(&reason),
                    never_was,
                });
            }
            tell(Outcome::Refused { token, owners, reason });
        }
        Attempt::Written
    }

    /// Nothing can be written any more: what is queued is given up, and so is what still comes.
    fn end(mut self, error: &StoreError, tokens: Vec<A>, tell: &impl Fn(Outcome<A>)) {
        log::error!("{error}");
        let reason: Arc<str> = error.to_string().into();
        self.report.send_replace(Some(Arc::clone(&reason)));
        self.receiver.close();
        tell(Outcome::Ended {
            tokens,
            reason: Arc::clone(&reason),
        });
        while let Some(entry) = self.receiver.blocking_recv() {
            let tokens = entry.into_iter().map(|(_, token, _)| token).collect();
            tell(Outcome::Ended {
                tokens,
                reason: Arc::clone(&reason),
            });
        }
    }

    /// Writes the commits in one step, as long as what hinders it can pass.
    fn write(&self, commits: &[Commit]) -> Attempt {
        let mut delay = FIRST_RETRY;
        loop {
            let error = match self.store.write(commits) {
                Ok(()) => {
                    if self.report.borrow().is_some() {
                        log::info!("the task hub can be written again; nothing was lost");
                        self.report.send_replace(None);
                    }
                    return Attempt::Written;
                }
                Err(StoreError::Closed) => return Attempt::Closed,
                Err(error) => error,
            };
            match error.reach() {
                Reach::Passes => {}
                Reach::Commit => return Attempt::Refused(error),
                Reach::Hub => return Attempt::Ended(error),
            }
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
                    commits.len()
                );
                return Attempt::Closed;
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
    use crate::durable::{
        engine::runtime_status::RuntimeStatus,
        store::{
            EntityPage, EntityQuery, EntityRow, InstanceKey, InstanceQuery, InstanceRow, InstanceState, Page, Recovery,
        },
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

    impl Writes for Slow {
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
    }

    /// How a store writes that has nothing to read.
    trait Writes: Send + Sync + 'static {
        fn write(&self, batch: &[Commit]) -> Result<(), StoreError>;
    }

    struct Fake<W>(W);

    impl<W: Writes> Store for Fake<W> {
        fn recover(&self) -> Result<Recovery, StoreError> {
            Ok(Recovery::default())
        }

        fn write(&self, batch: &[Commit]) -> Result<(), StoreError> {
            self.0.write(batch)
        }

        fn find(&self, _: &str) -> Result<Option<InstanceRow>, StoreError> {
            Ok(None)
        }

        fn last_turn(&self, _: InstanceKey) -> Result<Option<String>, StoreError> {
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
        let store = Arc::new(Fake(Slow::default()));
        let (written, tokens) = channel();
        let writer = Writer::start(Arc::clone(&store) as Arc<dyn Store>, move |outcome| match outcome {
            Outcome::Written(batch) => written.send(batch).unwrap(),
            other => panic!("{other:?}"),
        })
        .unwrap();
        for number in 0..600 {
            writer.place().await.unwrap().submit(commit(number), number);
        }
        store.0.go();
        writer.close();
        let batches = store.0.batches.lock().unwrap().clone();
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
    async fn a_commit_that_nothing_waits_for_shares_the_batch_of_one_that_is_waited_for() {
        let store = Arc::new(Fake(Slow::default()));
        store.0.go();
        let (writer, mut thread) = Writer::new(Arc::clone(&store) as Arc<dyn Store>);
        thread.linger = Duration::from_secs(60);
        let (written, tokens) = channel();
        let handle = std::thread::spawn(move || {
            thread.run(&|outcome| {
                let Outcome::Written(batch) = outcome else {
                    panic!("{outcome:?}")
                };
                written.send(batch).unwrap();
            });
        });
        writer.nap.thread.set(handle.thread().clone()).unwrap();
        writer.place().await.unwrap().submit_unawaited(commit(1), 1);
        while !writer.nap.sleeps.load(Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
        assert!(tokens.try_recv().is_err());
        writer.place().await.unwrap().submit(commit(2), 2);
        assert_eq!(tokens.recv_timeout(Duration::from_secs(30)), Ok(vec![1, 2]));
        // One that stays alone is written when the writer closes.
        writer.place().await.unwrap().submit_unawaited(commit(3), 3);
        *writer.thread.lock().unwrap() = Some(handle);
        writer.close();
        assert_eq!(*store.0.batches.lock().unwrap(), [vec![1, 2], vec![3]]);
    }

    #[tokio::test]
    async fn a_commit_that_nothing_waits_for_is_written_soon() {
        let (written, tokens) = channel();
        let store = Arc::new(Fake(Slow::default()));
        store.0.go();
        let writer = Writer::start(store as Arc<dyn Store>, move |outcome| drop(written.send(outcome))).unwrap();
        writer.place().await.unwrap().submit_unawaited(commit(1), ());
        assert!(matches!(
            tokens.recv_timeout(Duration::from_secs(30)),
            Ok(Outcome::Written(_))
        ));
        writer.close();
    }

    #[tokio::test]
    async fn batch_that_fails_is_kept_and_reported_until_it_is_written() {
        let store = Arc::new(Fake(Slow {
            failures: 2.into(),
            ..Slow::default()
        }));
        store.0.go();
        let writer = Writer::start(Arc::clone(&store) as Arc<dyn Store>, |_: Outcome<()>| {}).unwrap();
        let mut health = writer.health();
        for number in 0..3 {
            writer.place().await.unwrap().submit(commit(number), ());
        }
        let reason = health.wait_for(Option::is_some).await.unwrap().clone();
        assert!(reason.is_some_and(|reason| reason.contains("disk is full")));
        health.wait_for(Option::is_none).await.unwrap();
        writer.close();
        assert_eq!(store.0.batches.lock().unwrap().concat(), [0, 1, 2]);
    }

    /// Refuses for ever what the commit of a number holds, and at last everything.
    struct Damaged {
        bad: i64,
        last: i64,
        written: Mutex<Vec<i64>>,
    }

    impl Writes for Damaged {
        fn write(&self, batch: &[Commit]) -> Result<(), StoreError> {
            let (path, source) = ("hub.db".into(), "malformed".into());
            let numbers: Vec<i64> = batch.iter().map(|commit| commit.inbox_removed[0]).collect();
            if numbers.contains(&self.last) {
                return Err(StoreError::Unwritable { path, source });
            }
            if numbers.contains(&self.bad) {
                return Err(StoreError::Corrupt { path, source });
            }
            self.written.lock().unwrap().extend(numbers);
            Ok(())
        }
    }

    /// A commit of an instance.
    fn episode(number: i64, instance: i64) -> Commit {
        Commit {
            history: vec![(number, InstanceKey(instance), String::new())],
            ..commit(number)
        }
    }

    #[tokio::test]
    async fn a_commit_that_can_never_be_written_is_given_up_with_those_that_build_on_it_and_no_other() {
        let store = Arc::new(Fake(Damaged {
            bad: 2,
            last: i64::MAX,
            written: Mutex::default(),
        }));
        let (told, outcomes) = channel();
        let tell = move |outcome| told.send(outcome).unwrap();
        let writer = Writer::start(Arc::clone(&store) as Arc<dyn Store>, tell).unwrap();
        for (number, instance) in [(1, 10), (2, 20), (3, 10), (4, 20), (5, 30)] {
            writer.place().await.unwrap().submit(episode(number, instance), number);
        }
        writer.close();
        assert_eq!(*store.0.written.lock().unwrap(), [1, 3, 5]);
        let (mut written, mut refused) = (Vec::new(), Vec::new());
        for outcome in outcomes.iter() {
            match outcome {
                Outcome::Written(tokens) => written.extend(tokens),
                Outcome::Refused { token, owners, reason } => {
                    assert_eq!(owners, [Owner::Instance(InstanceKey(20))]);
                    assert!(reason.contains("malformed"), "{reason}");
                    refused.push(token);
                }
                Outcome::Ended { .. } => panic!("{outcome:?}"),
            }
        }
        assert_eq!((written, refused), (vec![1, 3, 5], vec![2, 4]));
        assert!(writer.health().borrow().is_none(), "others can be written");
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_written_any_more_ends_the_writer_and_all_are_told() {
        let store = Arc::new(Fake(Damaged {
            bad: i64::MAX,
            last: 2,
            written: Mutex::default(),
        }));
        let (told, outcomes) = channel();
        let tell = move |outcome| told.send(outcome).unwrap();
        let writer = Writer::start(Arc::clone(&store) as Arc<dyn Store>, tell).unwrap();
        let place = writer.place().await.unwrap();
        place.submit(episode(1, 10), 1);
        assert!(matches!(outcomes.recv(), Ok(Outcome::Written(_))));
        // Taken before the writer ends, and used after it.
        let late = writer.place().await.unwrap();
        writer.place().await.unwrap().submit(episode(2, 20), 2);
        let reason = writer.health().wait_for(Option::is_some).await.unwrap().clone();
        assert!(reason.is_some_and(|reason| reason.contains("start the host again")));
        late.submit(episode(3, 30), 3);
        writer.close();
        let ended: Vec<i64> = outcomes
            .iter()
            .flat_map(|outcome| match outcome {
                Outcome::Ended { tokens, .. } => tokens,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(ended, [2, 3]);
        assert_eq!(*store.0.written.lock().unwrap(), [1]);
    }

    #[tokio::test]
    async fn a_start_that_was_refused_is_remembered_no_longer_than_what_builds_on_it_is_queued() {
        let store = Arc::new(Fake(Damaged {
            bad: 1,
            last: i64::MAX,
            written: Mutex::default(),
        }));
        let (writer, mut thread) = Writer::new(store as Arc<dyn Store>);
        let start = Commit {
            created: vec![InstanceRow {
                key: InstanceKey(10),
                id: "i".to_owned(),
                name: "f".to_owned(),
                input: None,
                tags: None,
                parent: None,
                scheduled_start: None,
                state: InstanceState {
                    execution_id: "x".to_owned(),
                    version: None,
                    generation: 0,
                    status: RuntimeStatus::Pending,
                    created: 0,
                    updated: 0,
                    custom_status: None,
                    output: None,
                    ending: None,
                    wire: None,
                },
            }],
            ..commit(1)
        };
        for (number, commit) in [(1, start), (2, episode(2, 10)), (3, episode(3, 20))] {
            writer.place().await.unwrap().submit(commit, number);
        }
        let mut tokens = Vec::new();
        thread.take_waiting(&mut tokens);
        let commits = std::mem::take(&mut thread.commits);
        let refused = Mutex::new(Vec::new());
        thread.write_one_by_one(&commits, &mut tokens, &|outcome| {
            if let Outcome::Refused { token, .. } = outcome {
                refused.lock().unwrap().push(token);
            }
        });
        assert_eq!(*refused.lock().unwrap(), [1, 2]);
        assert_eq!(thread.refused.len(), 1);
        thread.take_waiting(&mut tokens);
        assert!(thread.commits.is_empty());
        thread.forget_what_never_was();
        assert!(thread.refused.is_empty());
    }
}
