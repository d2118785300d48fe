//! Requests and responses of HTTP functions.
//!
//! [`HttpRequest`] and [`HttpResponse`] convert from and into those of the crate `http`, and [`serve`] answers with a whole service of
//! `tower`, such as a router of `axum`.
//!
//! The chapter [on HTTP functions](crate::guide::http) has routes, bodies, errors, and what of requests and responses gets through a host.

mod body;
mod cookie;
mod delivery;
mod error;
mod form;
mod identity;
mod json;
mod request;
mod request_builder;
mod response;
mod route;
mod service;
mod set_cookie;
mod standard;

pub use cookie::{Cookie, SameSite};
pub use error::HttpError;
pub use form::Form;
pub use identity::{Claim, ClaimsIdentity};
pub use json::Json;
pub use request::HttpRequest;
pub use request_builder::RequestBuilder;
pub use response::{HttpResponse, IntoBody, ResponseBuilder};
pub use route::Route;
pub use service::serve;

#[doc(hidden)]
pub use delivery::Exchange;
pub(crate) use delivery::Undeliverable;
pub(crate) use error::answer_of;
