//! Async HTTP API: `POST /api/orchestrators/{functionName}` starts any orchestration and answers at once, with 202 and the
//! address of a status page. The caller polls that page until the work is done, which may take longer than an HTTP request.

use azure_functions::prelude::*;
use serde_json::Value;

/// Starts the orchestration in the path with the JSON body, if there is one, as its input; `?instanceId=…` chooses the instance id.
/// The links in the answer allow to manage instances, so callers need a function key on Azure.
#[func]
pub async fn http_start(
    #[binding(auth_level = "function", methods = "post", route = "orchestrators/{functionName}")] req: HttpRequest,
    function_name: Route<String>,
    input: Json<Value>,
    starter: DurableOrchestrationClient,
) -> Result<HttpResponse, HttpError> {
    let instance_id = req.query_params().get("instanceId").map(String::as_str);
    // If the app has no such orchestration, the answer is 404. Some hosts start an instance all the same, which then fails.
    let id = starter.start_new(&function_name, instance_id, &*input).await?;
    Ok(starter.create_check_status_response(Some(req.url()), &id).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use azure_functions::http::RequestBuilder;
    use azure_functions_sdk::testing::TestHost;

    fn post(function: &str) -> RequestBuilder {
        HttpRequest::build()
            .method("POST")
            .route_param("functionName", function)
    }

    #[test]
    fn it_starts_what_the_path_names_and_tells_where_to_look() {
        let host = TestHost::new();
        let request = post("fan_out_fan_in").query("instanceId", "stock").json(&10).unwrap();
        let response = host.call("http_start", &request).unwrap();
        assert_eq!(response.status(), 202);
        let location = response.header("Location").unwrap();
        assert!(
            location.contains("/runtime/webhooks/durabletask/instances/stock"),
            "{location}"
        );
        assert_eq!(response.body_as_json::<Value>().unwrap()["statusQueryGetUri"], location);
        assert_eq!(host.instance("stock").output::<u64>(), 660);
    }

    #[test]
    fn what_it_cannot_start_it_refuses() {
        let host = TestHost::new();
        assert_eq!(
            host.call("http_start", &post("no_such_function").finish())
                .unwrap()
                .status(),
            404
        );
        let no_json = post("chaining").body("the tides");
        assert_eq!(host.call("http_start", &no_json).unwrap().status(), 400);
        let twice = post("budget_approval").query("instanceId", "budget").finish();
        assert_eq!(host.call("http_start", &twice).unwrap().status(), 202);
        assert_eq!(host.call("http_start", &twice).unwrap().status(), 409);
    }
}
