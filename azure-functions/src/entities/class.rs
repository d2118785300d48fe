//! What the code written by `#[entity]` calls. Hidden, and free to change in any release.

use super::{Entity, EntityError, EntityOutput};
use crate::{bindings::DurableEntityContext, error::BoxError};
use serde::{Serialize, de::DeserializeOwned};
use std::sync::Arc;

/// What an operation of an entity may return.
pub type Answer = Result<EntityOutput, BoxError>;

/// The state before the operation.
#[derive(Debug)]
pub struct State<E> {
    /// What the method gets.
    pub value: E,
    /// What it was read from.
    text: Option<Arc<str>>,
}

/// The state before the operation: the default, if there is none.
///
/// # Errors
/// If it is of another shape.
pub fn state<E: Entity>(context: &DurableEntityContext) -> Result<State<E>, EntityError> {
    let (text, live) = context.take_live();
    let value = match live {
        Some(value) => value,
        None => context.state()?.unwrap_or_default(),
    };
    Ok(State { value, text })
}

/// The input of the operation.
///
/// # Errors
/// If it is of another shape.
pub fn input<T: OperationInput>(context: &DurableEntityContext) -> Result<T, EntityError> {
    context.input_as()
}

/// The input of an operation: read by the entity, written by its sender.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the input of an operation",
    label = "not a type that serde can read and write",
    note = "derive `serde::Serialize` and `serde::Deserialize` for it; several values fit into a tuple or a struct"
)]
pub trait OperationInput: Serialize + DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> OperationInput for T {}

/// Keeps the state after the operation, unless it has deleted the entity.
///
/// # Errors
/// If it cannot be written as JSON.
pub fn keep<E: Entity>(context: &DurableEntityContext, state: State<E>) -> Result<(), EntityError> {
    if context.is_deleted() {
        return Ok(());
    }
    let text = context.write_state(&state.value)?;
    context.keep_live(text, state.value);
    Ok(())
}

/// Hands the state, which the operation could only read, on to the next.
pub fn hand_on<E: Entity>(context: &DurableEntityContext, state: State<E>) {
    if let Some(text) = state.text {
        context.keep_live(text, state.value);
    }
}

/// What the operation returned.
///
/// # Errors
/// If it cannot be written as JSON.
pub fn answer<T: Serialize>(context: &DurableEntityContext, returned: T) -> Answer {
    match EntityOutput::new(returned) {
        Ok(output) => Ok(output),
        Err(source) => Err(Box::new(EntityError::Write {
            what: format!("the result of operation `{}`", context.operation()),
            source,
        })),
    }
}

/// The implicit operation `delete`.
///
/// # Errors
/// Never.
pub fn delete(context: &DurableEntityContext) -> Answer {
    context.delete();
    Ok(EntityOutput::default())
}

/// Tells whether a type is a `Result`, also behind an alias: an inherent constant comes before that of a trait.
#[derive(Debug)]
pub struct Returned<T>(std::marker::PhantomData<T>);

impl<T, E> Returned<Result<T, E>> {
    /// It is.
    pub const IS_RESULT: bool = true;
}

/// See [`Returned`].
pub trait NotResult {
    /// It is not.
    const IS_RESULT: bool = false;
}

impl<T> NotResult for Returned<T> {}

/// The answer of an operation is what its type says.
pub const fn returns(is_result: bool) {
    assert!(
        !is_result,
        "write `Result<T, E>` itself: behind another name, callers cannot be told what the operation answers"
    );
}
