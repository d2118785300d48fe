//! Timer triggers: schedules, their status across restarts, and the loop that fires them.

// The macro has an equal file; `cargo func` alone uses all of it.
#[cfg_attr(not(feature = "cli"), allow(dead_code))]
mod expression;
mod listener;
mod ncrontab;
mod schedule;
mod status;
mod timer_info;
mod zone;

use crate::project::parse_time_span;

#[cfg(any(feature = "cli", test))]
pub(crate) use expression::names_a_setting;
pub use listener::{RunTimer, Timer, TimerError, TimerRun, Timers};
pub use schedule::{Schedule, ScheduleError};
pub use status::{ScheduleStatus, StatusStore};
pub use zone::{UnknownZone, Zone};
