//! The stock, an entity per SKU, and its web API.

use azure_functions::prelude::*;
use serde::{Deserialize, Serialize};

/// How many pieces of an SKU are free.
#[derive(Default, Serialize, Deserialize)]
pub struct Stock {
    free: u32,
}

#[entity]
impl Stock {
    /// Adds pieces that arrive, or that an order gives back.
    fn add(&mut self, pieces: u32) {
        self.free = self.free.saturating_add(pieces);
    }

    /// Takes all of these pieces, or none. The answer says whether there were enough.
    fn take(&mut self, pieces: u32) -> bool {
        let left = self.free.checked_sub(pieces);
        self.free = left.unwrap_or(self.free);
        left.is_some()
    }
}

/// `POST /api/stock/{sku}`: pieces arrive.
#[func]
pub async fn receive_stock(
    #[binding(methods = "post", route = "stock/{sku}")] pieces: Json<u32>,
    sku: Route<String>,
    client: DurableOrchestrationClient,
) -> Result<HttpResponse, HttpError> {
    client.entity::<Stock>(sku.0).add(pieces.0).await?;
    Ok((202, "").into())
}

/// `GET /api/stock/{sku}`: how many pieces are free.
#[func]
pub async fn show_stock(
    #[binding(methods = "get", route = "stock/{sku}")] _request: HttpRequest,
    sku: Route<String>,
    client: DurableOrchestrationClient,
) -> Result<HttpResponse, HttpError> {
    let stock = client.entity::<Stock>(sku.0).state().await?.unwrap_or_default();
    Ok(stock.free.to_string().into())
}
