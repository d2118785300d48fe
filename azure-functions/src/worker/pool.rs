//! The threads that poll async functions.
//!
//! The number of a runtime's own threads is fixed: as many functions as there are threads, which block instead of awaiting, stop all
//! others. Here a watch looks at the threads while they poll. When one has been in the same poll for long and work waits, it
//! starts another, and a function that goes on blocking is named in a warning. So is one that computes for long, or loops over what
//! is always ready and never yields: each of them stays in one poll. Functions still belong to the runtime, whose timers and sockets
//! they wait for.
//!
//! The thread that [reads](super::reader) the stream runs what is expected to be [short](crate::pace). The watch looks at it, too: if it
//! does not come back soon, it reads no more and is one of these threads, and another one reads.

use super::blocking::Blocking;
use crate::{context::Context, once::first_time};
use async_task::Runnable;
use std::{
    collections::VecDeque,
    fmt, io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};
use tokio::runtime::{EnterGuard, Handle};

/// Threads at most, blocked ones included.
const MOST_THREADS: usize = 1_000;

/// How often the watch looks at the threads.
const TICK: Duration = Duration::from_millis(50);

/// For how many ticks a thread has been in one poll when it counts as blocked.
const BLOCKED: u32 = 2;

/// And when its function is warned of.
const WARNED: u32 = 10;

/// How long the thread that reads runs functions between two steps: what is left then goes to other threads.
const READER_SHARE: Duration = Duration::from_millis(1);

/// How long a thread that is needed no more waits before it ends.
const KEPT: Duration = Duration::from_secs(10);

/// Polls async functions. Cheap to clone.
#[derive(Clone)]
pub(super) struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    runtime: Handle,
    /// Runs plain functions.
    blocking: Blocking,
    /// How many threads are to be free of blocked functions.
    width: usize,
    kept: Duration,
    state: Mutex<State>,
    /// Tells an idle thread of work.
    work: Condvar,
    /// Tells the watch that a thread polls.
    polling: Condvar,
}

/// Starts a thread that reads the stream, with the number that it has among the threads.
type StartReader = Arc<dyn Fn(usize) -> io::Result<()> + Send + Sync>;

/// What is to run on the thread that reads.
enum Here {
    Async(Runnable<Context>),
    Plain(Context, Box<dyn FnOnce() + Send>),
}

impl Here {
    fn is_short(&self) -> bool {
        match self {
            Self::Async(runnable) => runnable.metadata().0.pace.is_short(),
            Self::Plain(context, _) => context.0.pace.is_short(),
        }
    }
}

#[derive(Default)]
struct State {
    ready: VecDeque<Runnable<Context>>,
    /// The thread that reads, if it may run functions.
    reader: Option<usize>,
    start_reader: Option<StartReader>,
    /// What the reader has yet to run.
    here: VecDeque<Here>,
    /// By the numbers of the threads; those of ended ones are used again.
    stations: Vec<Station>,
    threads: usize,
    idle: usize,
    /// Threads that poll.
    busy: usize,
    /// Of these, threads that are blocked.
    blocked: usize,
    /// Whether the watch is awake.
    watched: bool,
    stopped: bool,
}

/// What one thread does.
#[derive(Default)]
struct Station {
    taken: bool,
    /// Of the function that is polled.
    polled: Option<Context>,
    /// Counts the polls.
    poll: u64,
    /// The poll that the watch saw last, and for how many ticks.
    seen: u64,
    ticks: u32,
    is_blocked: bool,
    /// Whether a plain function runs, which may block its thread.
    is_plain: bool,
    /// Whether what belongs to an invocation is dropped after its last poll: code of the app's may run then, too.
    drops: bool,
}

impl Station {
    fn is_busy(&self) -> bool {
        self.polled.is_some() || self.drops
    }
}

impl Pool {
    /// Starts the watch and the first thread. `width` threads poll, and more while some of them are blocked.
    pub(super) fn start(runtime: Handle, blocking: Blocking, width: usize) -> io::Result<Self> {
        Self::keeping(runtime, blocking, width, KEPT)
    }

