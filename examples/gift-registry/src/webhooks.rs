//! The web API: `GET` on `Open`, `Add/{id}?item=…`, `Finish/{id}`, `Peek/{id}` and `Stats`.

use std::{error::Error, time::Duration};

use azure_functions::{
    durable::{Orchestration, OrchestrationClientError},
    prelude::*,
};
use serde_json::{Value, json};

use crate::{
    list::RegistryList,
    registry::{Close, registry},
    stats::RegistryStats,
};

type BoxError = Box<dyn Error + Send + Sync>;

/// Opens a registry, and answers with its id.
#[func]
pub async fn open(
    #[binding(auth_level = "anonymous", methods = "get", route = "Open")] _req: HttpRequest,
    client: DurableOrchestrationClient,
) -> Result<HttpResponse, BoxError> {
    Ok(client.start::<registry>(Value::Null).await?.into())
}

/// Adds an item to an open registry.
#[func]
pub async fn add(
    #[binding(auth_level = "anonymous", methods = "get", route = "Add/{id}")] req: HttpRequest,
    id: Route<String>,
    client: DurableOrchestrationClient,
) -> Result<HttpResponse, BoxError> {
    let item = req.query_params().get("item");
    let item = item.ok_or_else(|| HttpError::new(400, "Which item? Say ?item=..."))?;
    if !is_open(&client, &id).await? {
        return Err(closed().into());
    }
    client.entity::<RegistryList>(&*id).add_item(item.clone()).await?;
    Ok("Added".into())
}

/// Closes a registry, and waits until it is closed.
#[func]
pub async fn finish(
    #[binding(auth_level = "anonymous", methods = "get", route = "Finish/{id}")] _req: HttpRequest,
    id: Route<String>,
    client: DurableOrchestrationClient,
) -> Result<HttpResponse, BoxError> {
    match client.raise(&id, &Close).await {
        Err(OrchestrationClientError::NotFound { .. } | OrchestrationClientError::InvalidInput { .. }) => {
            return Err(unknown().into());
        }
        Err(OrchestrationClientError::AlreadyDone { .. }) => return Err(closed().into()),
        raised => raised?,
    }
    match client.output::<registry>(&id, Duration::from_secs(10)).await? {
        Some(true) => Ok("Closed".into()),
        // It closed by itself before the event reached it.
        Some(false) => Err(closed().into()),
        None => Ok((202, "This registry is about to close.").into()),
    }
}

/// Shows whether a registry is open, and what is in it.
#[func]
pub async fn peek(
    #[binding(auth_level = "anonymous", methods = "get", route = "Peek/{id}")] _req: HttpRequest,
    id: Route<String>,
    client: DurableOrchestrationClient,
) -> Result<HttpResponse, BoxError> {
    let open = is_open(&client, &id).await?;
    let list: RegistryList = client
        .read_entity_state(&RegistryList::entity_id(&*id)?)
        .await?
        .state
        .unwrap_or_default();
    let status = if open { "Open" } else { "Closed" };
    Ok(json!({ "status": status, "registry": { "id": *id, "items": list.items } }).into())
}

/// Counts the registries, open and closed, and the items of them all.
#[func]
pub async fn stats(
    #[binding(auth_level = "anonymous", methods = "get", route = "Stats")] _req: HttpRequest,
    client: DurableOrchestrationClient,
) -> Result<Json<RegistryStats>, BoxError> {
    let stats = client.read_entity_state(&RegistryStats::entity_id("")?).await?;
    Ok(Json(stats.state.unwrap_or_default()))
}

fn unknown() -> HttpError {
    HttpError::new(404, "There is no such registry.")
}

fn closed() -> HttpError {
    HttpError::new(400, "This registry is closed.")
}

/// Whether a registry is open. It is while its orchestration has not ended.
async fn is_open(client: &DurableOrchestrationClient, id: &str) -> Result<bool, BoxError> {
    // Without its history, outputs, and input.
    let status = match client.query_status(id, false, false, false).await {
        // No instance can have such an id.
        Err(OrchestrationClientError::InvalidInput { .. }) => None,
        status => status?,
    };
    let status = status.filter(|status| status.name == registry::NAME);
    let status = status.ok_or_else(unknown)?;
    Ok(!status.runtime_status.is_terminal())
}

#[cfg(test)]
mod tests {
    use super::*;
    use azure_functions_sdk::testing::TestHost;

    const MINUTE: Duration = Duration::from_mins(1);

    /// `GET` on `function/id?item=…`: status and body.
    fn get(host: &TestHost, function: &str, id: &str, item: Option<&str>) -> (u16, String) {
        let mut request = HttpRequest::build().method("GET").route_param("id", id);
        if let Some(item) = item {
            request = request.query("item", item);
        }
        let response = host.call(function, &request.finish()).unwrap();
        (response.status().as_u16(), response.body_as_str().unwrap().to_owned())
    }

