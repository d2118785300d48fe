use azure_functions::{bindings::*, func};

#[func(retry(max = 3, dely = "00:00:05"))]
fn misspelt(#[binding(schedule = "0 0 * * * *")] _timer: TimerInfo) {}

#[func(retry(max = "3", delay = 5))]
fn kinds(#[binding(schedule = "0 0 * * * *")] _timer: TimerInfo) {}

#[func(retry(max = 3))]
fn no_delay(#[binding(schedule = "0 0 * * * *")] _timer: TimerInfo) {}

#[func(retry(delay = "00:00:05"))]
fn no_max(#[binding(schedule = "0 0 * * * *")] _timer: TimerInfo) {}

#[func(retry(max = 3, delay = "00:00:05", min_delay = "00:00:01", max_delay = "00:01:00"))]
fn both(#[binding(schedule = "0 0 * * * *")] _timer: TimerInfo) {}

#[func(retry(max = -1, min_delay = "00:02:00", max_delay = "00:01:00"))]
fn turned(#[binding(schedule = "0 0 * * * *")] _timer: TimerInfo) {}

#[func(retry(max = -2, delay = "24:00:00"))]
fn limits(#[binding(schedule = "0 0 * * * *")] _timer: TimerInfo) {}

#[func(activity, retry(max = 3, delay = "00:00:05"))]
fn activity(name: String) -> String {
    name
}

#[func(retry(max = 3, delay = "00:00:05"))]
async fn orchestration(_context: DurableOrchestrationContext) {}

#[func(name(max = 3))]
fn other(#[binding(schedule = "0 0 * * * *")] _timer: TimerInfo) {}

#[func]
fn warm_up(_trigger: WarmupTrigger) {}

#[func]
fn also_warm(#[binding(type = "WarmupTrigger")] _trigger: GenericTrigger) {}

fn main() {}
