use azure_functions::{
    bindings::{DurableOrchestrationClient, HttpRequest, HttpResponse},
    func,
};
use serde_json::Value;

/// `GET /api/start` starts `hello_world` and says so.
#[func]
pub async fn start(
    #[binding(auth_level = "anonymous", methods = "get")] _req: HttpRequest,
    client: DurableOrchestrationClient,
) -> HttpResponse {
    match client.start_new("hello_world", None, Value::Null).await {
        Ok(_) => "Orchestration started.".into(),
        Err(e) => format!("Failed to start orchestration: {e}").into(),
    }
}
