//! Client of the Durable Functions HTTP API.
