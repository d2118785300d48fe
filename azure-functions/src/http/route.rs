//! A route parameter as a function's parameter.

use std::{fmt, ops::Deref};

/// A parameter of the route, parsed. Its name is that of the function's parameter; case and underscores do not matter.
///
/// The caller gets 400 if the value cannot be parsed, and the function is not run.
///
/// ```
/// use azure_functions::{bindings::{HttpRequest, HttpResponse}, func, http::Route};
///
/// #[func]
/// fn order(
///     #[binding(auth_level = "anonymous", route = "orders/{orderId}")] _request: HttpRequest,
///     order_id: Route<u32>,
/// ) -> HttpResponse {
///     format!("order {order_id}").into()
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Route<T>(pub T);

impl<T> Deref for Route<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// For what takes an id, such as the methods of a client.
impl<T: AsRef<str>> AsRef<str> for Route<T> {
    fn as_ref(&self) -> &str {
        self.0.as_ref()
    }
}

impl From<Route<Self>> for String {
    fn from(Route(text): Route<Self>) -> Self {
        text
    }
}

impl<T: fmt::Display> fmt::Display for Route<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
