//! The test host under load: ten thousand instances of a sequence of three activities.
//!
//! `cargo bench --bench testing` measures everything; `-- NAME…` only the parts named (`sequential`,
//! `at-once`), and a number there takes the place of ten thousand. One after another, each instance completes before the next
//! one starts; at once, each activity takes an hour of virtual time, so that all instances are in flight before the first goes
//! on. Each measurement runs in a process of its own, so that its memory is its own. What is not freed is what the host keeps for
//! the test to look at: histories, and calls of activities. Resident memory is known on Linux only.

use std::{
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use azure_functions::{durable::CallError, prelude::*};
use azure_functions_durable::OrchestrationRuntimeStatus;
use azure_functions_sdk::testing::TestHost;

#[path = "mode.rs"]
mod mode;

const INSTANCES: usize = 10_000;
/// The measurement that a child process makes.
const CHILD: &str = "TESTING_BENCH_CHILD";
const PARTS: [&str; 2] = ["sequential", "at-once"];

/// Three greetings, one after the other.
#[func]
pub async fn sequence(context: DurableOrchestrationContext) -> Result<OrchestrationOutput, CallError> {
    let mut greetings = Vec::new();
    for city in ["Tokyo", "London", "Seattle"] {
        greetings.push(context.call_activity("say_hello", city).await?);
    }
    Ok(greetings.into())
}

/// Greets.
#[func]
pub fn say_hello(name: String) -> ActivityOutput {
    format!("Hello {name}!").into()
}

fn main() -> ExitCode {
    if let Ok(measurement) = std::env::var(CHILD) {
        measure(&measurement);
        return ExitCode::SUCCESS;
    }
    let wanted = mode::picked();
    let number = wanted.iter().find_map(|name| name.parse().ok());
    let number = number.unwrap_or(if mode::is_quick() { 20 } else { INSTANCES });
    let parts: Vec<_> = PARTS
        .into_iter()
        .filter(|part| wanted.iter().any(|name| name == part))
        .collect();
    println!("{number} instances of a sequence of three activities on the test host");
    println!(
        "{:<12}{:<8}{:<12}{:>10}{:>14}{:>12}{:>12}{:>10}{:>14}",
        "instances", "check", "activities", "seconds", "µs/instance", "MB before", "MB after", "MB peak", "KB/instance"
    );
    for part in if parts.is_empty() { PARTS.to_vec() } else { parts } {
        let activities: &[&str] = if part == "sequential" {
            &["real", "fake"]
        } else {
            &["fake"]
        };
        for activity in activities {
            for check in ["yes", "no"] {
                if let Err(message) = in_a_process(&format!("{part} {check} {activity} {number}")) {
                    eprintln!("{part}: {message}");
                    return ExitCode::FAILURE;
                }
            }
        }
    }
    ExitCode::SUCCESS
}

fn in_a_process(measurement: &str) -> Result<(), String> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let status = Command::new(this).env(CHILD, measurement).status();
    match status.map_err(|error| error.to_string())? {
        status if status.success() => Ok(()),
        status => Err(format!("the measurement ended with {status}")),
    }
}

fn measure(measurement: &str) {
    let words: Vec<&str> = measurement.split(' ').collect();
    let [part, check, activities, number] = words[..] else {
        panic!("no measurement: {measurement}");
    };
    let number: usize = number.parse().expect("a number");
    let at_once = part == "at-once";
    let host = TestHost::builder()
        .check_determinism(check == "yes")
        .most_jumps(u32::MAX)
        .patience(Duration::from_secs(3600))
        .build();
    if activities == "fake" {
        let fake = host.fake("say_hello", |name: String| format!("Hello {name}!"));
        if at_once {
            fake.taking(Duration::from_hours(1));
        }
    }
    let before = memory("VmRSS:");
    let begun = Instant::now();
    if at_once {
        let instances: Vec<_> = (0..number).map(|_| host.start("sequence", ())).collect();
        host.run_until_idle();
        let elapsed = begun.elapsed();
        row(part, check, activities, number, elapsed, before);
        for instance in [&instances[0], &instances[number / 2], &instances[number - 1]] {
            assert_eq!(instance.output::<Vec<String>>().len(), 3);
        }
    } else {
        for _ in 0..number {
            assert_eq!(host.start("sequence", ()).output::<Vec<String>>().len(), 3);
        }
        row(part, check, activities, number, begun.elapsed(), before);
    }
    let instances = host.instances();
    assert_eq!(instances.len(), number);
    assert!(
        instances
            .iter()
            .all(|one| one.runtime_status == OrchestrationRuntimeStatus::Completed)
    );
}

fn row(part: &str, check: &str, activities: &str, number: usize, elapsed: Duration, before: Option<u64>) {
    let after = memory("VmRSS:");
    let megabytes = |bytes: Option<u64>| {
        bytes.map_or_else(
            || "unknown".to_owned(),
            |bytes| format!("{:.1}", bytes as f64 / (1024.0 * 1024.0)),
        )
    };
    let each = before.zip(after).map_or_else(
        || "unknown".to_owned(),
        |(before, after)| format!("{:.1}", after.saturating_sub(before) as f64 / 1024.0 / number as f64),
    );
    println!(
        "{part:<12}{check:<8}{activities:<12}{:>10.2}{:>14.0}{:>12}{:>12}{:>10}{each:>14}",
        elapsed.as_secs_f64(),
        elapsed.as_secs_f64() * 1e6 / number as f64,
        megabytes(before),
        megabytes(after),
        megabytes(memory("VmHWM:")),
    );
}

/// What the kernel says of the resident memory of this process, in bytes: of now, or the most so far.
fn memory(which: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(which))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}
