//! The trigger of orchestrations.

use crate::{
    BindingError,
    binding::{BindingSpec, FromBinding, Input},
    durable::DurableOrchestrationContext,
};

/// Argument of its binding: `orchestration`, the name in the task hub if it is not the function's.
impl FromBinding for DurableOrchestrationContext {
    const SPEC: BindingSpec = BindingSpec::orchestration();

    fn from_binding(_: Input<'_>) -> Result<Self, BindingError> {
        Err(BindingError::new(
            "the context of an orchestration comes from the replay core",
        ))
    }

    fn from_orchestration(context: &Self) -> Option<Self> {
        Some(context.clone())
    }
}
