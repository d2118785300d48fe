//! Results of functions.

use super::{
    BindingData, BindingSpec,
    signature::{DeclaredOutput, RETURN},
};
use crate::{
    BindingError, FunctionError,
    durable::{ActivityOutput, OrchestrationOutput},
    error::BoxError,
    http::Exchange,
    invocation::Outputs,
};
use serde::Serialize;

/// A type that a function can return for one output.
///
/// `Option<T>` is one too: `None` sends nothing. See the [module](super) for an example.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the output of an Azure function",
    label = "not an output binding",
    note = "outputs are `HttpResponse`, `Json<T>`, `QueueMessage`, ..., `ActivityOutput`, `OrchestrationOutput`, `EntityOutput`, `()`, \
            `Option` of these, and your own types that implement `azure_functions::binding::IntoBinding`: all are listed in \
            `azure_functions::guide::bindings`"
)]
pub trait IntoBinding: Sized {
    /// What the type binds to.
    const SPEC: BindingSpec;

    /// Makes what the host gets. [`BindingData::None`] sends nothing.
    ///
    /// # Errors
    /// If the value cannot be sent. The invocation fails with the error, and the function named before it.
    fn into_binding(self) -> Result<BindingData, BindingError>;

    #[doc(hidden)]
    fn into_orchestration(self) -> Result<OrchestrationOutput, BoxError> {
        Ok(().into())
    }
}

/// What a function can return: one [output](IntoBinding), a tuple of them, a struct of them ([`Outputs`](macro@crate::Outputs)), or a
/// `Result` of any of these.
///
/// The first output is named `$return`, those that follow in a tuple `output1`, `output2` and so on.
#[diagnostic::on_unimplemented(
    message = "an Azure function cannot return `{Self}`",
    label = "not an output, a tuple or struct of outputs, or a `Result` of these",
    note = "outputs are `HttpResponse`, `Json<T>`, `QueueMessage`, ..., `ActivityOutput`, `OrchestrationOutput`, `EntityOutput`, `()`, \
            `Option` of these, and your own types that implement `azure_functions::binding::IntoBinding`: all are listed in \
            `azure_functions::guide::bindings`",
    note = "a struct of outputs derives `azure_functions::Outputs`",
    note = "the error of a `Result` is any type that converts into `Box<dyn std::error::Error + Send + Sync>`"
)]
pub trait FunctionReturn: Sized {
    /// Its outputs.
    #[doc(hidden)]
    const OUTPUTS: &'static [DeclaredOutput];

    #[doc(hidden)]
    fn into_outputs(self, exchange: &Exchange) -> Result<Outputs, FunctionError>;

    #[doc(hidden)]
    fn into_orchestration(self) -> Result<OrchestrationOutput, BoxError> {
        // The rules do not allow several outputs there.
        Err("an orchestration has one output".into())
    }
}

/// The error in a `Result` that a function returns: whatever converts into a boxed [`std::error::Error`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error that an Azure function returns",
    label = "not an error",
    note = "it must be a `std::error::Error` that is `Send`, `Sync` and `'static`: derive `thiserror::Error` for it, or return `String`"
)]
#[doc(hidden)]
pub trait ReturnedError: Into<BoxError> {}

#[diagnostic::do_not_recommend]
impl<E: Into<BoxError>> ReturnedError for E {}

/// What a function returns: made in one place, so that a type which cannot be returned is reported once.
#[doc(hidden)]
#[derive(Debug)]
pub struct Returns<R> {
    /// Its outputs.
    pub(crate) outputs: &'static [DeclaredOutput],
    pub(crate) into_outputs: fn(R, &Exchange) -> Result<Outputs, FunctionError>,
    pub(crate) into_orchestration: fn(R) -> Result<OrchestrationOutput, BoxError>,
}

impl<R: FunctionReturn> Returns<R> {
    pub(crate) const NEW: Self = Self {
        outputs: R::OUTPUTS,
        into_outputs: R::into_outputs,
        into_orchestration: R::into_orchestration,
    };
}

