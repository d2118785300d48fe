//! A route parameter as a function's parameter.

use crate::{
    BindingError,
    binding::{BindingSpec, FromBinding, Input},
};
use std::{fmt, ops::Deref, str::FromStr};

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

impl<T> FromBinding for Route<T>
where
    T: FromStr,
    T::Err: fmt::Display,
{
    const SPEC: BindingSpec = BindingSpec::part();

    fn from_binding(mut input: Input<'_>) -> Result<Self, BindingError> {
        input
            .request()?
            .route_param(input.parameter().trim_start_matches('_'))
            .map(Self)
    }
}

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
