//! Monitor: checks every 30 seconds whether a job is completed, and raises an alert once it is. After half an hour it checks for
//! the last time and gives up.

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

use azure_functions::{
    durable::patterns::{MonitorOptions, monitor},
    prelude::*,
};

const POLLING_INTERVAL: Duration = Duration::from_secs(30);
const EXPIRES_AFTER: Duration = Duration::from_mins(30);

/// Watches the job with the number in the input. Output: whether it was completed in time.
#[func]
pub async fn monitor_job_status(
    context: DurableOrchestrationContext<u64>,
) -> Result<OrchestrationOutput<bool>, CallError> {
    let job = context.input();
    let schedule = MonitorOptions::every(POLLING_INTERVAL).expires_after(EXPIRES_AFTER);
    let completed = monitor(&context, schedule, async || {
        // The monitor checks again until this is `Some`.
        let status = context.call::<get_job_status>(job).await?;
        Ok::<_, CallError>((status == "Completed").then_some(status))
    })
    .await?;
    if completed.is_some() {
        context.call::<send_alert>(job).await?;
    }
    Ok(completed.is_some().into())
}

/// Returns the status of a job. Stands for a service that runs jobs: job N is completed N seconds after the first call of this
/// activity in this process.
#[func]
pub fn get_job_status(job: u64) -> ActivityOutput<String> {
    static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
    let completed = BEGIN.elapsed() >= Duration::from_secs(job);
    if completed { "Completed" } else { "Running" }.into()
}

#[func(activity)]
pub fn send_alert(job: u64) {
    log::warn!("Job {job} is completed.");
}

#[cfg(test)]
mod tests {
    use super::*;
    use azure_functions_sdk::testing::TestHost;

    /// Answers `Running` so many times, then `Completed`.
    fn completed_after(host: &TestHost, looks: u32) {
        let mut looks = 0..looks;
        host.fake_typed::<get_job_status>(move |_job| {
            Ok(if looks.next().is_some() { "Running" } else { "Completed" }.to_owned())
        });
    }

    #[test]
    fn row_110_it_looks_every_30_seconds_and_raises_an_alert_when_the_job_is_completed() {
        let host = TestHost::new();
        completed_after(&host, 3);
        let (start, monitor) = (host.now(), host.start_typed::<monitor_job_status>(7));
        assert!(monitor.output::<bool>());
        let looks = host.calls("get_job_status");
        let seconds: Vec<_> = looks.iter().map(|look| (look.time - start).num_seconds()).collect();
        assert_eq!(seconds, [0, 30, 60, 90]);
        let alerts = host.calls("send_alert");
        assert_eq!(alerts.len(), 1);
        assert_eq!(alerts[0].input_as::<u64>(), 7);
        assert_eq!(host.elapsed(), Duration::from_secs(90));
    }

    #[test]
    fn row_110_it_stops_at_its_expiry_without_an_alert() {
        let host = TestHost::new();
        completed_after(&host, u32::MAX);
        assert!(!host.start_typed::<monitor_job_status>(7).output::<bool>());
        assert_eq!(host.elapsed(), EXPIRES_AFTER);
        assert_eq!(
            host.calls("get_job_status").len(),
            61,
            "at the begin and at the end, too"
        );
        assert!(host.calls("send_alert").is_empty());
    }

    #[test]
    fn a_job_takes_as_many_seconds_as_its_number_says() {
        let host = TestHost::new();
        assert_eq!(host.run_activity("get_job_status", 0), Ok("Completed".into()));
        assert_eq!(host.run_activity("get_job_status", 1_000_000), Ok("Running".into()));
    }
}
