//! What `#[func]` reads from the types of a signature, aliases and all.

use super::{DurableActivityContext, DurableOrchestrationContext};
use crate::durable::{ActivityOutput, OrchestrationOutput};
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
    label = "not an output of an activity or orchestration",
    note = "an activity returns nothing, `ActivityOutput<T>`, or a tuple that begins with one of the two; an orchestration \
            nothing or `OrchestrationOutput<T>`; either a `Result` of that: write `.into()` to make an output of a value"
)]
pub trait TypedReturn: Sized {
    /// The type itself: what else is asked of it is asked of this, so that one error tells of a type that cannot be returned.
    type Itself;
    /// The output for the caller.
    type Output;
    /// The error in its `Result`.
    type Error;
}

impl TypedReturn for () {
    type Itself = Self;
    type Output = ();
    type Error = Infallible;
}

impl<T> TypedReturn for ActivityOutput<T> {
    type Itself = Self;
    type Output = T;
    type Error = Infallible;
}

impl<T> TypedReturn for OrchestrationOutput<T> {
    type Itself = Self;
    type Output = T;
    type Error = Infallible;
}

impl<R: TypedReturn> TypedReturn for Option<R> {
    type Itself = Self;
    type Output = Option<R::Output>;
    type Error = Infallible;
}

impl<R: TypedReturn, E> TypedReturn for Result<R, E> {
    type Itself = Self;
    type Output = R::Output;
    type Error = E;
}

macro_rules! tuple {
    ($($other:ident),*) => {
        impl<R: TypedReturn, $($other),*> TypedReturn for (R, $($other,)*) {
            type Itself = Self;
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
