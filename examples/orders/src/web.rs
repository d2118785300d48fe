//! The web API of orders.

use azure_functions::{
    durable::{OrchestrationRuntimeStatus, OrchestrationStatusQueryResult},
    prelude::*,
};

use crate::{
    fulfilment::fulfil,
    order::{Cancelled, Order, Outcome, Packed, PlacedOrder, Progress},
    settings::Settings,
};

/// `POST /api/orders`: begins an order. The answer is its id, which cannot be guessed: a caller that has it may look at the order and cancel it.
#[func]
pub async fn place_order(
    #[binding(methods = "post", route = "orders")] order: Json<Order>,
    settings: Config<Settings>,
    client: DurableOrchestrationClient,
) -> Result<HttpResponse, HttpError> {
    let Json(order) = order;
    order.check()?;
    let settings = Settings::clone(&settings);
    let id = client.start::<fulfil>(PlacedOrder { order, settings }).await?;
    let location = format!("/api/orders/{id}");
    Ok(HttpResponse::build().status(202).header("location", location).body(id))
}

/// `GET /api/orders/{id}`: the status page, as text.
#[func]
pub async fn show_order(
    #[binding(methods = "get", route = "orders/{id}")] _request: HttpRequest,
    id: Route<String>,
    client: DurableOrchestrationClient,
) -> Result<HttpResponse, HttpError> {
    let status = client.query_status(&id, false, false, false).await?;
    let status = status.ok_or_else(|| HttpError::new(404, "there is no such order"))?;
    Ok(standing(&status).into())
}

/// How an order stands, in the words of the status page.
fn standing(status: &OrchestrationStatusQueryResult) -> String {
    match status.runtime_status {
        OrchestrationRuntimeStatus::Completed => status.output_as::<Outcome>().map(|outcome| outcome.to_string()),
        OrchestrationRuntimeStatus::Failed | OrchestrationRuntimeStatus::Terminated => {
            Ok("something went wrong, and we look into it".to_owned())
        }
        // Without a status it has not taken its first step.
        _ => Ok(status
            .custom_status_as::<Progress>()
            .map_or_else(|_| "received".to_owned(), |progress| progress.to_string())),
    }
    .unwrap_or_else(|_: serde_json::Error| "it ended with an outcome that this release cannot read".to_owned())
}

/// `DELETE /api/orders/{id}`: the customer cancels the order. It is too late, 410, when the order has ended.
#[func]
pub async fn cancel_order(
    #[binding(methods = "delete", route = "orders/{id}")] _request: HttpRequest,
    id: Route<String>,
    client: DurableOrchestrationClient,
) -> Result<HttpResponse, HttpError> {
    client.raise(&id, &Cancelled).await?;
    Ok((202, "").into())
}

/// `POST /api/orders/{id}/parcel`: the warehouse has packed the order.
#[func]
pub async fn pack_order(
    #[binding(methods = "post", route = "orders/{id}/parcel")] packed: Json<Packed>,
    id: Route<String>,
    client: DurableOrchestrationClient,
) -> Result<HttpResponse, HttpError> {
    client.raise(&id, &packed.0).await?;
    Ok((202, "").into())
}
