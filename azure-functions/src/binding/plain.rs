//! What an activity or orchestration returns as it is, without `ActivityOutput` or `OrchestrationOutput` around it.
//!
//! `#[func]` wraps it where the kind of the function is known. An output that is wrapped already, behind an alias for example, stays
//! as it is.

use crate::durable::{ActivityOutput, OrchestrationOutput, WriteJson};
use std::marker::PhantomData;

/// The kind of a function: an activity.
#[derive(Debug)]
pub struct OfActivity;

/// The kind of a function: an orchestration.
#[derive(Debug)]
pub struct OfOrchestration;

/// A value that a function of this kind returns.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be written as JSON, as which the output of an activity or orchestration travels",
    label = "not an output of an activity or orchestration",
    note = "derive `serde::Serialize` for it, and `serde::Deserialize` for those who call the function by type"
)]
pub trait PlainValue<Kind> {
    /// The output.
    type Output;

    /// Makes the output.
    fn wrap(self) -> Self::Output;
}

macro_rules! plain {
    ($kind:ident, $output:ident) => {
        #[diagnostic::do_not_recommend]
        impl<T: WriteJson> PlainValue<$kind> for T {
            type Output = $output<T>;

            fn wrap(self) -> $output<T> {
                self.into()
            }
        }

        #[diagnostic::do_not_recommend]
        impl<T> PlainValue<$kind> for $output<T> {
            type Output = Self;

            fn wrap(self) -> Self {
                self
            }
        }
    };
}

plain!(OfActivity, ActivityOutput);
plain!(OfOrchestration, OrchestrationOutput);

/// Wraps what a function of this kind returns, which is a `Result` or is not.
#[derive(Debug)]
pub struct Wrap<Kind, const IS_RESULT: bool>(PhantomData<Kind>);

/// See [`Wrap`].
pub trait Wraps<R> {
    /// What is returned, wrapped.
    type Output;

    /// Wraps it.
    fn wrap(returned: R) -> Self::Output;
}

impl<Kind, T: PlainValue<Kind>> Wraps<T> for Wrap<Kind, false> {
    type Output = T::Output;

    fn wrap(returned: T) -> T::Output {
        returned.wrap()
    }
}

impl<Kind, T: PlainValue<Kind>, E> Wraps<Result<T, E>> for Wrap<Kind, true> {
    type Output = Result<T::Output, E>;

    fn wrap(returned: Result<T, E>) -> Self::Output {
        returned.map(PlainValue::wrap)
    }
}