    fn open_one(host: &TestHost) -> String {
        let (status, id) = get(host, "open", "", None);
        assert_eq!(status, 200, "{id}");
        id
    }

    fn get_json(host: &TestHost, function: &str, id: &str) -> Value {
        let (status, body) = get(host, function, id, None);
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    #[test]
    fn row_116_a_registry_takes_items_until_it_is_finished() {
        let host = TestHost::new();
        let id = open_one(&host);
        let items = ["Commodore 64", "Zork Trilogy", "Dune Movie Poster"];
        for item in items {
            assert_eq!(get(&host, "add", &id, Some(item)), (200, "Added".to_owned()));
        }
        let registry = json!({ "id": id, "items": items });
        assert_eq!(
            get_json(&host, "peek", &id),
            json!({ "status": "Open", "registry": registry })
        );
        assert_eq!(get(&host, "finish", &id, None), (200, "Closed".to_owned()));
        assert_eq!(
            get_json(&host, "peek", &id),
            json!({ "status": "Closed", "registry": registry })
        );
        assert_eq!(get_json(&host, "stats", ""), json!({ "registries": 1, "items": 3 }));
    }

    #[test]
    fn stats_are_of_all_registries_open_and_closed() {
        let host = TestHost::new();
        assert_eq!(get_json(&host, "stats", ""), json!({ "registries": 0, "items": 0 }));
        let (one, two) = (open_one(&host), open_one(&host));
        assert_eq!(get(&host, "add", &one, Some("socks")).0, 200);
        assert_eq!(get(&host, "finish", &one, None).0, 200);
        assert_eq!(get(&host, "add", &two, Some("a train")).0, 200);
        assert_eq!(get_json(&host, "stats", ""), json!({ "registries": 2, "items": 2 }));
        assert_eq!(get_json(&host, "peek", &two)["registry"]["items"], json!(["a train"]));
    }

    #[test]
    fn row_118_nothing_is_added_to_a_wrong_or_closed_registry() {
        let host = TestHost::new();
        assert_eq!(get(&host, "add", "nobody", Some("socks")).0, 404);
        assert_eq!(get(&host, "add", "no#body", Some("socks")).0, 404);
        assert_eq!(get(&host, "finish", "nobody", None).0, 404);
        assert_eq!(get(&host, "peek", "nobody", None).0, 404);

        let id = open_one(&host);
        assert_eq!(get(&host, "add", &id, None).0, 400);
        assert_eq!(get(&host, "add", &id, Some("socks")).0, 200);
        assert_eq!(get(&host, "finish", &id, None).0, 200);
        assert_eq!(get(&host, "add", &id, Some("one more")).0, 400);
        assert_eq!(get(&host, "finish", &id, None).0, 400);
        assert_eq!(get_json(&host, "peek", &id)["registry"]["items"], json!(["socks"]));
        assert_eq!(get_json(&host, "stats", "")["items"], 1);
    }

    /// Keeps the list of the registry with this id busy for a while.
    #[func]
    async fn holds_the_list(context: DurableOrchestrationContext<String>) -> Result<OrchestrationOutput, EntityError> {
        let _section = context.lock([RegistryList::entity_id(context.input())?]).await;
        context.create_timer_after(10 * MINUTE).await;
        Ok(().into())
    }

    #[test]
    fn who_finishes_a_registry_whose_time_is_over_is_too_late() {
        let host = TestHost::new();
        let id = open_one(&host);
        host.start("holds_the_list", &id);
        host.advance(10 * MINUTE - Duration::from_secs(5));
        assert_eq!(
            get_json(&host, "peek", &id)["status"],
            "Open",
            "it cannot close its list"
        );
        assert_eq!(
            get(&host, "finish", &id, None),
            (400, "This registry is closed.".to_owned())
        );
    }

    #[test]
    fn row_117_a_registry_closes_by_itself_after_five_minutes_unless_it_is_finished_before() {
        let host = TestHost::new();
        let (left, finished) = (open_one(&host), open_one(&host));
        host.advance(5 * MINUTE - Duration::from_secs(1));
        assert_eq!(get(&host, "add", &left, Some("socks")).0, 200);
        assert_eq!(get_json(&host, "peek", &left)["status"], "Open");
        assert_eq!(get(&host, "finish", &finished, None), (200, "Closed".to_owned()));
        assert!(host.instance(&finished).output::<bool>());

        host.advance(Duration::from_secs(1));
        assert_eq!(get_json(&host, "peek", &left)["status"], "Closed");
        assert_eq!(get(&host, "add", &left, Some("one more")).0, 400);
        assert!(!host.instance(&left).output::<bool>());
        assert!(
            host.instance(&finished).output::<bool>(),
            "its five minutes change nothing"
        );
    }
}
