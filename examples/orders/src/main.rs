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

use azure_functions::App;
use tower::{layer::layer_fn, timeout::TimeoutLayer};

use access_log::AccessLog;
use payment::Gateway;
use sandbox::Sandbox;

/// What the functions share, and what stands around each of them. A test replaces the gateway.
fn app() -> App {
    azure_functions::app()
        .state::<Gateway>(Arc::new(Sandbox::default()))
        .layer(TimeoutLayer::new(Duration::from_secs(30)))
        .layer(layer_fn(AccessLog))
}

fn main() -> ExitCode {
    app().run()
}
