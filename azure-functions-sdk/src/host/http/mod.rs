//! The HTTP front door of the local host: one port for the app's HTTP functions, the durable HTTP API and the admin API,
//! with the routing, the keys and the status codes of the real host. It knows no worker and no task hub: the
//! local host gives it a [`Backend`].

mod admin;
mod answer_body;
mod auth;
mod backend;
mod client;
mod client_stream;
mod constraint;
mod cors;
mod dispatch;
mod door;
mod front_door;
mod function;
mod hang_up;
pub(in crate::host) mod head;
mod home;
mod host_names;
mod host_state;
mod keys;
mod limits;
mod listener;
mod options;
mod pace;
mod path;
mod request_body;
mod response;
mod room;
mod routes;
mod server;
mod template;

pub use auth::AuthLevel;
pub use backend::{Answer, Backend, GivenTrigger, HttpCall, Payload};
pub use cors::{Cors, CorsError};
pub(in crate::host) use dispatch::shown;
pub use front_door::FrontDoor;
pub(in crate::host) use front_door::must_enforce;
pub use function::{FrontFunction, FrontTrigger, RouteError, RouteProblems, ShadowedRoute};
pub(in crate::host) use hang_up::HungUp;
pub(in crate::host) use host_names::HostNames;
pub use host_state::HostState;
pub use keys::{DURABLE_SYSTEM_KEY, KeyMatch, Keys, KeysError, MCP_SYSTEM_KEY};
pub(in crate::host) use limits::ProcessLimits;
pub use limits::{AnswerLimits, ServerLimits};
pub use listener::{BindError, FrontDoorListener};
pub use options::FrontDoorOptions;
pub use pace::MinRate;
pub(in crate::host) use request_body::{RequestBody, RequestBodyError};
pub(in crate::host) use response::Why;
pub(in crate::host) use server::{Server, Service};