    fn keeping(runtime: Handle, blocking: Blocking, width: usize, kept: Duration) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            runtime,
            blocking,
            width,
            kept,
            state: Mutex::default(),
            work: Condvar::new(),
            polling: Condvar::new(),
        });
        let number = shared.state().begin_thread();
        shared.spawn(number)?;
        let watch = Arc::clone(&shared);
        thread::Builder::new()
            .name("functions-watch".to_owned())
            .spawn(move || watch.watch())?;
        Ok(Self { shared })
    }

    /// Runs a function of this invocation to its end.
    pub(super) fn spawn(&self, context: Context, function: impl Future<Output = ()> + Send + 'static) {
        let shared = Arc::clone(&self.shared);
        let schedule = move |runnable| shared.push(runnable);
        let (runnable, task) = async_task::Builder::new()
            .metadata(context)
            .spawn(|_| function, schedule);
        task.detach();
        if let Some(Here::Async(runnable)) = self.shared.run_here(Here::Async(runnable)) {
            runnable.schedule();
        }
    }

    /// Runs a plain function of this invocation.
    pub(super) fn block(&self, context: Context, work: impl FnOnce() + Send + 'static) {
        if !context.0.pace.is_short() {
            return self.shared.blocking.run(work);
        }
        if let Some(Here::Plain(_, work)) = self.shared.run_here(Here::Plain(context, Box::new(work))) {
            self.shared.blocking.run(work);
        }
    }

    /// From now on a thread that `start` starts reads the stream, and runs what is short.
    pub(super) fn read_with(&self, start: impl Fn(usize) -> io::Result<()> + Send + Sync + 'static) -> io::Result<()> {
        let start: StartReader = Arc::new(start);
        let number = {
            let mut state = self.shared.state();
            let number = state.take_station();
            state.start_reader = Some(Arc::clone(&start));
            state.reader = Some(number);
            number
        };
        let started = start(number);
        if started.is_err() {
            self.read_no_more();
        }
        started
    }

    /// No thread that reads runs functions from now on.
    pub(super) fn read_no_more(&self) {
        let left = {
            let mut state = self.shared.state();
            state.start_reader = None;
            state.reader = None;
            std::mem::take(&mut state.here)
        };
        self.shared.run_elsewhere(left);
    }

    /// Whether there is something to run on the thread that reads.
    pub(super) fn has_work_here(&self) -> bool {
        !self.shared.state().here.is_empty()
    }

    /// Runs it, on the thread of this number. Whether that still is the thread that reads.
    pub(super) fn run_here(&self, number: usize) -> bool {
        let begun = Instant::now();
        let mut state = self.shared.state();
        loop {
            if state.stopped || state.reader != Some(number) {
                return state.reader == Some(number);
            }
            let is_late = || begun.elapsed() > READER_SHARE;
            if state.here.front().is_some_and(|next| !next.is_short() || is_late()) {
                let left = std::mem::take(&mut state.here);
                drop(state);
                self.shared.run_elsewhere(left);
                return true;
            }
            state = match state.here.pop_front() {
                Some(Here::Async(runnable)) => self.shared.poll(state, number, runnable),
                Some(Here::Plain(context, work)) => self.shared.run_plain(state, number, context, work),
                None => return true,
            };
        }
    }

    /// Goes on as one of the threads that poll.
    pub(super) fn join(&self, number: usize) {
        self.shared.work(number);
    }

    /// Functions that run on this thread belong to the runtime, as long as this lives.
    pub(super) fn enter(&self) -> EnterGuard<'_> {
        self.shared.runtime.enter()
    }

    /// Polls nothing more. Does not wait for polls that have begun.
    pub(super) fn stop(&self) {
        let dropped = {
            let mut state = self.shared.state();
            state.stopped = true;
            (
                std::mem::take(&mut state.ready),
                std::mem::take(&mut state.here),
                state.start_reader.take(),
            )
        };
        self.shared.work.notify_all();
        self.shared.polling.notify_all();
        // What a function drops may wake others: not while the state is locked.
        drop(dropped);
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").finish_non_exhaustive()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics while it holds the lock, and the state would be whole if it did.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(self: &Arc<Self>, runnable: Runnable<Context>) {
        let mut state = self.state();
        if state.stopped {
            drop(state);
            // Ends the function.
            drop(runnable);
            return;
        }
        state.ready.push_back(runnable);
        if state.idle > 0 {
            self.work.notify_one();
        }
        if state.idle < state.ready.len() && state.threads < self.width {
            let number = state.begin_thread();
            drop(state);
            self.add(number);
        }
    }

    /// Leaves it to the thread that reads, if there is one and it is expected to be short; else gives it back.
    ///
    /// Only steps of that thread may come here: nothing wakes it.
    fn run_here(&self, work: Here) -> Option<Here> {
        if !work.is_short() {
            return Some(work);
        }
        let mut state = self.state();
        if state.stopped || state.reader.is_none() {
            return Some(work);
        }
        state.here.push_back(work);
        None
    }

    /// What the thread that reads does not come to.
    fn run_elsewhere(&self, work: impl IntoIterator<Item = Here>) {
        for work in work {
            match work {
                Here::Async(runnable) => runnable.schedule(),
                Here::Plain(_, work) => self.blocking.run(work),
            }
        }
    }

    /// Starts a thread in addition to others.
    fn add(self: &Arc<Self>, number: usize) {
        if let Err(error) = self.spawn(number) {
            self.state().end_thread(number);
            log::error!("cannot start another thread for functions: {error}");
        }
    }

    fn spawn(self: &Arc<Self>, number: usize) -> io::Result<()> {
        let shared = Arc::clone(self);
        let thread = thread::Builder::new().name("functions".to_owned());
        thread.spawn(move || shared.work(number)).map(drop)
    }

    /// What a thread does all its life.
    fn work(&self, number: usize) {
        let _runtime = self.runtime.enter();
        let mut state = self.state();
        while !state.stopped {
            if let Some(runnable) = state.ready.pop_front() {
                state = self.poll(state, number, runnable);
                continue;
            }
            state.idle += 1;
            if state.is_surplus(self.width) {
                let (locked, waited) = self
                    .work
                    .wait_timeout(state, self.kept)
                    .unwrap_or_else(PoisonError::into_inner);
                state = locked;
                state.idle -= 1;
                if waited.timed_out() && state.ready.is_empty() && state.is_surplus(self.width) {
                    break;
                }
            } else {
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
            }
        }
        state.end_thread(number);
    }

    fn poll<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        number: usize,
        runnable: Runnable<Context>,
    ) -> MutexGuard<'a, State> {
        self.begin_poll(&mut state, number, runnable.metadata().clone());
        drop(state);
        // A function that kept no waker is leaked by `run`. When this waker is the last, the function is scheduled once more, and dropped.
        let waker = runnable.waker();
        // What a function panics with is caught where it runs. This is for mistakes of ours: they cost no thread.
        let _ = catch_unwind(AssertUnwindSafe(|| runnable.run()));
        drop(waker);
        self.end_poll(number)
    }

    fn run_plain<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        number: usize,
        context: Context,
        work: Box<dyn FnOnce() + Send>,
    ) -> MutexGuard<'a, State> {
        self.begin_poll(&mut state, number, context);
        state.stations[number].is_plain = true;
        drop(state);
        let _ = catch_unwind(AssertUnwindSafe(work));
        self.end_poll(number)
    }

    fn begin_poll(&self, state: &mut State, number: usize, context: Context) {
        state.begin_poll(number, context);
        if !state.watched {
            self.polling.notify_one();
        }
    }

    fn end_poll(&self, number: usize) -> MutexGuard<'_, State> {
        let mut state = self.state();
        // The last to know an invocation drops what belongs to it: not while the state is locked.
        let last = state.stations[number].polled.take();
        if let Some(scope) = last.and_then(|context| Arc::into_inner(context.0)) {
            state.stations[number].drops = true;
            drop(state);
            let _ = catch_unwind(AssertUnwindSafe(|| drop(scope)));
            state = self.state();
        }
        state.end_poll(number);
        state
    }

    /// Looks at the threads while any of them polls.
    fn watch(self: Arc<Self>) {
        let mut state = self.state();
        while !state.stopped {
            state.watched = state.busy > 0;
            if !state.watched {
                state = self.polling.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            drop(state);
            thread::sleep(TICK);
            self.replace_reader();
            state = self.state();
            let blocking = state.look();
            let wanted = state.wanted(self.width, state.ready.len());
            let numbers: Vec<usize> = (0..wanted).map(|_| state.begin_thread()).collect();
            drop(state);
            for number in numbers {
                self.add(number);
            }
            for context in blocking {
                warn(&context);
            }
            state = self.state();
        }
    }
}

