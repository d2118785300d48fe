//! The app's own process as such a worker: signals end it, and its log is the console.

use super::{Worker, WorkerError};
use crate::{App, commands::failure, panics, worker::logger};
use azure_functions_durable::ServerAddress;
use std::io;

/// Exit code of an app that only another build can mend (`EX_CONFIG` of sysexits.h).
const NEEDS_REBUILD: u8 = 78;
/// Exit code where the worker did not end in order, since it was told to stop a second time.
const AT_ONCE: u8 = 1;

/// Serves until the process is told to end; its exit code.
pub(crate) fn run(app: App, address: ServerAddress) -> u8 {
    logger::install_alone();
    #[cfg(feature = "tracing")]
    crate::trace::install();
    panics::install_hook();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start the worker: {error}");
            return failure::WORK_FAILED;
        }
    };
    let code = runtime.block_on(async {
        let mut signals = match Signals::new() {
            Ok(signals) => signals,
            Err(error) => {
                eprintln!("error: cannot listen for signals: {error}");
                return failure::WORK_FAILED;
            }
        };
        let (told, stop) = tokio::sync::oneshot::channel();
        let worker = Worker::new(address).app(app).run_until(async {
            // The sender lives as long as this block.
            let _ = stop.await;
        });
        tokio::pin!(worker);
        let ended = tokio::select! {
            ended = &mut worker => ended,
            () = signals.next() => {
                let _ = told.send(());
                tokio::select! {
                    ended = &mut worker => ended,
                    () = signals.next() => return AT_ONCE,
                }
            }
        };
        match ended {
            Ok(()) => 0,
            Err(error) => {
                eprintln!("error: {error}");
                match error {
                    WorkerError::Functions(_) | WorkerError::Nothing => NEEDS_REBUILD,
                    _ => failure::WORK_FAILED,
                }
            }
        }
    });
    // What still blocks a thread does not hold up the end.
    runtime.shutdown_background();
    code
}

/// What tells a process to end.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
