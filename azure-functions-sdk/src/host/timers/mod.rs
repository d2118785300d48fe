//! Timer triggers: schedules, their status across restarts, and the loop that fires them.

mod ncrontab;
mod schedule;
mod zone;

pub use schedule::{Schedule, ScheduleError};
pub use zone::{UnknownZone, Zone};
