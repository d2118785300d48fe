//! Async HTTP API: `POST /api/orchestrators/{functionName}` starts any orchestration and answers at once, with 202 and the
//! address of a status page. Whoever started it asks there until the work is done, which is no matter of one HTTP request.

use azure_functions::{BindingError, durable::OrchestrationClientError::UnknownOrchestration, prelude::*};
use serde_json::Value;

/// Starts the orchestration in the path with the JSON body, if there is one, as its input. `?instanceId=…` names the instance.
#[func]
pub async fn http_start(
    #[binding(auth_level = "anonymous", methods = "post", route = "orchestrators/{functionName}")] req: HttpRequest,
    function_name: Route<String>,
    starter: DurableOrchestrationClient,
) -> Result<HttpResponse, BindingError> {
    let instance_id = req.query_params().get("instanceId").map(String::as_str);
    let input = if req.body().is_empty() {
        Value::Null
    } else {
        req.json()?
    };
    Ok(match starter.start_new(&function_name, instance_id, input).await {
        Ok(id) => starter.create_check_status_response(Some(req.url()), &id).into(),
        Err(UnknownOrchestration { message, .. }) => (404, message).into(),
        Err(error) => (error.status_code().unwrap_or(500), error.to_string()).into(),
    })
}
