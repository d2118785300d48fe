//! What activities and orchestrations give back to their callers.

use super::{FunctionReturn, IntoBinding, output::ReturnedError};
use crate::durable::{ActivityOutput, OrchestrationOutput, WriteJson};

/// What an activity or an orchestration returns if serde can write it. Asked for in one place, so that one error tells of a type
/// that cannot be returned, with what is missing of it.
pub trait Travels: FunctionReturn {}

impl Travels for () {}

impl<T: WriteJson> Travels for ActivityOutput<T> {}

impl<T: WriteJson> Travels for OrchestrationOutput<T> {}

impl<R: Travels + IntoBinding> Travels for Option<R> {}

impl<R: Travels, E: ReturnedError> Travels for Result<R, E> {}

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
