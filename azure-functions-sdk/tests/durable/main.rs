//! The task hub through its face: a scripted worker on one side, the durable HTTP API on the other.
//!
//! Every test runs with a worker of either wire. On JSON alone run, as they are about what the other wire does not have: an instance that
//! stays `Running` until what it has started has ended (`endings`). The tests of stores that fail (`src/durable/hub/tests`) run on both
//! wires, too, but for entities whose batch is given again, or divided, after an answer that is none: on the protobuf wire such a batch
//! fails at once, as with the extension.

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
