//! What a failed function tells the host, and why a value could not become a parameter.

use crate::{
    causes::with_causes,
    error_type::{KnownError, error_type, known_error},
};
use std::{error::Error, fmt};

known_error!(BindingError, "azure_functions::BindingError");

// A failed function is called by the error that it failed with.
inventory::submit! {
    KnownError(|error| Some(error.downcast_ref::<FunctionError>()?.error_type))
}

/// An error of any type, as functions give it back.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// A function failed. The message reaches the host, and with it the caller's log.
///
/// So does the name of the error's type, by which Application Insights groups failures: `my_app::Declined` for a function that
/// returns `Result<_, Declined>`. An error that has lost its type is called what is left: `anyhow::Error`, `Box<dyn Error>` (unless it
/// holds one of this crate's errors or one of the common ones of the standard library), `String` for plain text.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct FunctionError {
    message: String,
    #[source]
    source: Option<BoxError>,
    error_type: &'static str,
    /// The error itself as JSON, for the orchestration that called.
    own_error: Option<String>,
    is_non_retriable: bool,
    /// Whether the function returned it.
    is_returned: bool,
}

impl FunctionError {
    /// A failure with this message.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            source: None,
            error_type: "azure_functions::FunctionError",
            own_error: None,
            is_non_retriable: false,
            is_returned: false,
        }
    }

    /// A failure with this message and the error behind it.
    pub fn with_source<E: Into<BoxError>>(message: impl Into<String>, source: E) -> Self {
        let source = source.into();
        Self {
            message: message.into(),
            error_type: error_type::<E>(source.as_ref()),
            source: Some(source),
            own_error: None,
            is_non_retriable: false,
            is_returned: false,
        }
    }

    /// The message, and those of the errors behind it that do not stand in it already.
    pub(crate) fn with_causes(&self) -> String {
        with_causes(self)
    }

    /// What a function's own error becomes: its message, with the error itself as [`source`](Error::source).
    pub fn from_error<E: Into<BoxError>>(error: E) -> Self {
        let error = error.into();
        Self {
            is_returned: true,
            ..Self::with_type(error_type::<E>(error.as_ref()), error)
        }
    }

    fn with_type(error_type: &'static str, error: BoxError) -> Self {
        Self {
            message: error.to_string(),
            error_type,
            source: Some(error),
            own_error: None,
            is_non_retriable: false,
            is_returned: false,
        }
    }

    /// Says that another attempt is pointless: an orchestration does not call the activity again, whatever its
    /// [`RetryOptions`](crate::durable::RetryOptions) say. Only the protobuf [wire](crate::durable::Wire) tells it to the orchestration.
    ///
    /// ```
    /// use azure_functions::{FunctionError, func};
    ///
    /// #[func(activity)]
    /// fn charge(amount: i64) -> Result<i64, FunctionError> {
    ///     if amount < 0 {
    ///         return Err(FunctionError::new("there is nothing to charge").non_retriable());
    ///     }
    ///     Ok(amount)
    /// }
    /// ```
    #[must_use]
    pub fn non_retriable(self) -> Self {
        Self {
            is_non_retriable: true,
            ..self
        }
    }

    pub(crate) fn is_non_retriable(&self) -> bool {
        self.is_non_retriable
    }

    /// Whether the function returned it, rather than that something of its result cannot be sent.
    pub(crate) fn is_returned(&self) -> bool {
        self.is_returned
    }

    /// The type of the error, as far as it is known.
    pub(crate) fn error_type(&self) -> &'static str {
        self.error_type
    }

    pub(crate) fn with_own_error(self, json: Option<String>) -> Self {
        Self {
            own_error: json,
            ..self
        }
    }

    pub(crate) fn own_error(&self) -> Option<&str> {
        self.own_error.as_deref()
    }
}

/// A value of the host that does not fit the parameter it is meant for, or a result that cannot be sent.
///
/// It fails the one invocation in which it happens. An error made by [`BindingError::bad_request`] answers the
/// HTTP request with status 400 instead, also where the function itself returns it. For other answers there is
/// [`HttpError`](crate::http::HttpError).
pub struct BindingError {
    message: String,
    bad_request: bool,
    is_not_for_it: bool,
    source: Option<BoxError>,
}

impl BindingError {
    /// Says what is wrong with the value; function and parameter are added later.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            bad_request: false,
            is_not_for_it: false,
            source: None,
        }
    }

    /// Like [`new`](Self::new), with the error behind it.
    pub fn with_source(message: impl Into<String>, source: impl Into<BoxError>) -> Self {
        Self {
            source: Some(source.into()),
            ..Self::new(message)
        }
    }

    /// What the host sent is not meant for the function: the invocation succeeds, and the function does not run.
    ///
    /// For triggers that the host does not filter as the binding says.
    pub fn not_for_the_function(message: impl Into<String>) -> Self {
        Self {
            is_not_for_it: true,
            ..Self::new(message)
        }
    }

    pub(crate) fn is_not_for_the_function(&self) -> bool {
        self.is_not_for_it
    }

    /// What to tell the caller, if it is the caller's mistake.
    pub(crate) fn told_to_the_caller(&self) -> Option<&str> {
        self.bad_request.then_some(&self.message)
    }

    /// The caller's mistake: an HTTP function answers 400 with this message, and if a parameter is made, it is not run.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self {
            bad_request: true,
            ..Self::new(message)
        }
    }
}

impl fmt::Debug for BindingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BindingError")
            .field("message", &self.message)
            .field("bad_request", &self.bad_request)
            .field("source", &self.source)
            .finish()
    }
}

impl fmt::Display for BindingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for BindingError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
