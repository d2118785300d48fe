//! What a type says about the function that it stands for.

use crate::durable::RetryOptions;

/// An activity as a type: its name in the task hub, what it takes, what it returns, how it fails.
///
/// `#[func]` writes a type of the function's name that implements this; its error type is the `E` of a returned
/// `Result<_, E>`. Do it by hand for an activity that only a name stands for:
///
/// ```
/// use azure_functions::durable::Activity;
///
/// struct SendMail;
///
/// impl Activity for SendMail {
///     const NAME: &'static str = "send_mail";
///     type Input = String;
///     type Output = ();
///     type Error = std::convert::Infallible;
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an activity",
    label = "not an activity",
    note = "an activity is a function with `#[func]` that takes a `DurableActivityContext`, returns `ActivityOutput`, or says \
            `#[func(activity)]`",
    note = "an orchestration is called with `context.call_sub::<..>(..)`"
)]
pub trait Activity {
    /// Name in the task hub.
    const NAME: &'static str;
    /// What it takes.
    type Input;
    /// What it returns.
    type Output;
    /// The error that it returns; [`Infallible`](std::convert::Infallible) if it returns none.
    type Error;

    /// The retries of a typed call that sets none: `retry = POLICY` in `#[func(activity, retry = POLICY)]`.
    #[must_use]
    fn default_retry() -> Option<RetryOptions> {
        None
    }

    /// Reads an error of its own that travelled as JSON; `None` if this type of error does not travel.
    #[doc(hidden)]
    fn read_error(_json: &str) -> Option<Self::Error> {
        None
    }

    /// An error of its own as JSON; `None` if this type of error does not travel.
    #[doc(hidden)]
    fn write_error(_error: &Self::Error) -> Option<String> {
        None
    }
}

/// An orchestration as a type: its name in the task hub, what it takes, what it returns.
///
/// `#[func]` writes a type of the function's name that implements this. Do it by hand to start an orchestration of another
/// app.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an orchestration",
    label = "not an orchestration",
    note = "an orchestration is a function with `#[func]` that takes a `DurableOrchestrationContext`",
    note = "an activity is called with `context.call::<..>(..)`, and only from an orchestration"
)]
pub trait Orchestration {
    /// Name in the task hub.
    const NAME: &'static str;
    /// What it takes.
    type Input;
    /// What it returns.
    type Output;
}
