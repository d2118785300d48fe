use azure_functions::{
    bindings::{DurableOrchestrationClient, HttpRequest, HttpResponse},
    func,
};
use serde_json::Value;

/// `POST /api/orchestrators/{functionName}` starts any orchestration, with the JSON body as its input, and answers with
/// the addresses of its status and its events. `?instanceId=…` gives the instance a name.
#[func]
pub async fn orchestrators(
    #[binding(auth_level = "anonymous", methods = "post", route = "orchestrators/{functionName}")] req: HttpRequest,
    client: DurableOrchestrationClient,
) -> HttpResponse {
    let name = req.route_params().get("functionName").map_or("", String::as_str);
    let instance_id = req.query_params().get("instanceId").map(String::as_str);
    let input = if req.body().is_empty() {
        Ok(Value::Null)
    } else {
        req.json::<Value>()
    };
    let input = match input {
        Ok(input) => input,
        Err(e) => return (400, e.to_string()).into(),
    };
    match client.start_new(name, instance_id, input).await {
        Ok(id) => client.create_check_status_response(Some(req.url()), &id).into(),
        Err(e) => (e.status_code().unwrap_or(500), e.to_string()).into(),
    }
}
