use std::{error::Error, fs, io, path::PathBuf, time::Duration};

use azure_functions::prelude::*;
use serde::{Deserialize, Serialize};

/// An activity that fails twice, and a policy that retries it.
///
/// Output: `"The service answered after 2 failures."`.
#[func]
pub async fn retry(context: DurableOrchestrationContext) -> Result<OrchestrationOutput<String>, CallError> {
    let service = Service {
        // A GUID of the context is the same in every replay, and different in every instance.
        name: context.new_guid().to_string(),
        failures: 2,
    };
    // At most five attempts, with 100 ms between the first two.
    let policy = RetryOptions::new(Duration::from_millis(100), 5).backoff_coefficient(2.0);
    let answer = context.call::<call_service>(service.clone()).retry(&policy).await?;
    context.call::<remove_service>(service).await?;
    Ok(answer.into())
}

/// A service that is down for its first callers. Each failure leaves a file behind, so the count survives the process.
#[derive(Clone, Serialize, Deserialize)]
pub struct Service {
    name: String,
    failures: u32,
}

impl Service {
    fn marks(&self) -> impl Iterator<Item = PathBuf> {
        // The name comes from outside: keep only what a file name may have.
        let name: String = self
            .name
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
            .collect();
        (1..=self.failures.min(100)).map(move |n| std::env::temp_dir().join(format!("durable-functions-{name}-{n}")))
    }
}

/// Fails as many times as its input says, up to a hundred, then answers, however often it runs.
#[func]
pub fn call_service(service: Service) -> Result<ActivityOutput<String>, Box<dyn Error + Send + Sync>> {
    for (mark, failure) in service.marks().zip(1..) {
        match fs::File::create_new(mark) {
            Ok(_) => return Err(format!("the service is down (failure {failure})").into()),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(format!("The service answered after {} failures.", service.failures).into())
}

/// Removes what the service left behind; a second run finds nothing to do.
#[func(activity)]
pub fn remove_service(service: Service) -> io::Result<()> {
    for mark in service.marks() {
        match fs::remove_file(mark) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use azure_functions_sdk::testing::TestHost;
    use serde_json::{Value, json};

    #[test]
    fn the_third_attempt_succeeds_after_delays_that_double() {
        let host = TestHost::new();
        let service = host.fake("call_service", |_: Value| "here I am");
        service.failing_first(2, "the service is down");
        let instance = host.start("retry", ());
        assert_eq!(instance.output::<String>(), "here I am");

        let calls = host.calls("call_service");
        assert_eq!(calls.len(), 3);
        let delays = calls
            .windows(2)
            .map(|pair| (pair[1].time - pair[0].time).num_milliseconds());
        assert_eq!(delays.collect::<Vec<_>>(), [100, 200]);
        // The GUID in the input is the same for each attempt; otherwise each would call another service.
        assert!(calls.iter().all(|call| call.input == calls[0].input));
    }

    #[test]
    fn five_failures_are_too_many() {
        let host = TestHost::new();
        host.fake("call_service", |_: Value| ()).failing("the service is down");
        assert!(host.start("retry", ()).failure().contains("the service is down"));
        assert_eq!(host.calls("call_service").len(), 5);
        assert_eq!(host.elapsed().as_millis(), 100 + 200 + 400 + 800);
        assert!(host.calls("remove_service").is_empty());
    }

    #[test]
    fn the_service_fails_as_often_as_it_is_told_and_leaves_nothing_behind() {
        let host = TestHost::new();
        // These run for real, on the file system that all tests share.
        let service = json!({ "name": format!("test-{}", std::process::id()), "failures": 2 });
        for failure in ["failure 1", "failure 2"] {
            assert!(
                host.run_activity("call_service", &service)
                    .unwrap_err()
                    .contains(failure)
            );
        }
        for _ in 0..2 {
            let answer = host.run_activity("call_service", &service);
            assert_eq!(answer, Ok("The service answered after 2 failures.".into()));
        }
        for _ in 0..2 {
            assert_eq!(host.run_activity("remove_service", &service), Ok(Value::Null));
        }
        assert!(
            host.run_activity("call_service", &service)
                .unwrap_err()
                .contains("failure 1")
        );
        assert_eq!(host.run_activity("remove_service", &service), Ok(Value::Null));
    }

    #[test]
    fn the_whole_runs_for_real() {
        let host = TestHost::new();
        // The GUID depends on the instance id, so another run of this test has another one.
        let id = format!("retry-{}", std::process::id());
        let instance = host.start_with_id("retry", &id, ());
        assert_eq!(instance.output::<String>(), "The service answered after 2 failures.");
        assert_eq!(host.calls("remove_service").len(), 1);
    }
}
