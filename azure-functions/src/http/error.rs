//! An error that is the answer.

use super::{HttpResponse, IntoBody};
use crate::{
    BindingError,
    durable::{OrchestrationClientError, OutputError},
    entities::EntityIdError,
    error::BoxError,
    error_type::known_error,
};
use ::http::StatusCode;
use std::{error::Error, fmt};

/// An error for the caller of an HTTP function: if the function returns it, it is the answer to the request.
///
/// The returned error may be an `HttpError`, or have one among its [sources](Error::source), so `?` converts it into a `Box<dyn Error>`
/// or an error of yours. A request that cannot be read, as [`HttpRequest::json`](super::HttpRequest::json) and
/// [`BindingError::bad_request`] report it, is answered with 400 in the same way. Any other error fails the invocation: the host logs it,
/// and answers 500 without details. The local host tells callers on the same machine what happened.
///
/// ```
/// use azure_functions::prelude::*;
/// use serde::Deserialize;
/// use std::error::Error;
///
/// #[derive(Deserialize)]
/// struct Order {
///     pieces: u32,
/// }
///
/// #[func]
/// async fn order(
///     #[binding(methods = "post", route = "orders/{item}")] request: HttpRequest,
///     item: Route<String>,
/// ) -> Result<HttpResponse, Box<dyn Error + Send + Sync>> {
///     let order: Order = request.json()?; // 400
///     if *item != "socks" {
///         return Err(HttpError::new(404, "we only have socks").into());
///     }
///     let total = order.pieces.checked_mul(3).ok_or_else(|| HttpError::new(422, "so many?"))?;
///     let stock: u32 = std::fs::read_to_string("stock")?.parse()?; // 500, and in the log
///     Ok(format!("{total}, and {stock} left").into())
/// }
/// ```
///
/// In a function that returns `Result<HttpResponse, HttpError>`, `?` turns errors of a durable client into answers: 404 if there is
/// no such instance, 410 if it has ended, 409 if the id is taken, 400 if it is not valid, and 500 without details if the host cannot be reached.
///
/// ```
/// use azure_functions::prelude::*;
///
/// #[func]
/// async fn cancel(
///     #[binding(methods = "post", route = "orders/{id}/cancel")] _request: HttpRequest,
///     id: Route<String>,
///     client: DurableOrchestrationClient,
/// ) -> Result<HttpResponse, HttpError> {
///     client.terminate(&id, "the customer asked for it").await?;
///     Ok((202, "It will be cancelled.").into())
/// }
/// ```
///
/// For errors of a type of yours, write `From` once:
///
/// ```
/// use azure_functions::http::HttpError;
///
/// enum OrderError {
///     Closed,
///     Stock(std::io::Error),
/// }
///
/// impl From<OrderError> for HttpError {
///     fn from(error: OrderError) -> Self {
///         match error {
///             OrderError::Closed => HttpError::new(400, "the shop is closed"),
///             OrderError::Stock(error) => HttpError::with_source(503, "try again later", error),
///         }
///     }
/// }
/// ```
pub struct HttpError {
    response: Box<HttpResponse>,
    source: Option<BoxError>,
}

impl HttpError {
    /// The answer with this status and body. For headers, use `From<HttpResponse>`.
    pub fn new<S: TryInto<StatusCode>>(status: S, body: impl IntoBody) -> Self {
        HttpResponse::from((status, body)).into()
    }

    /// Like [`new`](Self::new), with the error behind it, which the caller does not see. It is logged if the status is 500 or
    /// more.
    pub fn with_source<S: TryInto<StatusCode>>(status: S, body: impl IntoBody, source: impl Into<BoxError>) -> Self {
        Self {
            source: Some(source.into()),
            ..Self::new(status, body)
        }
    }

    /// The answer.
    pub fn response(&self) -> &HttpResponse {
        &self.response
    }
}

impl From<HttpResponse> for HttpError {
    fn from(response: HttpResponse) -> Self {
        Self {
            response: Box::new(response),
            source: None,
        }
    }
}

