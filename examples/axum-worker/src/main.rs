//! A web service that starts orchestrations, and runs them in the same process, for a Durable Task server.

mod orders;
mod web;

use azure_functions::durable_task::ServerAddress;
use std::{env, error::Error};
use tokio::{net::TcpListener, signal};

/// Where `cargo func host` is, unless the variable says otherwise.
const SERVER: &str = "http://127.0.0.1:4001";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = env::var("DURABLE_TASK_SCHEDULER_CONNECTION_STRING");
    let server: ServerAddress = server.as_deref().unwrap_or(SERVER).parse()?;
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on http://{}", listener.local_addr()?);
    web::serve(server, listener, async {
        let _ = signal::ctrl_c().await;
    })
    .await
}

#[cfg(test)]
mod tests;
