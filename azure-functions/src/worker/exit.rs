//! The exit code of the process, which is all that a host learns of its end.
//!
//! Code 0 means an orderly end to the real host: it neither starts another process nor fails the calls in flight
//! (`OnProcessExited` in WorkerProcess.cs). So a process that ends while it serves a host, and was not told to, must end with
//! another one. It is not 200, the code of a worker that asks for a restart: the host then starts the next process without
//! counting a crash, but forgets the calls in flight, whose callers wait for ever (`TryFailExecutions` in GrpcWorkerChannel.cs
//! does nothing without an exception, and a restart has none). Any other code fails them at once.

use std::sync::{
    Once,
    atomic::{AtomicU8, AtomicU32, AtomicUsize, Ordering},
};

/// Code of a process that its own code ended while it served a host: `EX_SOFTWARE` of sysexits.h.
#[cfg(any(unix, test))]
const ENDED_FROM_WITHIN: u8 = 70;

#[cfg(any(unix, test))]
const FROM_WITHIN: &str = "error: code of this app ended the process (`std::process::exit`, C's `exit`, or `main` that returned) while it \
     served a host that had not told it to end. Hosts take exit code 0 for an orderly end: they would start no other process, and \
     every call would wait for ever. So the exit code is 70. A function that cannot go on returns an error.\n";

#[cfg(any(unix, test))]
const DROPPED: &str = "error: `main` dropped the exit code that `worker_main` returned, which is used all the same: write \
     `fn main() -> std::process::ExitCode { azure_functions::worker_main() }`.\n";

/// Conversations with hosts that go on; more than one only in tests.
static SERVING: AtomicUsize = AtomicUsize::new(0);
/// What `worker_main` returned, unless it is 0.
static OWED: AtomicU8 = AtomicU8::new(0);
/// The process that this is about: a fork of it may end as it likes.
static PROCESS: AtomicU32 = AtomicU32::new(0);

/// While this lives, the process must not end with exit code 0.
#[derive(Debug)]
pub(crate) struct Serving(());

impl Serving {
    pub(crate) fn begin() -> Self {
        watch();
        SERVING.fetch_add(1, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        SERVING.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The code that the process ends with, if it would end with 0.
pub(crate) fn owe(code: u8) {
    watch();
    OWED.store(code, Ordering::SeqCst);
}

/// What to end with instead of `status` (`None`: it is not known), and what to say about it.
#[cfg(any(unix, test))]
fn instead(status: Option<i32>, serving: bool, owed: u8) -> Option<(u8, &'static str)> {
    // The system keeps the lowest eight bits.
    match status.map(|status| status & 0xff) {
        Some(1..) => None,
        _ if serving => Some((ENDED_FROM_WITHIN, FROM_WITHIN)),
        Some(_) if owed != 0 => Some((owed, DROPPED)),
        // Probably what `main` returns anyway.
        None if owed != 0 => Some((owed, "")),
        _ => None,
    }
}

/// Sees to it that [`end`] is called at the end of the process.
fn watch() {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        PROCESS.store(std::process::id(), Ordering::SeqCst);
        register();
    });
}

/// glibc tells what the process ends with.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(
    unsafe_code,
    reason = "there is no other way to learn of an exit, and with which code"
)]
fn register() {
    use libc::{c_int, c_void};
    unsafe extern "C" {
        /// See on_exit(3).
        fn on_exit(function: extern "C" fn(c_int, *mut c_void), argument: *mut c_void) -> c_int;
    }
    extern "C" fn at_exit(status: c_int, _: *mut c_void) {
        end(Some(status));
    }
    // SAFETY: declared as in glibc's stdlib.h; the function is never unloaded, cannot unwind, and ignores its argument. Where it
    // cannot be registered, the code stays what it is.
    unsafe {
        on_exit(at_exit, std::ptr::null_mut());
    }
}

#[cfg(all(unix, not(all(target_os = "linux", target_env = "gnu"))))]
#[expect(unsafe_code, reason = "there is no other way to learn of an exit")]
fn register() {
    extern "C" fn at_exit() {
        end(None);
    }
    // SAFETY: the function is never unloaded, and cannot unwind. Where it cannot be registered, the code stays what it is.
    unsafe {
        libc::atexit(at_exit);
    }
}

/// Rust's `exit` ends a process of Windows without a word to the C library.
#[cfg(not(unix))]
fn register() {}

/// Runs at the end of the process, on the thread that ends it, while others go on: takes no lock, allocates nothing.
#[cfg(unix)]
#[expect(unsafe_code, reason = "Rust's own exit and stderr must not be used in here")]
fn end(status: Option<i32>) {
    if PROCESS.load(Ordering::SeqCst) != std::process::id() {
        return;
    }
    let serving = SERVING.load(Ordering::SeqCst) > 0;
    if let Some((code, text)) = instead(status, serving, OWED.load(Ordering::SeqCst)) {
        // SAFETY: `write` reads `text`, which is as long as it is told. `_exit` ends the process in the middle of its exit
        // handlers, which POSIX allows; a second `exit` is undefined. Those that are left would have flushed what C code wrote to
        // its own streams; Rust's are flushed before any handler runs.
        unsafe {
            libc::write(libc::STDERR_FILENO, text.as_ptr().cast(), text.len());
            libc::_exit(code.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(status: Option<i32>, serving: bool, owed: u8) -> Option<u8> {
        instead(status, serving, owed).map(|(code, _)| code)
    }

    #[test]
    fn only_code_0_is_replaced_and_only_while_a_host_is_served_or_a_code_was_dropped() {
        assert_eq!(code(Some(0), true, 0), Some(70));
        assert_eq!(code(Some(256), true, 0), Some(70), "the system sees 0");
        assert_eq!(code(Some(3), true, 0), None);
        assert_eq!(code(Some(200), true, 0), None);
        assert_eq!(code(Some(0), false, 0), None, "told to end");
        assert_eq!(code(Some(0), false, 78), Some(78));
        assert_eq!(code(Some(2), false, 78), None);
    }

    #[test]
    fn a_code_that_the_c_library_does_not_tell_is_taken_for_0_while_a_host_is_served() {
        assert_eq!(code(None, true, 0), Some(70));
        assert_eq!(code(None, false, 0), None);
        assert_eq!(instead(None, false, 1), Some((1, "")));
    }
}
