//! The trigger of orchestrations.

use crate::{
    BindingError,
    binding::{BindingSpec, FromBinding, Input},
    durable::DurableOrchestrationContext,
    error::BoxError,
};
use serde::de::DeserializeOwned;

/// Argument of its binding: `orchestration`, the name in the task hub if it is not the function's.
impl<T: DeserializeOwned + 'static> FromBinding for DurableOrchestrationContext<T> {
    const SPEC: BindingSpec = BindingSpec::orchestration();

    fn from_binding(_: Input<'_>) -> Result<Self, BindingError> {
        Err(BindingError::new(
            "the context of an orchestration comes from the replay core",
        ))
    }

    fn from_orchestration(context: &DurableOrchestrationContext) -> Result<Self, BoxError> {
        Ok(context.with_input()?)
    }
}
