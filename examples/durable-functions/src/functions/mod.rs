//! One file per function, or per pattern where an orchestration has an activity of its own.

pub mod event_with_timeout;
pub mod fan_out;
pub mod hello_world;
pub mod looping;
pub mod orchestrators;
pub mod retry;
pub mod say_hello;
pub mod sequence;
pub mod start;
pub mod sub_orchestration;
pub mod timer;
