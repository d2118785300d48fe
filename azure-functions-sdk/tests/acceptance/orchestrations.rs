//! Rows 50 to 83: what orchestrations can do.
