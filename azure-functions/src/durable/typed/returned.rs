//! What `#[func]` reads from the types of a signature, aliases and all.

use crate::{
    bindings::{DurableActivityContext, DurableOrchestrationContext},
    durable::{ActivityOutput, OrchestrationOutput},
};
use std::convert::Infallible;

/// A context that knows the type of its input.
pub trait TypedContext {
    /// The input.
    type Input;
}

impl<T> TypedContext for DurableOrchestrationContext<T> {
    type Input = T;
}

impl<T> TypedContext for DurableActivityContext<T> {
    type Input = T;
}

/// What an activity or an orchestration can return.
#[diagnostic::on_unimplemented(
    message = "an activity or orchestration cannot return `{Self}`",
    label = "not an output of a durable function"
)]
pub trait TypedReturn {
    /// The output for whoever called.
    type Output;
    /// The error in its `Result`.
    type Error;
}

impl TypedReturn for () {
    type Output = ();
    type Error = Infallible;
}

impl<T> TypedReturn for ActivityOutput<T> {
    type Output = T;
    type Error = Infallible;
}

impl<T> TypedReturn for OrchestrationOutput<T> {
    type Output = T;
    type Error = Infallible;
}

impl<R: TypedReturn> TypedReturn for Option<R> {
    type Output = Option<R::Output>;
    type Error = Infallible;
}

impl<R: TypedReturn, E> TypedReturn for Result<R, E> {
    type Output = R::Output;
    type Error = E;
}

macro_rules! tuple {
    ($($other:ident),*) => {
        impl<R: TypedReturn, $($other),*> TypedReturn for (R, $($other,)*) {
            type Output = R::Output;
            type Error = Infallible;
        }
    };
}

tuple!();
tuple!(B);
tuple!(B, C);
tuple!(B, C, D);
tuple!(B, C, D, E);
tuple!(B, C, D, E, F);
tuple!(B, C, D, E, F, G);
tuple!(B, C, D, E, F, G, H);
