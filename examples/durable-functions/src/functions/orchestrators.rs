use azure_functions::{
    bindings::{DurableOrchestrationClient, HttpRequest, HttpResponse},
    func,
};
use serde_json::Value;

/// `POST /api/orchestrators/{functionName}` starts any orchestration, with the JSON body as its input, and answers with
/// the addresses that its status and its events have. `?instanceId=…` gives the instance a name.
#[func]
#[binding(name = "req", auth_level = "anonymous", methods = "post", route = "orchestrators/{functionName}")]
pub async fn orchestrators(req: HttpRequest, client: DurableOrchestrationClient) -> HttpResponse {
    let Some(name) = req.route_params().get("functionName") else {
        return HttpResponse::build().status(404).finish();
    };
    let input = if req.body().is_empty() { Ok(Value::Null) } else { req.json::<Value>() };
    let input = match input {
        Ok(input) => input,
        Err(e) => return HttpResponse::build().status(400).body(format!("The body is no JSON: {e}")).finish(),
    };
    let instance_id = req.query_params().get("instanceId").map(String::as_str);
    match client.start_new(name, instance_id, input).await {
        Ok(id) => client.create_check_status_response(&id).into(),
        Err(e) => HttpResponse::build().status(400).body(e.to_string()).finish(),
    }
}
