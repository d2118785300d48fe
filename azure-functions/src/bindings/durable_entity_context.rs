//! The trigger of entities, and what their operations give back.

pub use crate::entities::context::DurableEntityContext;
use crate::{
    BindingError,
    binding::{BindingData, BindingSpec, FromBinding, Input, IntoBinding},
    entities::EntityOutput,
};
use serde_json::Value;

impl FromBinding for DurableEntityContext {
    const SPEC: BindingSpec = BindingSpec::entity();

    fn from_binding(input: Input<'_>) -> Result<Self, BindingError> {
        input
            .source
            .entity
            .clone()
            .ok_or_else(|| BindingError::new("only an entity function takes a `DurableEntityContext`"))
    }
}

/// Becomes one result of the batch; `null` is none.
impl IntoBinding for EntityOutput {
    const SPEC: BindingSpec = BindingSpec::entity_result();

    fn into_binding(self) -> Result<BindingData, BindingError> {
        match self.into_value() {
            Value::Null => Ok(BindingData::None),
            value => BindingData::json(&value),
        }
    }
}
