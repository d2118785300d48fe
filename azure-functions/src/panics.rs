//! Panics of user code fail one invocation, with message and place; nothing that a function does ends the process.

use std::{
    any::Any,
    backtrace::{Backtrace, BacktraceStatus},
    cell::Cell,
    future::poll_fn,
    panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook},
    pin::Pin,
    sync::{Once, OnceLock},
    task::Poll,
};

/// A panic that was caught.
#[derive(Debug)]
pub(crate) struct Panic {
    /// What it said.
    pub message: String,
    /// `file:line:column`, unless another hook has replaced ours.
    pub location: Option<String>,
    /// Present if `RUST_BACKTRACE` asks for it.
    pub backtrace: Option<String>,
}

impl Panic {
    /// What a panic of the app's own code says, and where it was.
    pub(crate) fn with_place(&self) -> String {
        let place = self.location.as_ref().map(|l| format!(" at {l}")).unwrap_or_default();
        format!("panicked{place}: {}", self.message)
    }

    /// What is said of a function that panicked.
    pub(crate) fn told_of(&self, function: &str) -> String {
        format!("function `{function}` {}", self.with_place())
    }
}

/// As the standard hook shows it: what lies between the panic and the worker, unless `RUST_BACKTRACE` is `full`.
fn shown(backtrace: &Backtrace) -> String {
    let full = backtrace.to_string();
    match std::env::var_os("RUST_BACKTRACE") {
        Some(wanted) if wanted == "full" => full,
        _ => shortened(&full),
    }
}

/// Leaves out the frames of the panic itself, and those from the worker's `catch` on. What has neither stays as it is.
fn shortened(full: &str) -> String {
    let symbol = |line: &str| {
        let (number, symbol) = line.trim_start().split_once(": ")?;
        (!number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())).then(|| symbol.to_owned())
    };
    let of_the_panic = |symbol: &str| {
        [
            "rust_begin_unwind",
            "core::panicking::",
            "std::panicking::begin_panic",
            "std::panic::panic_any",
        ]
        .iter()
        .any(|part| symbol.contains(part))
    };
    let of_the_worker = |symbol: &str| {
        ["azure_functions::panics::catch", "__rust_begin_short_backtrace"]
            .iter()
            .any(|part| symbol.contains(part))
    };
    let lines: Vec<&str> = full.lines().collect();
    // A frame is the line of its symbol, and mostly one of its place.
    let frames: Vec<(usize, String)> = lines
        .iter()
        .enumerate()
        .filter_map(|(at, line)| Some((at, symbol(line)?)))
        .collect();
    let first = frames
        .iter()
        .position(|(_, symbol)| of_the_panic(symbol))
        .map_or(0, |panic| {
            panic
                + frames[panic..]
                    .iter()
                    .take_while(|(_, symbol)| of_the_panic(symbol))
                    .count()
        });
    let last = frames
        .iter()
        .skip(first)
        .position(|(_, symbol)| of_the_worker(symbol))
        .map(|n| first + n);
    let line_of = |frame: usize| frames.get(frame).map_or(lines.len(), |(at, _)| *at);
    let kept = &lines[line_of(first)..last.map_or(lines.len(), line_of)];
    if kept.is_empty() {
        return full.to_owned();
    }
    kept.join("\n")
}

/// What the hook saw of the last panic of this thread.
struct Seen {
    location: Option<String>,
    backtrace: Option<String>,
}

/// A panic, as the hook sees it.
#[derive(Debug)]
pub(crate) struct Told<'a> {
    message: &'a str,
    location: Option<&'a str>,
    backtrace: Option<&'a str>,
}

impl Told<'_> {
    /// What is said of it in a record of an invocation.
    pub(crate) fn in_an_invocation(&self) -> String {
        let mut text = "panicked".to_owned();
        if let Some(location) = self.location {
            text.push_str(" at ");
            text.push_str(location);
        }
        text.push_str(": ");
        text.push_str(self.message);
        if let Some(backtrace) = self.backtrace {
            text.push_str("\nstack backtrace:\n");
            text.push_str(backtrace.trim_end());
        }
        text
    }

    /// What is said of it outside any invocation.
    pub(crate) fn in_a_thread(&self) -> String {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("<unnamed>");
        format!("thread '{name}' {}", self.in_an_invocation())
    }

    /// The process ends right after it.
    pub(crate) fn is_fatal(&self) -> bool {
        // The texts of `core::panicking` for what it ends the process for.
        cfg!(panic = "abort")
            || [
                "panic in a function that cannot unwind",
                "panic in a destructor during cleanup",
            ]
            .contains(&self.message)
    }
}

