//! An order service: see `README.md`.

mod access_log;
mod fulfilment;
mod notification;
mod order;
mod payment;
mod report;
mod sandbox;
mod settings;
mod stock;
mod web;

#[cfg(test)]
mod histories;
#[cfg(test)]
mod tests;

use std::{process::ExitCode, sync::Arc, time::Duration};

use azure_functions::{App, app::from_fn};
use tower::timeout::TimeoutLayer;

use access_log::access_log;
use payment::Gateway;
use sandbox::Sandbox;

/// What the functions share, and what stands around each of them. A test replaces the gateway.
fn app() -> App {
    azure_functions::app()
        .state::<Gateway>(Arc::new(Sandbox::default()))
        .layer(TimeoutLayer::new(Duration::from_secs(30)))
        .layer(from_fn(access_log))
}

fn main() -> ExitCode {
    app().run()
}
