//! The worker: connects to the host that started the process, describes the app's functions, and runs them.

pub(crate) mod arguments;
pub(crate) mod asker;
mod blocking;
pub(crate) mod call;
mod console;
pub(crate) mod environment;
mod episode;
mod episode_timeout;
mod episodes;
pub(crate) mod execution;
pub(crate) mod exit;
mod levels;
pub(crate) mod logger;
mod parking;
mod pool;
pub(crate) mod reader;
pub(crate) mod run_function;
mod running;
mod session;
pub(crate) mod start;
pub(crate) mod threads;
