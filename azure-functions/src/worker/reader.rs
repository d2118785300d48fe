//! The thread that reads the stream: one at a time, and another one while that runs a function for long.
//!
//! The stream begins on the thread of `main`, which is the only one until the first invocation (see [`environment`](super::environment)).
//! From then on a thread of the stream's own reads, and runs what is expected to be [short](crate::pace) between one step and the next: no
//! thread has to be woken to run it, and what was allocated for a message is freed where it was allocated. What is not short goes to
//! the [pool](super::pool), whose watch lets another thread read when a function takes long all the same.

use super::{
    arguments::HostArguments,
    exit::Serving,
    logger,
    pool::Pool,
    session::{Session, Step, error::SessionError, opening::open},
};
use crate::functions::Functions;
use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{self, Sender},
    },
    thread,
};
use tokio::runtime::{Builder, Runtime};

/// Talks to the host until it ends the stream or stops us; either is the end of `serving`.
///
/// `secret` proves to the host that this is the process it started. The real host gives none.
pub(crate) fn serve(
    app: Functions,
    options: crate::App,
    host: HostArguments,
    serving: Serving,
    secret: Option<String>,
) -> Result<(), SessionError> {
    let runtime = Builder::new_current_thread().enable_all().build();
    let stream = {
        let _carries = logger::CarriesTheStream::begin();
        let runtime = runtime.map_err(SessionError::Runtime)?;
        let session = runtime.block_on(open(app, options, host, serving, secret))?;
        Arc::new(Stream {
            runtime,
            session: Mutex::new(session),
        })
    };
    let ended = stream.read_to_the_end();
    let _carries = logger::CarriesTheStream::begin();
    stream.runtime.block_on(stream.session().close());
    ended
}

struct Stream {
    /// Of the connection. What it drives goes on while a thread makes a step.
    runtime: Runtime,
    session: Mutex<Session>,
}

impl Stream {
    fn read_to_the_end(self: &Arc<Self>) -> Result<(), SessionError> {
        loop {
            match self.step()? {
                Step::Began(pool) => return self.read_elsewhere(&pool),
                Step::Run => {}
                Step::Ended => return Ok(()),
            }
        }
    }

    /// On a thread that may be replaced, as this one may not.
    fn read_elsewhere(self: &Arc<Self>, pool: &Pool) -> Result<(), SessionError> {
        let (sender, ended) = mpsc::channel();
        let (stream, of_reader) = (Arc::clone(self), pool.clone());
        pool.read_with(move |number| {
            let reader = Reader {
                number,
                stream: Arc::clone(&stream),
                pool: of_reader.clone(),
                ended: sender.clone(),
            };
            let thread = thread::Builder::new().name("functions-stream".to_owned());
            thread.spawn(move || reader.run()).map(drop)
        })
        .map_err(SessionError::Threads)?;
        ended.recv().unwrap_or_else(|_| Err(reader_died()))
    }

    fn step(&self) -> Result<Step, SessionError> {
        let _carries = logger::CarriesTheStream::begin();
        self.runtime.block_on(self.session().step())
    }

    fn session(&self) -> MutexGuard<'_, Session> {
        // What panics in a step ends the stream.
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread that reads.
struct Reader {
    number: usize,
    stream: Arc<Stream>,
    pool: Pool,
    ended: Sender<Result<(), SessionError>>,
}

impl Reader {
    fn run(self) {
        let Self {
            number,
            stream,
            pool,
            ended,
        } = self;
        let _functions = pool.enter();
        // A panic is a mistake of ours, but `main` must not wait for ever.
        let outcome = catch_unwind(AssertUnwindSafe(|| read(number, &stream, &pool))).unwrap_or(Err(reader_died()));
        // What belongs to the stream is dropped by `main`.
        drop(stream);
        match outcome {
            Ok(Replaced::Yes) => {
                drop(ended);
                pool.join(number);
            }
            // `main` waits for it, and only for the first.
            Ok(Replaced::No) => drop(ended.send(Ok(()))),
            Err(error) => drop(ended.send(Err(error))),
        }
    }
}

/// Whether another thread reads.
enum Replaced {
    Yes,
    /// The stream has ended.
    No,
}

fn read(number: usize, stream: &Stream, pool: &Pool) -> Result<Replaced, SessionError> {
    loop {
        match stream.step()? {
            Step::Run if !pool.run_here(number) => return Ok(Replaced::Yes),
            Step::Run | Step::Began(_) => {}
            Step::Ended => return Ok(Replaced::No),
        }
    }
}

fn reader_died() -> SessionError {
    SessionError::Threads(io::Error::other(
        "the thread that reads what the host sends has panicked",
    ))
}
