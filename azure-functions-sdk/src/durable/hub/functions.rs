//! Names that a client asks for and the app does not have: refused in the words of the extension.

use crate::durable::work::{DurableFunctions, WorkKind};

impl DurableFunctions {
    /// Names are compared without regard to case.
    pub(super) fn has(&self, kind: WorkKind, name: &str) -> bool {
        self.functions.contains_key(&(kind, name.to_lowercase()))
    }

    pub(super) fn missing_orchestration(&self, name: &str) -> String {
        self.missing(WorkKind::Orchestration, name, "orchestrator")
    }

    pub(super) fn missing_entity(&self, name: &str) -> String {
        self.missing(WorkKind::Entity, name, "entity")
    }

    fn missing(&self, kind: WorkKind, name: &str, noun: &str) -> String {
        let known: Vec<String> = self
            .functions
            .iter()
            .filter(|((known, _), _)| *known == kind)
            .map(|(_, function)| format!("'{function}'"))
            .collect();
        let additional = if known.is_empty() {
            format!("No {noun} functions are currently registered!")
        } else {
            format!("The following are the known {noun} functions: {}.", known.join(", "))
        };
        format!(
            "The function '{name}' doesn't exist, is disabled, or is not an {noun} function. Additional info: \
             {additional}"
        )
    }
}
