//! The context of an orchestration.

use std::rc::Rc;

/// The trigger of an orchestration, and its way to act.
#[derive(Clone, Debug)]
pub struct DurableOrchestrationContext {
    instance_id: Rc<str>,
}

impl DurableOrchestrationContext {
    /// Id of this instance.
    pub fn instance_id(&self) -> &str {
        &self.instance_id
    }
}
