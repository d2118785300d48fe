//! The environment of the process: what the host has put there for the worker alone, and its replacement.
//!
//! Placeholder specialisation: the host replaces the environment of a worker that it started before it knew the app.
//!
//! Changing the environment is only sound while a process has a single thread, because C code may read it without any
//! lock. So the stream runs on the main thread alone until the first invocation, with which the threads for functions start.
//! A reload that comes later, or to an app whose `main` started threads before, is answered as failed: the host then starts
//! a fresh process with the right environment, which is what it does for most languages anyway.

use std::collections::HashMap;

/// The variable in which the local host tells its worker a secret, by which the worker proves itself.
const SECRET: &str = "AZURE_FUNCTIONS_WORKER_SECRET";

/// The secret, which is then gone from the environment: processes that the app starts are not to have it. Where other
/// threads run already, in an app with a `main` of its own, or where they cannot be counted, it stays.
pub(crate) fn take_secret() -> Option<String> {
    let secret = std::env::var(SECRET).ok()?;
    if single_threaded() {
        #[expect(unsafe_code, reason = "the only way to take a variable from the environment")]
        // SAFETY: this is the only thread of the process, so nothing can read or write the environment meanwhile.
        unsafe {
            std::env::remove_var(SECRET);
        }
    }
    Some(secret)
}

/// The environment stays as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ReloadError {
    /// More threads than ours, or a system where they cannot be counted.
    #[error(
        "this worker process already runs several threads, so its environment cannot be replaced safely; \
         start a new process for the app"
    )]
    SeveralThreads,
    /// The directory of the app cannot be entered.
    #[error("cannot change to the app's directory {directory}: {source}")]
    Directory { directory: String, source: std::io::Error },
}

/// Replaces the whole environment (an empty map leaves it alone) and changes to the app's directory (unless it is empty).
pub(crate) fn reload(variables: &HashMap<String, String>, directory: &str) -> Result<(), ReloadError> {
    if !variables.is_empty() {
        replace(variables)?;
    }
    if !directory.is_empty() {
        std::env::set_current_dir(directory).map_err(|source| ReloadError::Directory {
            directory: directory.to_owned(),
            source,
        })?;
    }
    Ok(())
}

fn replace(variables: &HashMap<String, String>) -> Result<(), ReloadError> {
    if !single_threaded() {
        return Err(ReloadError::SeveralThreads);
    }
    let gone: Vec<_> = std::env::vars_os()
        .map(|(name, _)| name)
        .filter(|name| name.to_str().is_none_or(|n| !variables.contains_key(n)))
        .filter(|name| !name.is_empty() && !name.to_string_lossy().contains('='))
        .collect();
    #[expect(
        unsafe_code,
        reason = "the only way to change the environment that std::env::var reads"
    )]
    // SAFETY: this is the only thread of the process, so nothing can read or write the environment meanwhile. Names and
    // values that the call would panic on are left out.
    unsafe {
        for name in gone {
            std::env::remove_var(name);
        }
        for (name, value) in variables {
            if !name.is_empty() && !name.contains(['=', '\0']) && !value.contains('\0') {
                std::env::set_var(name, value);
            }
        }
    }
    Ok(())
}

/// Whether the calling thread is the only one.
fn single_threaded() -> bool {
    #[cfg(target_os = "linux")]
    {
        std::fs::read_dir("/proc/self/task").is_ok_and(|tasks| tasks.count() == 1)
    }
    #[cfg(not(target_os = "linux"))]
    {
        false
    }
}
