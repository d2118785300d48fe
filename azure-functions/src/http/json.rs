//! JSON bodies of requests and responses.

use std::ops::{Deref, DerefMut};

/// The JSON body of a request, or of a response.
///
/// As a parameter it is an HTTP trigger with the arguments of [`HttpRequest`](super::HttpRequest); beside a parameter
/// of that type it only reads the body. The caller gets 400, with the reason, if the body is not JSON of this type.
///
/// ```
/// use azure_functions::{func, http::Json};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Deserialize)]
/// struct Order {
///     pieces: u32,
/// }
///
/// #[derive(Serialize)]
/// struct Offer {
///     total: u32,
/// }
///
/// #[func]
/// async fn offer(#[binding(methods = "post", route = "offers")] order: Json<Order>) -> Json<Offer> {
///     Json(Offer { total: order.pieces * 3 })
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl<T> Deref for Json<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Json<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}
