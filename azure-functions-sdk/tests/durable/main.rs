//! The task hub through its face: a scripted worker on one side, the durable HTTP API on the other.

use azure_functions_sdk::durable::work;

mod endings;
mod entities;
mod extension;
mod http_calls;
mod lifecycle;
mod management;
mod restarts;
mod routes;
mod scripted;
mod world;
