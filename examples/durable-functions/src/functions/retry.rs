use std::{error::Error, fs, io, path::PathBuf, time::Duration};

use azure_functions::{
    bindings::{DurableActivityContext, DurableOrchestrationContext},
    durable::{ActivityOutput, CallError, OrchestrationOutput, RetryOptions},
    func,
};
use serde::Deserialize;
use serde_json::json;

/// An activity that fails twice, and the policy that tries again.
///
/// Output: `"The service answered after 2 failures."`.
#[func]
pub async fn retry(context: DurableOrchestrationContext) -> Result<OrchestrationOutput, CallError> {
    // A GUID of the context is the same in every replay, and different in every instance.
    let service = json!({ "name": context.new_guid().to_string(), "failures": 2 });
    let policy = RetryOptions::new(Duration::from_millis(100), 5).backoff_coefficient(2.0);
    let answer = context
        .call_activity_with_retry("call_service", policy, &service)
        .await?;
    context.call_activity("remove_service", &service).await?;
    Ok(answer.into())
}

/// A service that is down for its first callers: every failure leaves a file behind, so that it counts on when the process dies.
#[derive(Deserialize)]
struct Service {
    name: String,
    failures: u32,
}

impl Service {
    fn marks(&self) -> impl Iterator<Item = PathBuf> {
        // The name comes from outside: keep what a file may be called.
        let name: String = self
            .name
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
            .collect();
        (1..=self.failures.min(100)).map(move |n| std::env::temp_dir().join(format!("durable-functions-{name}-{n}")))
    }
}

/// Fails as many times as its input says, then answers, however often it runs.
#[func]
pub fn call_service(context: DurableActivityContext) -> Result<ActivityOutput, Box<dyn Error + Send + Sync>> {
    let service: Service = context.input_as()?;
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
#[func]
pub fn remove_service(context: DurableActivityContext) -> Result<(), Box<dyn Error + Send + Sync>> {
    for mark in context.input_as::<Service>()?.marks() {
        match fs::remove_file(mark) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e.into()),
            _ => {}
        }
    }
    Ok(())
}
