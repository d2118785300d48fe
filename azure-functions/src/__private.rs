//! What the code written by `#[func]` may name. Hidden, and free to change in any release.

pub use crate::worker::run;
pub use crate::{
    invocation::{Invocation, Outputs},
    registry::{Function, Handler},
};
pub use inventory;
