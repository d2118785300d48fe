//! A Durable Task server, such as the Durable Task Scheduler or `cargo func host`: where it is, how it is told who asks, and the
//! connections to it. Clients and workers of such a server share this.

mod address;
mod channel;
mod connection_string;
#[cfg(feature = "durable-task-scheduler")]
mod entra;
mod error;
mod tokens;

pub use address::ServerAddress;
#[doc(hidden)]
pub use channel::{Channel, Sidecar};
pub(crate) use channel::{PlainPool, TASK_HUB};
pub use error::ServerAddressError;
pub use tokens::{AccessToken, TokenError, TokenSource};
