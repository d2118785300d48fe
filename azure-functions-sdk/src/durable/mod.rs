//! The durable task hub of the local host: engine, store, dispatch, HTTP API.
//!
//! `engine` decides, `store` remembers, `hub` brings messages, workers and time together, `http`, `grpc` and `binding` are what
//! clients see, `http_call` makes the HTTP calls of orchestrations. The way in is [`TaskHub`].

pub mod binding;
pub mod clock;
pub(crate) mod engine;
pub mod grpc;
mod http;
mod http_call;
pub mod hub;
pub(crate) mod json;
pub(crate) mod store;
pub(crate) mod streams;
pub mod versions;
pub mod work;

#[doc = include_str!("http/differences.md")]
pub mod differences {}

pub use self::{
    binding::BindingUrls,
    clock::{Clock, SystemClock},
    http::Via,
    http_call::{HttpCallError, HttpCallRequest, HttpCallResponse, HttpCaller},
    hub::{HubName, HubNameError, TaskHub, TaskHubError, TaskHubOptions},
    store::{Durability, StoreError, UnknownDurability},
};
#[cfg(feature = "host")]
pub(crate) use self::{http::asked_hub, hub::SESSION_IDLE};
