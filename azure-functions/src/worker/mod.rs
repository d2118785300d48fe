//! The worker: connects to the host that started the process, describes the app's functions, and runs them.

pub(crate) mod arguments;
mod call;
mod console;
pub(crate) mod environment;
mod episode;
mod episode_timeout;
mod episodes;
pub(crate) mod execution;
pub(crate) mod exit;
mod levels;
pub(crate) mod logger;
pub(crate) mod pace;
mod parking;
mod pool;
pub(crate) mod reader;
mod running;
mod session;
mod start;
mod threads;
