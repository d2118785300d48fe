//! Rows 50 to 83: what orchestrations can do, as an app and its tests see it. What the replay core decides by itself is shown
//! beside it, in `azure-functions/src/durable/tests`; what must not compile, in `azure-functions-codegen/tests`.

mod calls;
mod critical_sections;
mod failures;
mod http;
mod lifetimes;
mod many;
mod waiting;

use std::time::Duration;

use azure_functions::prelude::*;
use azure_functions_sdk::testing::TestInstance;

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// What most of these orchestrations call.
#[func]
fn double(number: i64) -> ActivityOutput {
    (2 * number).into()
}

/// How many events of a type an instance has in the history of its current execution.
fn events(instance: &TestInstance<'_>, event_type: u8) -> usize {
    let history = instance.history();
    history.iter().filter(|event| event["EventType"] == event_type).count()
}

const TASK_SCHEDULED: u8 = 4;
const TASK_COMPLETED: u8 = 5;
const CHILD_CREATED: u8 = 7;
const TIMER_FIRED: u8 = 11;
const EPISODE_STARTED: u8 = 12;

/// The execution id of an instance.
fn execution(instance: &TestInstance<'_>) -> String {
    let history = instance.history();
    let started = history.iter().find(|event| event["EventType"] == 0);
    let id = started.and_then(|event| event["OrchestrationInstance"]["ExecutionId"].as_str());
    id.expect("every execution has an id").to_owned()
}
