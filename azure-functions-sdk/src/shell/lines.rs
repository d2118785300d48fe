//! Lines on their way to standard error, in the order in which they came.
//!
//! A busy host logs tens of thousands of lines a second: a system call for each would cost more than the work that they
//! tell about. So log lines are collected while others are being written; one that comes alone leaves at once.

use std::{
    io::Write,
    sync::{Condvar, Mutex, MutexGuard, Once, PoisonError},
    time::Duration,
};

/// How long lines are collected after some have been written: too short for a reader to notice.
const PAUSE: Duration = Duration::from_millis(5);
/// Bytes that may wait. A thread that adds more writes them first, so that a reader who does not read slows us down.
const MOST: usize = 256 * 1024;

/// The queue to standard error.
pub(super) static STDERR: Lines<fn() -> std::io::Stderr> = Lines::new(std::io::stderr);

/// A queue of lines, and the way out.
pub(super) struct Lines<O> {
    out: O,
    waiting: Mutex<Waiting>,
    more: Condvar,
    /// Held while writing, so that nothing overtakes.
    writing: Mutex<()>,
    start: Once,
}

struct Waiting {
    bytes: Vec<u8>,
    /// Whether the thread waits for lines, and must be woken.
    idle: bool,
    /// Whether there is a thread.
    started: bool,
}

impl<W: Write, O: Fn() -> W> Lines<O> {
    const fn new(out: O) -> Self {
        Self {
            out,
            waiting: Mutex::new(Waiting {
                bytes: Vec::new(),
                idle: false,
                started: false,
            }),
            more: Condvar::new(),
            writing: Mutex::new(()),
            start: Once::new(),
        }
    }

    /// Adds text and writes everything.
    pub(super) fn now(&self, text: &str) {
        self.waiting().bytes.extend_from_slice(text.as_bytes());
        self.flush();
    }

    /// Writes everything that waits.
    pub(super) fn flush(&self) {
        let _writing = lock(&self.writing);
        let bytes = std::mem::take(&mut self.waiting().bytes);
        if !bytes.is_empty() {
            // When standard error is gone, there is no place left to report it.
            drop((self.out)().write_all(&bytes));
        }
    }

    /// Adds text, to be written in a moment.
    pub(super) fn soon(&'static self, text: &str)
    where
        Self: Sync,
    {
        self.start.call_once(|| {
            let thread = std::thread::Builder::new().name("log".into());
            self.waiting().started = thread.spawn(|| self.run()).is_ok();
        });
        let mut waiting = self.waiting();
        waiting.bytes.extend_from_slice(text.as_bytes());
        let on_our_own = !waiting.started || waiting.bytes.len() > MOST;
        let wake = std::mem::take(&mut waiting.idle);
        drop(waiting);
        if on_our_own {
            self.flush();
        } else if wake {
            self.more.notify_one();
        }
    }

    fn run(&self) {
        loop {
            let mut waiting = self.waiting();
            while waiting.bytes.is_empty() {
                waiting.idle = true;
                waiting = self.more.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            }
            waiting.idle = false;
            drop(waiting);
            self.flush();
            std::thread::sleep(PAUSE);
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        lock(&self.waiting)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is left half done under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{sync::mpsc, time::Instant};

    struct Sink(mpsc::Sender<Vec<u8>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.send(bytes.to_vec()).map_err(std::io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn lines() -> (&'static Lines<impl Fn() -> Sink + Send + Sync>, mpsc::Receiver<Vec<u8>>) {
        let (sender, receiver) = mpsc::channel();
        let lines = Lines::new(move || Sink(sender.clone()));
        (Box::leak(Box::new(lines)), receiver)
    }

    #[test]
    fn a_line_leaves_without_being_pushed() {
        let (lines, written) = lines();
        for text in ["one\n", "two\n"] {
            lines.soon(text);
            assert_eq!(written.recv_timeout(Duration::from_secs(10)).unwrap(), text.as_bytes());
        }
    }

    #[test]
    fn many_lines_share_a_write_and_keep_their_order() {
        let (lines, written) = lines();
        let expected: String = (0..10_000).map(|number| format!("{number}\n")).collect();
        for line in expected.split_inclusive('\n') {
            lines.soon(line);
        }
        lines.now("end\n");
        let writes: Vec<Vec<u8>> = written.try_iter().collect();
        assert_eq!(String::from_utf8(writes.concat()).unwrap(), expected + "end\n");
        assert!(writes.len() < 1_000, "{}", writes.len());
    }

    #[test]
    fn what_waits_is_bounded() {
        let (lines, written) = lines();
        // As long as the thread is told that it is not needed, only the bound makes anybody write.
        lines.start.call_once(|| lines.waiting().started = true);
        let line = "x".repeat(1024);
        let begun = Instant::now();
        while written.try_recv().is_err() {
            lines.soon(&line);
            assert!(lines.waiting().bytes.len() <= MOST && begun.elapsed() < Duration::from_secs(10));
        }
    }
}
