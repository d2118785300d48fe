//! The web API, and the worker beside it.

use crate::orders::{Order, Warehouse, ship};
use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, post},
};
use azure_functions::{
    durable::{OrchestrationClient, OrchestrationClientError, TypedClient},
    durable_task::{ServerAddress, Worker},
};
use serde_json::{Value, json};
use std::error::Error;
use tokio::{net::TcpListener, sync::watch};

type Answer = Result<(StatusCode, Json<Value>), StatusCode>;

/// Serves both until `shutdown` is ready; requests and work that have begun end first.
pub async fn serve(
    server: ServerAddress,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Box<dyn Error>> {
    let client = OrchestrationClient::open(&server)?;
    let (told, mut stop) = watch::channel(());
    let app = azure_functions::app().state(Warehouse::with(&[("tea", 10)]));
    let worker = tokio::spawn(Worker::new(server).app(app).run_until(async move {
        // The web API has ended.
        let _ = stop.changed().await;
    }));
    axum::serve(listener, router(client))
        .with_graceful_shutdown(shutdown)
        .await?;
    drop(told);
    worker.await??;
    Ok(())
}

fn router(client: OrchestrationClient) -> Router {
    Router::new()
        .route("/orders", post(order))
        .route("/orders/{id}", get(status))
        .route("/orders/{id}/pick-up/{carrier}", post(pick_up))
        .with_state(client)
}

async fn order(State(client): State<OrchestrationClient>, Json(order): Json<Order>) -> Answer {
    let id = client.start::<ship>(order).await.map_err(code)?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "id": id }))))
}

async fn status(State(client): State<OrchestrationClient>, Path(id): Path<String>) -> Answer {
    let status = client.status(&id).await.map_err(code)?.ok_or(StatusCode::NOT_FOUND)?;
    let shown = json!({
        "status": status.runtime_status,
        "customStatus": status.custom_status,
        "output": status.output,
    });
    Ok((StatusCode::OK, Json(shown)))
}

async fn pick_up(State(client): State<OrchestrationClient>, Path((id, carrier)): Path<(String, String)>) -> Answer {
    client.raise_event(&id, "picked-up", carrier).await.map_err(code)?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "id": id }))))
}

/// Of an answer where the task hub did not do what was asked.
fn code(error: OrchestrationClientError) -> StatusCode {
    match error {
        OrchestrationClientError::NotFound { .. } => StatusCode::NOT_FOUND,
        OrchestrationClientError::AlreadyDone { .. } => StatusCode::GONE,
        error => {
            eprintln!("{error}");
            StatusCode::BAD_GATEWAY
        }
    }
}
