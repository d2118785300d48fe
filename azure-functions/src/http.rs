//! Requests and responses of HTTP functions.
//!
//! [`HttpRequest`] and [`HttpResponse`] convert from and into those of the crate `http`, and [`serve`] answers with a whole service of
//! `tower`, such as a router of `axum`.
//!
//! # What of a response reaches the caller
//!
//! The host, not the function, talks to the caller, and cannot pass on everything that a response can hold. The Functions host
//! then lets the caller hang, cuts the body, or answers 500 without a reason. So the worker checks each response before it sends it,
//! by the same rules under every host. "Refused" fails the invocation, with an error that names the function and the
//! header: the caller gets 500, and the host logs the error. "Dropped" leaves it out, with one warning for each function and thing;
//! the rest of the response is sent.
//!
//! | In the response | What is done |
//! |---|---|
//! | several `set-cookie` headers | sent as [cookies](Cookie); the host percent-encodes their values, and adds `path=/` where none is given |
//! | an attribute of such a header that the protocol has no place for (`Partitioned`, `Priority`, …), or that cannot be read | the attribute is dropped, the cookie is sent |
//! | a `set-cookie` header without `NAME=VALUE`; a cookie whose name is no token, whose path or domain has `;` or is not ASCII | refused |
//! | other headers with several values | sent as one header, its values joined by commas |
//! | a header value that is not visible ASCII (tabs are), also that of `set-cookie` | refused: encode it. [`Cookie`] encodes its value |
//! | `connection`, `keep-alive`, `proxy-…`, `te`, `trailer`, `transfer-encoding`, `upgrade` | dropped: they are about the connection between host and caller |
//! | `date`, `server` | dropped: the host sets its own |
//! | a `content-length` other than the body's | dropped: the host sets the right one. It stays in the answer to `HEAD`, and with 304, where there is no body |
//! | a status below 200 | refused |
//! | any other status, also above 599 | sent |
//! | a body with 204, 205 or 304 | the body is dropped |
//!
//! # What of a request reaches the function
//!
//! * **The Functions host passes no body on that was sent with `transfer-encoding: chunked`**, which clients use when they do not
//!   know the length. The worker notices such a request, and warns once for each function: callers must send a `content-length`. The
//!   local host of `cargo func` does pass the body on, and warns of the difference.
//! * The host answers 404 to a method that is not among the function's `methods`. That goes for `HEAD`, too: a function with
//!   `methods = "get"` does not answer it. Name both, `methods = ["get", "head"]`; the host leaves the body of the answer out.
//! * Several values of a header, or of a key of the query, arrive joined by commas;
//!   [`query_all`](HttpRequest::query_all) has those of the query one by one.
//! * Bodies are not read before a function asks: [`Json`] and [`Form`] are parameters that do. There is none for
//!   `multipart/form-data`.

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