impl Shared {
    /// Lets another thread read if the one that does has been in the same function since the last look.
    fn replace_reader(&self) {
        let mut state = self.state();
        let Some((reader, start)) = state.reader.zip(state.start_reader.clone()) else {
            return;
        };
        let station = &state.stations[reader];
        if !station.is_busy() || station.seen != station.poll {
            return;
        }
        if let Some(context) = &station.polled {
            context.0.pace.goes_on();
        }
        let left = std::mem::take(&mut state.here);
        let number = state.take_station();
        // The lock is kept: the next one asks whether it is the one that reads.
        if let Err(error) = start(number) {
            state.stations[number].taken = false;
            drop(state);
            if first_time("the stream", "no other thread") {
                log::error!(
                    "cannot start another thread that reads what the host sends, so all wait for a function that blocks its thread: {error}"
                );
            }
        } else {
            state.reader = Some(number);
            // The other comes back to where those are that poll.
            state.threads += 1;
            drop(state);
        }
        self.run_elsewhere(left);
    }
}

impl State {
    /// The number for a thread that is about to start.
    fn begin_thread(&mut self) -> usize {
        self.threads += 1;
        self.take_station()
    }

    fn take_station(&mut self) -> usize {
        let number = match self.stations.iter().position(|station| !station.taken) {
            Some(number) => number,
            None => {
                self.stations.push(Station::default());
                self.stations.len() - 1
            }
        };
        self.stations[number].taken = true;
        number
    }

