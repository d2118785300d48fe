use azure_functions::{bindings::TimerInfo, func};

#[func]
fn empty(#[binding(schedule = "")] _timer: TimerInfo) {}

#[func]
fn fields(#[binding(schedule = "* * *")] _timer: TimerInfo) {}

#[func]
fn range(#[binding(schedule = "0 0 24 * * *")] _timer: TimerInfo) {}

#[func]
fn word(#[binding(schedule = "0 0 9 * * weekdays")] _timer: TimerInfo) {}

#[func]
fn step(#[binding(schedule = "0 */x * * * *")] _timer: TimerInfo) {}

#[func]
fn backwards(#[binding(schedule = "0 0 17-9 * * *")] _timer: TimerInfo) {}

#[func]
fn time_span(#[binding(schedule = "24:00:00")] _timer: TimerInfo) {}

#[func]
fn zero(#[binding(schedule = "00:00:00")] _timer: TimerInfo) {}

fn main() {}
