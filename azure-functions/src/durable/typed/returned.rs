//! What `#[func]` reads from the types of a signature, aliases and all.

use super::WriteJson;
use crate::{
    binding::{FunctionReturn, IntoBinding},
    bindings::{DurableActivityContext, DurableOrchestrationContext},
    durable::{ActivityOutput, OrchestrationOutput},
    error::BoxError,
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
    label = "not an output of an activity or orchestration",
    note = "an activity returns nothing, `ActivityOutput<T>`, or a tuple that begins with one of the two; an orchestration \
            nothing or `OrchestrationOutput<T>`; either a `Result` of that: write `.into()` to make an output of a value"
)]
pub trait TypedReturn: Sized {
    /// The type itself: what else is asked of it is asked of this, so that one error tells of a type that cannot be returned.
    type Itself;
    /// The output for whoever called.
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

/// What an activity or an orchestration returns if serde can write it. Asked for in one place, so that one error tells of a type
/// that cannot be returned, with what is missing of it.
pub trait Travels: FunctionReturn {}

impl Travels for () {}

impl<T: WriteJson> Travels for ActivityOutput<T> {}

impl<T: WriteJson> Travels for OrchestrationOutput<T> {}

impl<R: Travels + IntoBinding> Travels for Option<R> {}

impl<R: Travels, E: Into<BoxError>> Travels for Result<R, E> {}

macro_rules! travels {
    ($($other:ident),*) => {
        impl<R: Travels + IntoBinding, $($other: IntoBinding),*> Travels for (R, $($other,)*) {}
    };
}

travels!();
travels!(B);
travels!(B, C);
travels!(B, C, D);
travels!(B, C, D, E);
travels!(B, C, D, E, F);
travels!(B, C, D, E, F, G);
travels!(B, C, D, E, F, G, H);
