//! The tokio runtime of all test hosts.

use std::{
    sync::{
        LazyLock,
        mpsc::{Receiver, RecvTimeoutError, sync_channel},
    },
    time::Duration,
};

use tokio::runtime::{Builder as RuntimeBuilder, Handle, Runtime, RuntimeFlavor};

/// The runtime that activities and HTTP functions find: one for all test hosts of the process.
static RUNTIME: LazyLock<std::io::Result<Runtime>> = LazyLock::new(|| {
    RuntimeBuilder::new_multi_thread()
        .worker_threads(1)
        .thread_name("test-host-io")
        .enable_all()
        .build()
});

/// See [`RUNTIME`].
#[track_caller]
pub(super) fn runtime() -> &'static Runtime {
    match &*RUNTIME {
        Ok(runtime) => runtime,
        Err(error) => panic!("the test host has no runtime: {error}"),
    }
}

/// Runs a future on the runtime of the functions, and holds this thread until it has ended; nothing if it takes longer.
pub(super) fn wait_for<T: Send + 'static>(
    future: impl Future<Output = T> + Send + 'static,
    patience: Duration,
) -> Option<T> {
    let (reply, result) = sync_channel(1);
    runtime().spawn(async move {
        // The other end may have lost its patience.
        let _ = reply.send(future.await);
    });
    receive_within(&result, patience).ok()
}

/// Waits on this thread for an answer.
pub(super) fn receive_within<T>(receiver: &Receiver<T>, patience: Duration) -> Result<T, RecvTimeoutError> {
    let in_tasks = Handle::try_current().is_ok_and(|handle| handle.runtime_flavor() == RuntimeFlavor::MultiThread);
    if in_tasks {
        // The test's other tasks go on meanwhile.
        tokio::task::block_in_place(|| receiver.recv_timeout(patience))
    } else {
        receiver.recv_timeout(patience)
    }
}
