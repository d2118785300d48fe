//! The web API, and the two orchestrations behind it, which call a register and wait for its answer. A client can only signal an
//! entity, or read its last state.

use std::time::Duration;

use azure_functions::prelude::*;
use serde::{Deserialize, Serialize};

use crate::register::Register;

/// What `PUT` hands on.
#[derive(Serialize, Deserialize)]
pub struct WriteOperation {
    key: String,
    value: String,
}

/// `PUT /Database/{key}` stores the body under a key, `GET /Database/{key}` reads it. Both answer with the value as JSON, or
/// after ten seconds with the addresses of where to ask again.
#[func]
pub async fn database(
    #[binding(auth_level = "anonymous", methods = ["get", "put"], route = "Database/{key}")] req: HttpRequest,
    key: Route<String>,
    client: DurableOrchestrationClient,
) -> Result<HttpResponse, HttpError> {
    let Route(key) = key;
    Register::entity_id(&key)?;
    let id = if req.method() == "PUT" {
        let value = req.body_as_str()?.to_owned();
        client.start::<database_put>(WriteOperation { key, value }).await?
    } else {
        client.start::<database_get>(key).await?
    };
    let timeout = Duration::from_secs(10);
    let interval = Duration::from_millis(50);
    let answer = client
        .wait_for_completion_or_create_check_status_response(Some(req.url()), &id, timeout, interval)
        .await?;
    Ok(answer.into())
}

/// Reads a register. Output: its value, or `null`.
#[func]
pub async fn database_get(
    context: DurableOrchestrationContext<String>,
) -> Result<OrchestrationOutput<Option<String>>, CallError> {
    Ok(context.entity::<Register>(context.input()).get().await?.into())
}

/// Writes a register. Output: the value.
#[func]
pub async fn database_put(
    context: DurableOrchestrationContext<WriteOperation>,
) -> Result<OrchestrationOutput<String>, CallError> {
    let WriteOperation { key, value } = context.input();
    Ok(context.entity::<Register>(key).set(value).await?.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use azure_functions_sdk::testing::TestHost;

    /// Status and body.
    fn send(host: &TestHost, method: &str, key: &str, body: &str) -> (u16, String) {
        let request = HttpRequest::build()
            .method(method)
            .route_param("key", key)
            .body(body.to_owned());
        let response = host.call("database", &request).unwrap();
        (response.status().as_u16(), response.body_as_str().unwrap().to_owned())
    }

    fn ok(body: &str) -> (u16, String) {
        (200, body.to_owned())
    }

    #[test]
    fn row_119_what_was_put_is_got_and_outlives_the_host() {
        let host = TestHost::new();
        assert_eq!(send(&host, "PUT", "1", "my-value"), ok("\"my-value\""));
        assert_eq!(send(&host, "GET", "1", ""), ok("\"my-value\""));
        host.restart();
        assert_eq!(send(&host, "GET", "1", ""), ok("\"my-value\""));
    }

    #[test]
    fn a_later_value_takes_the_place_of_an_earlier_one() {
        let host = TestHost::new();
        assert_eq!(send(&host, "PUT", "1", "old"), ok("\"old\""));
        assert_eq!(send(&host, "PUT", "1", "new"), ok("\"new\""));
        assert_eq!(send(&host, "GET", "1", ""), ok("\"new\""));
    }

    #[test]
    fn keys_do_not_mix_and_have_no_value_at_first() {
        let host = TestHost::new();
        assert_eq!(send(&host, "PUT", "a", "1"), ok("\"1\""));
        assert_eq!(send(&host, "PUT", "A", ""), ok("\"\""));
        assert_eq!(send(&host, "GET", "a", ""), ok("\"1\""));
        assert_eq!(send(&host, "GET", "b", ""), ok("null"));
    }

    #[test]
    fn a_key_that_no_entity_can_have_is_the_caller_s_mistake() {
        let host = TestHost::new();
        assert_eq!(send(&host, "GET", "a#b", "").0, 400);
        assert!(host.instances().is_empty());
    }

    #[test]
    fn a_value_that_is_not_text_is_the_caller_s_mistake() {
        let host = TestHost::new();
        let request = HttpRequest::build().method("PUT").route_param("key", "1");
        let response = host.call("database", &request.body(vec![0xff])).unwrap();
        assert_eq!(response.status(), 400);
        assert!(response.body_as_str().unwrap().starts_with("the body is not UTF-8"));
        assert!(host.instances().is_empty());
    }
}
