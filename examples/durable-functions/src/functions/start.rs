use azure_functions::prelude::*;
use serde_json::Value;

use super::hello_world::hello_world;

/// `GET /api/start` starts `hello_world` and says so.
#[func]
pub async fn start(
    #[binding(auth_level = "anonymous", methods = "get")] _req: HttpRequest,
    client: DurableOrchestrationClient,
) -> HttpResponse {
    match client.start::<hello_world>(Value::Null).await {
        Ok(_) => "Orchestration started.".into(),
        Err(e) => (500, format!("Failed to start orchestration: {e}")).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use azure_functions_sdk::testing::TestHost;

    #[test]
    fn it_starts_hello_world_and_says_so() {
        let host = TestHost::new();
        // The Rust function can be called directly, with a client of the test host.
        let request = HttpRequest::build().method("GET").finish();
        let response = host.block_on(start(request, host.client().into()));
        assert_eq!(response.body_as_str().unwrap(), "Orchestration started.");
        assert_eq!(host.instances()[0].name, "hello_world");
    }
}
