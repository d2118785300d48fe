//! A whole HTTP service as one function.

use super::{HttpRequest, HttpResponse};
use crate::error::BoxError;
use ::http::{Request, Response};
use bytes::Bytes;
use http_body::Body;
use http_body_util::{BodyExt, Full};
use std::future::poll_fn;
use tower_service::Service;

/// Answers a request with a service of `tower`, such as a router of `axum`: with a route that catches all, one function is a whole
/// web app.
///
/// The service gets the URL as the caller sent it, with the prefix of all routes (`/api`, unless `host.json` says otherwise) and the
/// function's own part.
///
/// ```
/// use axum::{Router, routing::get};
/// use azure_functions::{http::serve, prelude::*};
///
/// #[func]
/// async fn shop(
///     #[binding(auth_level = "anonymous", route = "shop/{*path}")] request: HttpRequest,
/// ) -> Result<HttpResponse, Box<dyn std::error::Error + Send + Sync>> {
///     let routes = Router::new().route("/hello", get(async || "Hello!"));
///     serve(Router::new().nest("/api/shop", routes), request).await
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let request = HttpRequest::build().url("/api/shop/hello").finish();
/// assert_eq!(shop(request).await.unwrap().body_as_str().unwrap(), "Hello!");
/// let request = HttpRequest::build().url("/api/shop/nothing").finish();
/// assert_eq!(shop(request).await.unwrap().status(), 404);
/// # }
/// ```
///
/// # Errors
/// If the service fails, or the body of its response does. A URL that the crate `http` cannot hold is answered with 400 where the
/// function returns the error.
pub async fn serve<S, B>(mut service: S, request: HttpRequest) -> Result<HttpResponse, BoxError>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error: Into<BoxError>>,
    B: Body<Error: Into<BoxError>>,
{
    let request = Request::<Bytes>::try_from(request)?.map(Full::new);
    poll_fn(|cx| service.poll_ready(cx)).await.map_err(Into::into)?;
    let (parts, body) = service.call(request).await.map_err(Into::into)?.into_parts();
    let body = body.collect().await.map_err(Into::into)?.to_bytes();
    Ok(Response::from_parts(parts, body).into())
}
