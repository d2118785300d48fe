//! What the worker says of itself to hosts.

use crate::rpc::WorkerMetadata;

/// Runtime name under which the worker is known to hosts.
pub(crate) const LANGUAGE: &str = "rust";

/// Version of the runtime, which official workers report for their language; here the compiler, whose standard library
/// is linked into the app. Never empty: without a version the host refuses the worker (`UpdateWorkerMetadata` in
/// GrpcMessageExtensionUtilities.cs).
pub(crate) const VERSION: &str = env!("AZURE_FUNCTIONS_RUSTC_VERSION");

/// Version of this crate.
pub(crate) const WORKER_VERSION: &str = env!("CARGO_PKG_VERSION");

/// The worker's description of itself; hosts log it.
pub(crate) fn metadata() -> WorkerMetadata {
    WorkerMetadata {
        runtime_name: LANGUAGE.to_owned(),
        runtime_version: VERSION.to_owned(),
        worker_version: WORKER_VERSION.to_owned(),
        worker_bitness: std::env::consts::ARCH.to_owned(),
        ..WorkerMetadata::default()
    }
}
