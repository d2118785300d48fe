//! The JSON protocol between the durable extension and an out-of-process worker: trigger payload in, answer out.

pub(crate) mod answer;
pub(crate) mod entity_batch;
pub(crate) mod http_request;
pub(crate) mod payload;
pub(crate) mod time;