    fn end_thread(&mut self, number: usize) {
        self.threads -= 1;
        self.stations[number].taken = false;
    }

    fn begin_poll(&mut self, number: usize, context: Context) {
        self.busy += 1;
        let station = &mut self.stations[number];
        station.polled = Some(context);
        station.poll += 1;
    }

    fn end_poll(&mut self, number: usize) {
        self.busy -= 1;
        let station = &mut self.stations[number];
        if std::mem::take(&mut station.is_blocked) {
            self.blocked -= 1;
        }
        (station.is_plain, station.drops) = (false, false);
    }

    /// Whether there is a thread too many.
    fn is_surplus(&self, width: usize) -> bool {
        self.threads - self.blocked > width
    }

    /// One look at the threads: tells which functions have blocked theirs for long.
    fn look(&mut self) -> Vec<Context> {
        let mut blocking = Vec::new();
        for (number, station) in self.stations.iter_mut().enumerate() {
            if !station.is_busy() {
                continue;
            }
            if station.seen != station.poll {
                (station.seen, station.ticks) = (station.poll, 0);
                continue;
            }
            station.ticks = station.ticks.saturating_add(1);
            // The one that reads is not one of these, until it is replaced.
            if station.ticks >= BLOCKED && !station.is_blocked && self.reader != Some(number) {
                station.is_blocked = true;
                self.blocked += 1;
            }
            if station.ticks == WARNED && !station.is_plain {
                blocking.extend(station.polled.clone());
            }
        }
        blocking
    }

    /// How many threads to add for so many functions that wait: none if no thread is blocked. Where many block, many more are likely to.
    fn wanted(&self, width: usize, waiting: usize) -> usize {
        if self.blocked == 0 || self.idle > 0 {
            return 0;
        }
        let free = self.threads - self.blocked;
        let wanted = width.max(self.blocked).saturating_sub(free);
        wanted.min(waiting).min(MOST_THREADS.saturating_sub(self.threads))
    }
}