thread_local! {
    static SEEN: Cell<Option<Seen>> = const { Cell::new(None) };
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Is told of each panic, and says whether it has shown it.
type Witness = fn(&Told<'_>) -> bool;

static WITNESS: OnceLock<Witness> = OnceLock::new();

/// Tells of every panic from now on. There is one witness in a process, and the first stays.
pub(crate) fn tell(witness: Witness) {
    let _ = WITNESS.set(witness);
}

/// Notes the place of every panic, and tells of it; then a hook of the user is called. That of the standard library is only called
/// for what nothing else has shown.
pub(crate) fn install_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let previous = take_hook();
        // With none set, what is taken is always the same function without a state: only its address and vtable tell it.
        let is_the_default = std::ptr::eq(&raw const *previous, &raw const *take_hook());
        set_hook(Box::new(move |panic| {
            let message = message(panic.payload());
            let seen = note(panic);
            let told = Told {
                message: &message,
                location: seen.location.as_deref(),
                backtrace: seen.backtrace.as_deref(),
            };
            if !QUIET.try_with(Cell::get).unwrap_or(false) {
                let shown = WITNESS.get().is_some_and(|witness| witness(&told));
                if !(shown && is_the_default) {
                    previous(panic);
                }
            }
            let _ = SEEN.try_with(|s| s.set(Some(seen)));
        }));
    });
}

fn note(panic: &PanicHookInfo<'_>) -> Seen {
    let backtrace = Backtrace::capture();
    Seen {
        location: panic.location().map(ToString::to_string),
        backtrace: (backtrace.status() == BacktraceStatus::Captured).then(|| shown(&backtrace)),
    }
}

/// Runs code that has run before, and whose panics were shown then: this time they are only noted. The work must not panic itself.
pub(crate) fn quietly<R>(work: impl FnOnce() -> R) -> R {
    let before = QUIET.replace(true);
    let result = work();
    QUIET.set(before);
    result
}

/// Runs asynchronous user code: its beginning, every poll, and its end, at which what it holds is dropped. What panics there is its
/// panic, unless it had one before.
pub(crate) async fn caught<F>(begin: impl FnOnce() -> F) -> Result<F::Output, Panic>
where
    F: Future + Unpin,
{
    let mut running = catch(begin)?;
    let ended = poll_fn(|cx| match catch(|| Pin::new(&mut running).poll(cx)) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await;
    let dropped = catch(|| drop(running));
    let output = ended?;
    match dropped {
        Ok(()) => Ok(output),
        Err(panic) => {
            // Its output is a value of the user, too.
            let _ = catch(|| drop(output));
            Err(panic)
        }
    }
}

/// Runs user code.
pub(crate) fn catch<R>(work: impl FnOnce() -> R) -> Result<R, Panic> {
    // Whatever the code left half done stays with the invocation that it belongs to, which is over.
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        let seen = SEEN.try_with(Cell::take).ok().flatten();
        let (location, backtrace) = seen.map_or((None, None), |s| (s.location, s.backtrace));
        let message = message(payload.as_ref());
        discard(payload);
        Panic {
            message,
            location,
            backtrace,
        }
    })
}

fn message(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "a value that is not text".to_owned()
    }
}

/// A payload is a value of the user: dropping it may panic, and so may dropping that panic's payload.
fn discard(payload: Box<dyn Any + Send>) {
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        #[expect(clippy::mem_forget, reason = "twice is enough: leak it rather than die of it")]
        std::mem::forget(second);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bomb(u8);

    impl Drop for Bomb {
        fn drop(&mut self) {
            if self.0 > 0 {
                std::panic::panic_any(Self(self.0 - 1));
            }
        }
    }

    #[test]
    fn a_panic_is_told_with_its_place() {
        install_hook();
        let panic = catch(|| panic!("no {}", "luck")).unwrap_err();
        assert_eq!(panic.message, "no luck");
        assert!(panic.location.unwrap().contains("panics.rs:"));
    }

    #[test]
    fn a_backtrace_shows_what_lies_between_the_panic_and_the_worker() {
        let full = "   0: azure_functions::panics::note\n             at ./src/panics.rs:90:21\n   \
                    1: std::panicking::panic_with_hook\n   2: __rustc::rust_begin_unwind\n   3: core::panicking::panic_fmt\n   \
                    4: app::functions::pay\n             at ./src/functions/pay.rs:7:5\n   5: app::functions::checkout\n   \
                    6: azure_functions::panics::catch\n             at ./src/panics.rs:160:5\n   7: tokio::runtime::enter\n";
        let short =
            "   4: app::functions::pay\n             at ./src/functions/pay.rs:7:5\n   5: app::functions::checkout";
        assert_eq!(shortened(full), short);
        let stripped = "   0: <unknown>\n   1: <unknown>";
        assert_eq!(shortened(stripped), stripped);
        assert_eq!(shortened(""), "");
        let only_ours = "   0: core::panicking::panic_fmt\n   1: azure_functions::panics::catch";
        assert_eq!(shortened(only_ours), only_ours);
    }

    #[test]
    fn a_payload_that_panics_when_dropped_is_survived() {
        let panic = catch(|| std::panic::panic_any(Bomb(2))).unwrap_err();
        assert_eq!(panic.message, "a value that is not text");
    }
}
