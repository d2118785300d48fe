//! Requests and responses of HTTP functions.

mod cookie;
mod error;
mod identity;
mod json;
mod request;
mod request_builder;
mod response;
mod route;

pub use cookie::{Cookie, SameSite};
pub use error::HttpError;
pub use identity::{Claim, ClaimsIdentity};
pub use json::Json;
pub use request::HttpRequest;
pub use request_builder::RequestBuilder;
pub use response::{HttpResponse, IntoBody, ResponseBuilder};
pub use route::Route;

pub(crate) use error::answer_of;
