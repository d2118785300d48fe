//! Tests of the threads.

use super::{
    polling::Shared,
    reading::MOST_REPLACED,
    stations::{MOST_THREADS, State},
    *,
};
use crate::{
    context::{InvocationSpan, Scope, Sink},
    in_process::LogSink,
    invocation::{Invocation, Outputs},
    registry::{Function, Handler, InvocationFuture},
    spans::InvocationSpans,
    worker::execution::run_async,
};
use log::LevelFilter;
use std::{
    collections::HashMap,
    sync::{
        atomic::AtomicBool,
        mpsc::{Receiver, Sender, channel},
    },
    time::Instant,
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
        spans: InvocationSpans::default(),
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
fn functions_that_never_end_where_they_are_read_cost_no_more_than_a_few_threads() {
    let (_runtime, pool) = pool(KEPT);
    let of_readers = pool.clone();
    pool.read_with(move |number| {
        let pool = of_readers.clone();
        thread::Builder::new().spawn(move || {
            while pool.run_here(number) && !pool.shared.state().stopped {
                thread::yield_now();
            }
            pool.join(number);
        })?;
        Ok(())
    })
    .unwrap();
    let mut never = Vec::new();
    for hung in 0..MOST_REPLACED + 5 {
        let before = pool.shared.state().reader;
        let (sender, receiver): (Sender<()>, Receiver<()>) = channel();
        let (begins, begun) = channel();
        pool.block(short(), move || {
            begins.send(()).unwrap();
            let _ = receiver.recv();
        });
        never.push(sender);
        begun.recv_timeout(LIMIT).expect("it runs somewhere");
        if hung < MOST_REPLACED {
            until("another thread reads", || pool.shared.state().reader != before);
        }
    }
    let threads = pool.shared.state().threads;
    assert_eq!(
        threads,
        1 + MOST_REPLACED,
        "the last ones run where they cost the stream nothing"
    );
    drop(never);
    pool.stop();
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
        makes_spans: false,
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