impl IntoBinding for () {
    const SPEC: BindingSpec = BindingSpec::nothing();

    fn into_binding(self) -> Result<BindingData, BindingError> {
        Ok(BindingData::None)
    }
}

impl<T: IntoBinding> IntoBinding for Option<T> {
    const SPEC: BindingSpec = T::SPEC;

    fn into_binding(self) -> Result<BindingData, BindingError> {
        self.map_or(Ok(BindingData::None), T::into_binding)
    }

    fn into_orchestration(self) -> Result<OrchestrationOutput, BoxError> {
        self.map_or_else(|| Ok(().into()), T::into_orchestration)
    }
}

/// Sent as JSON in the invocation's return value, which needs no binding.
impl<T: Serialize> IntoBinding for ActivityOutput<T> {
    const SPEC: BindingSpec = BindingSpec::activity_result();

    fn into_binding(self) -> Result<BindingData, BindingError> {
        BindingData::json(self.get())
    }
}

impl<T: Serialize> IntoBinding for OrchestrationOutput<T> {
    const SPEC: BindingSpec = BindingSpec::orchestration_result();

    fn into_binding(self) -> Result<BindingData, BindingError> {
        Err(BindingError::new("only an orchestration returns `OrchestrationOutput`"))
    }

    fn into_orchestration(self) -> Result<OrchestrationOutput, BoxError> {
        OrchestrationOutput::new(self.into_inner())
            .map_err(|error| format!("the output cannot be written as JSON: {error}").into())
    }
}

impl<T: IntoBinding> FunctionReturn for T {
    const OUTPUTS: &'static [DeclaredOutput] = &[DeclaredOutput::in_tuple(0, T::SPEC)];

    fn into_outputs(self, exchange: &Exchange) -> Result<Outputs, FunctionError> {
        let mut outputs = Outputs::default();
        outputs.put(RETURN, T::into_binding(self), exchange)?;
        Ok(outputs)
    }

    fn into_orchestration(self) -> Result<OrchestrationOutput, BoxError> {
        T::into_orchestration(self)
    }
}

impl<T: FunctionReturn, E: ReturnedError> FunctionReturn for Result<T, E> {
    const OUTPUTS: &'static [DeclaredOutput] = T::OUTPUTS;

    fn into_outputs(self, exchange: &Exchange) -> Result<Outputs, FunctionError> {
        self.map_err(FunctionError::from_error)?.into_outputs(exchange)
    }

    fn into_orchestration(self) -> Result<OrchestrationOutput, BoxError> {
        // The box keeps the name of the type.
        self.map_err(FunctionError::from_error)?.into_orchestration()
    }
}

macro_rules! tuple {
    ($($index:tt $output:ident),+) => {
        impl<$($output: IntoBinding),+> FunctionReturn for ($($output,)+) {
            const OUTPUTS: &'static [DeclaredOutput] = &[$(DeclaredOutput::in_tuple($index, $output::SPEC)),+];

            fn into_outputs(self, exchange: &Exchange) -> Result<Outputs, FunctionError> {
                let mut outputs = Outputs::default();
                $(outputs.put(Self::OUTPUTS[$index].name, self.$index.into_binding(), exchange)?;)+
                Ok(outputs)
            }
        }
    };
}

tuple!(0 A);
tuple!(0 A, 1 B);
tuple!(0 A, 1 B, 2 C);
tuple!(0 A, 1 B, 2 C, 3 D);
tuple!(0 A, 1 B, 2 C, 3 D, 4 E);
tuple!(0 A, 1 B, 2 C, 3 D, 4 E, 5 F);
tuple!(0 A, 1 B, 2 C, 3 D, 4 E, 5 F, 6 G);
tuple!(0 A, 1 B, 2 C, 3 D, 4 E, 5 F, 6 G, 7 H);
