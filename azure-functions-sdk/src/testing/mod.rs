#![doc = include_str!("guide.md")]

mod builder;
mod clock;
mod command;
mod crash;
mod disk;
mod entity;
mod fake;
mod fake_servers;
mod fire;
mod fired;
mod host;
mod http;
mod instance;
#[cfg(test)]
mod json_fuzz;
mod log;
mod presence;
mod process;
mod runtime;
mod stuck;
mod transport;
mod turns;
mod typed;
mod worker;
mod world;

pub use builder::TestHostBuilder;
pub use crash::{CrashExplorer, Explored, explore_crashes};
pub use fake::{ActivityCall, Fake};
pub use fire::Fire;
pub use fired::{FireError, Fired, FiredOutput};
pub use host::TestHost;
pub use instance::TestInstance;
pub use log::LogRecord;

pub use crate::durable::work::Wire;
