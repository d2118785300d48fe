use azure_functions::prelude::*;
use serde_json::Value;

/// `POST /api/orchestrators/{functionName}` starts any orchestration, with the JSON body, if there is one, as its input, and
/// answers with the management URLs of the instance. `?instanceId=…` chooses the instance id.
#[func]
pub async fn orchestrators(
    #[binding(auth_level = "function", methods = "post", route = "orchestrators/{functionName}")] req: HttpRequest,
    function_name: Route<String>,
    input: Json<Value>,
    client: DurableOrchestrationClient,
) -> Result<HttpResponse, HttpError> {
    let instance_id = req.query_params().get("instanceId").map(String::as_str);
    // If the app has no such orchestration, the answer is 404. Some hosts start an instance all the same, which then fails.
    let id = client.start_new(&function_name, instance_id, &*input).await?;
    Ok(client.create_check_status_response(Some(req.url()), &id).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use azure_functions_sdk::testing::TestHost;

    fn request(function: &str) -> azure_functions::http::RequestBuilder {
        HttpRequest::build()
            .method("POST")
            .route_param("functionName", function)
    }

    #[test]
    fn row_102_it_starts_what_the_path_names_and_tells_where_to_look() {
        let host = TestHost::new();
        let sum = request("fan_out").query("instanceId", "sum").json(&20).unwrap();
        let response = host.call("orchestrators", &sum).unwrap();
        assert_eq!(response.status(), 202);
        assert_eq!(response.body_as_json::<Value>().unwrap()["id"], "sum");
        assert_eq!(host.instance("sum").output::<u64>(), 2_870);
        for any in ["sequence", "hello_world", "sub_orchestration"] {
            assert_eq!(
                host.call("orchestrators", &request(any).finish()).unwrap().status(),
                202
            );
        }
    }

    #[test]
    fn no_body_is_no_input() {
        let host = TestHost::new();
        let response = host.call("orchestrators", &request("timer").finish()).unwrap();
        let id = response.body_as_json::<Value>().unwrap()["id"]
            .as_str()
            .unwrap()
            .to_owned();
        assert_eq!(host.instance(&id).status().input, Value::Null);
        assert_eq!(host.instance(&id).output::<String>(), "Slept for 1000 ms.");
    }

    #[test]
    fn row_102_what_cannot_be_started_is_refused() {
        let host = TestHost::new();
        let no_json = request("fan_out").body("twenty");
        assert_eq!(host.call("orchestrators", &no_json).unwrap().status(), 400);
        let response = host
            .call("orchestrators", &request("no_such_function").finish())
            .unwrap();
        assert_eq!(response.status(), 404);
        assert!(
            response.body_as_str().unwrap().contains("no_such_function"),
            "{}",
            response.body_as_str().unwrap()
        );
    }
}