impl From<OrchestrationClientError> for HttpError {
    fn from(error: OrchestrationClientError) -> Self {
        let status = match error {
            OrchestrationClientError::NotFound { .. } | OrchestrationClientError::UnknownOrchestration { .. } => 404,
            OrchestrationClientError::AlreadyExists { .. } | OrchestrationClientError::Conflict { .. } => 409,
            OrchestrationClientError::AlreadyDone { .. } => 410,
            OrchestrationClientError::InvalidInput { .. } | OrchestrationClientError::BadRequest { .. } => 400,
            // Between the app and its host: the caller cannot help it, and should not see it.
            _ => return Self::with_source(500, "", error),
        };
        Self::with_source(status, error.to_string(), error)
    }
}

impl From<OutputError> for HttpError {
    fn from(error: OutputError) -> Self {
        match error {
            OutputError::Client(error) => error.into(),
            other => Self::with_source(500, "", other),
        }
    }
}

impl From<EntityIdError> for HttpError {
    fn from(error: EntityIdError) -> Self {
        Self::with_source(400, error.to_string(), error)
    }
}

impl From<BindingError> for HttpError {
    fn from(error: BindingError) -> Self {
        match error.response() {
            Some(response) => Self {
                response: Box::new(response),
                source: Some(error.into()),
            },
            None => Self::with_source(500, "", error),
        }
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.response.status())?;
        match self.response.body_as_str() {
            Ok("") | Err(_) => Ok(()),
            Ok(body) => write!(f, ": {body}"),
        }
    }
}

impl fmt::Debug for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpError")
            .field("status", &self.response.status())
            .field("body", &self.response.body())
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl Error for HttpError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl BindingError {
    /// The answer for the caller, if it is the caller's mistake.
    pub(crate) fn response(&self) -> Option<HttpResponse> {
        let message = self.told_to_the_caller()?;
        Some(HttpResponse::build().status(StatusCode::BAD_REQUEST).body(message))
    }
}

known_error!(HttpError, "azure_functions::http::HttpError");

/// The answer in an error, or in one of its sources.
pub(crate) fn answer_of(error: &(dyn Error + 'static)) -> Option<HttpResponse> {
    let mut causes = std::iter::successors(Some(error), |error: &&(dyn Error + 'static)| (*error).source());
    causes.find_map(|error| {
        if let Some(error) = error.downcast_ref::<HttpError>() {
            return Some((*error.response).clone());
        }
        error.downcast_ref::<BindingError>()?.response()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_the_caller_gets() {
        assert_eq!(
            HttpError::new(404, "no such order").to_string(),
            "404 Not Found: no such order"
        );
        assert_eq!(
            HttpError::from(HttpResponse::from(StatusCode::CONFLICT)).to_string(),
            "409 Conflict"
        );
    }

    #[test]
    fn what_is_behind_it_is_not_in_the_answer() {
        let error = HttpError::with_source(503, "later", "the password is 1234");
        assert_eq!(error.source().unwrap().to_string(), "the password is 1234");
        let answer = answer_of(&error).unwrap();
        assert_eq!(
            (answer.status(), answer.body_as_str().unwrap()),
            (StatusCode::SERVICE_UNAVAILABLE, "later")
        );
    }

    #[test]
    fn what_the_caller_can_do_something_about_is_told_and_nothing_else() {
        let id = crate::entities::EntityId::new("seats", "a#b").unwrap_err();
        assert_eq!(HttpError::from(id).response().status(), StatusCode::BAD_REQUEST);
        let error = HttpError::from(BindingError::bad_request("the body is empty"));
        assert_eq!(error.to_string(), "400 Bad Request: the body is empty");
        let ours = HttpError::from(BindingError::new("the key is 1234"));
        assert_eq!(ours.to_string(), "500 Internal Server Error");
        assert!(ours.source().is_some());
        let other = OutputError::OtherOrchestration {
            instance_id: "i".to_owned(),
            name: "a".to_owned(),
            expected: "b",
        };
        assert_eq!(
            HttpError::from(other).response().status(),
            StatusCode::INTERNAL_SERVER_ERROR
        );
    }

    #[test]
    fn an_error_that_the_caller_must_not_see_is_no_answer() {
        assert!(answer_of(&fmt::Error).is_none());
        assert!(answer_of(&BindingError::new("ours")).is_none());
    }
}
