//! SignalR Service: what clients send, how they connect, and what is sent to them.

mod connection_info;
mod output;
mod trigger;

pub use connection_info::SignalRConnectionInfo;
pub use output::{SignalRGroupAction, SignalRGroupChange, SignalRMessage};
pub use trigger::SignalRTrigger;
