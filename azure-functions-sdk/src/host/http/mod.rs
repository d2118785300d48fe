//! The HTTP front door of the local host: one port for the app's HTTP functions, the durable HTTP API and the admin API,
//! with the routing, the keys and the status codes of the real host. It knows no worker and no task hub: whoever
//! assembles the host gives it a [`Backend`].

mod admin;
mod auth;
mod constraint;
mod cors;
mod door;
mod front_door;
mod function;
mod home;
mod host_names;
mod keys;
mod response;
mod routes;
mod server;
mod template;

pub use auth::AuthLevel;
pub use cors::{Cors, CorsError};
pub use front_door::{Answer, Backend, FrontDoor, FrontDoorOptions, HostState, HttpCall};
pub use function::{FrontFunction, FrontTrigger, RouteError};
pub(in crate::host) use host_names::HostNames;
pub use keys::{DURABLE_SYSTEM_KEY, KeyMatch, Keys, KeysError};
pub use server::{BindError, FrontDoorListener};