/// Names a function that has been in one poll for long. What it does there is not known: it may wait without `.await`, compute, or
/// loop over what is always ready.
fn warn(context: &Context) {
    let function = context.function_name();
    if first_time(function, "blocking a thread") {
        context.enter(|| {
            log::warn!(
                "function `{function}` blocks its thread, for more than {} ms now: an `async` function waits with `.await` only; make it \
                 a plain `fn`, which has a thread to itself, or move what blocks to `tokio::task::spawn_blocking` (said once)",
                TICK.as_millis() * u128::from(WARNED)
            );
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        context::{InvocationSpan, Scope, Sink},
        in_process::LogSink,
        invocation::{Invocation, Outputs},
        registry::{Function, Handler, InvocationFuture},
        worker::execution::run_async,
    };
    use log::LevelFilter;
    use std::{
        collections::HashMap,
        sync::{
            atomic::AtomicBool,
            mpsc::{Receiver, Sender, channel},
        },
    };
    use tokio::runtime::Runtime;
    use tokio_util::sync::CancellationToken;

    const LIMIT: Duration = Duration::from_secs(20);

    static FUNCTION: Function = Function {
        name: "pool",
        module: module_path!(),
        file: file!(),
        line: line!(),
        bindings: Vec::new,
        parameters: &[],
        retry: None,
        handler: Handler::Blocking(|_| Ok(Outputs::default())),
    };

    fn context() -> Context {
        context_with(Arc::new(|_| {}))
    }

    fn context_with(records: LogSink) -> Context {
        Context(Arc::new(Scope {
            invocation_id: "1".to_owned(),
            function: &FUNCTION,
            trace_parent: String::new(),
            trace_state: String::new(),
            cancellation: CancellationToken::new(),
            retry: None,
            level: LevelFilter::Off,
            records: Sink::InProcess(records),
            pace: Arc::default(),
            span: InvocationSpan::default(),
            answered: AtomicBool::new(false),
        }))
    }

    fn pool(kept: Duration) -> (Runtime, Pool) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let blocking = Blocking::new(runtime.handle().clone());
        let pool = Pool::keeping(runtime.handle().clone(), blocking, 1, kept).unwrap();
        (runtime, pool)
    }

    /// Functions that block until the sender is dropped.
    fn block(pool: &Pool, count: usize) -> Vec<Sender<()>> {
        let blocked = |_| {
            let (sender, receiver): (Sender<()>, Receiver<()>) = channel();
            pool.spawn(context(), async move {
                let _ = receiver.recv();
            });
            sender
        };
        (0..count).map(blocked).collect()
    }

    fn until(what: &str, mut holds: impl FnMut() -> bool) {
        let deadline = Instant::now() + LIMIT;
        while !holds() {
            assert!(Instant::now() < deadline, "{what}");
            thread::yield_now();
        }
    }

    #[test]
    fn functions_that_block_their_threads_do_not_hold_up_the_others() {
        let (_runtime, pool) = pool(KEPT);
        let blocked = block(&pool, 20);
        let (sender, done) = channel();
        pool.spawn(context(), async move {
            // Timers are the runtime's.
            tokio::time::sleep(Duration::from_millis(1)).await;
            sender.send(()).unwrap();
        });
        done.recv_timeout(LIMIT).expect("another thread polls it");
        drop(blocked);
    }

    /// Of a function that counts as short.
    fn short() -> Context {
        let context = context();
        for _ in 0..1_000 {
            context.0.pace.measure(|| {});
        }
        context
    }

    #[test]
    fn what_is_read_together_with_a_function_that_blocks_runs_elsewhere_also_if_no_other_thread_can_read() {
        let (_runtime, pool) = pool(KEPT);
        let (sender, numbers) = channel();
        pool.read_with(move |number| match sender.send(number) {
            Ok(()) if number == 1 => Ok(()),
            _ => Err(io::Error::other("no thread")),
        })
        .unwrap();
        let reader = numbers.recv().unwrap();
        let (release, blocked): (Sender<()>, Receiver<()>) = channel();
        pool.block(short(), move || {
            let _ = blocked.recv();
        });
        let (ended, done) = channel();
        pool.spawn(short(), async move { ended.send(()).unwrap() });
        assert!(pool.has_work_here());
        let reads = {
            let pool = pool.clone();
            thread::spawn(move || pool.run_here(reader))
        };
        done.recv_timeout(LIMIT).expect("another thread polls it");
        assert!(!reads.is_finished(), "it blocks still");
        drop(release);
        assert!(reads.join().unwrap(), "it reads on, since no other does");
    }

    #[test]
    fn threads_that_are_needed_no_more_end() {
        let (_runtime, pool) = pool(Duration::from_millis(1));
        let blocked = block(&pool, 5);
        until("all block at a time", || pool.shared.state().blocked == 5);
        drop(blocked);
        until("one thread is left", || {
            let state = pool.shared.state();
            (state.threads, state.blocked, state.busy) == (1, 0, 0)
        });
        until("the watch sleeps", || !pool.shared.state().watched);
    }

    #[test]
    fn a_pool_that_stopped_drops_what_it_is_given() {
        let (_runtime, pool) = pool(KEPT);
        pool.stop();
        let (sender, receiver): (Sender<()>, Receiver<()>) = channel();
        pool.spawn(context(), async move { sender.send(()).unwrap() });
        assert!(receiver.recv_timeout(LIMIT).is_err());
        until("its threads end", || pool.shared.state().threads == 0);
    }

    #[test]
    fn a_function_that_panics_when_a_stopped_pool_drops_it_does_so_in_its_invocation_and_goes_no_further() {
        struct Tells(Sender<Option<String>>);

        impl Drop for Tells {
            fn drop(&mut self) {
                let id = Context::current().map(|context| context.invocation_id().to_owned());
                self.0.send(id).unwrap();
                panic!("dropped");
            }
        }

        let (_runtime, pool) = pool(KEPT);
        pool.stop();
        let (sender, dropped) = channel();
        let tells = Tells(sender);
        let run = move |_| -> InvocationFuture {
            let _tells = tells;
            Box::pin(std::future::pending())
        };
        let invocation = Invocation {
            id: "1".to_owned(),
            function: FUNCTION.name,
            inputs: Vec::new(),
            trigger_metadata: HashMap::new(),
            trace_parent: String::new(),
            trace_state: String::new(),
            cancellation: CancellationToken::new(),
            client_transport: None,
            client: None,
            states: crate::app::States::default(),
        };
        let function = run_async(run, invocation, context());
        pool.spawn(context(), async move { drop(function.await) });
        assert_eq!(dropped.recv_timeout(LIMIT).unwrap().as_deref(), Some("1"));
    }

    #[test]
    fn a_function_that_nothing_can_wake_is_dropped() {
        let (_runtime, pool) = pool(KEPT);
        let (sender, receiver): (Sender<()>, Receiver<()>) = channel();
        pool.spawn(context(), async move {
            let _kept = sender;
            std::future::pending::<()>().await;
        });
        let waited = receiver.recv_timeout(LIMIT);
        assert_eq!(waited, Err(std::sync::mpsc::RecvTimeoutError::Disconnected));
    }

    #[test]
    fn what_belongs_to_an_invocation_is_dropped_while_the_state_is_not_locked() {
        /// Asks for the lock where it is dropped, as a function would that wakes another.
        struct Asks(Arc<Shared>, Sender<()>);

        impl Drop for Asks {
            fn drop(&mut self) {
                drop(self.0.state());
                let _ = self.1.send(());
            }
        }

        let (_runtime, pool) = pool(KEPT);
        let (sender, dropped) = channel();
        let asks = Mutex::new(Asks(Arc::clone(&pool.shared), sender));
        let context = context_with(Arc::new(move |_| drop(asks.lock())));
        pool.spawn(context, async {});
        dropped.recv_timeout(LIMIT).expect("the lock is free");
    }

    #[test]
    fn threads_are_added_as_they_block_and_never_without_work() {
        let mut state = State {
            threads: 2,
            busy: 2,
            ..State::default()
        };
        assert_eq!(state.wanted(2, 5), 0, "none is blocked");
        state.blocked = 2;
        assert_eq!(state.wanted(2, 5), 2, "as many as are to be free");
        assert_eq!(state.wanted(2, 1), 1, "no more than there is work for");
        assert_eq!(state.wanted(2, 0), 0, "nothing waits");
        (state.threads, state.blocked) = (8, 7);
        assert_eq!(state.wanted(2, 50), 6, "as many as block");
        state.threads = MOST_THREADS - 1;
        state.blocked = MOST_THREADS - 1;
        assert_eq!(state.wanted(2, 50), 1, "never more than the limit");
        state.idle = 1;
        assert_eq!(state.wanted(2, 50), 0, "one is idle");
    }
}
