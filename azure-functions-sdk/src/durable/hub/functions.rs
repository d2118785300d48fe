//! Names that a client asks for and the app does not have: refused in the words of the extension.

use crate::{
    durable::work::{DurableFunctions, Wire, WorkKind},
    similar::{SHOWN, similar},
};

impl DurableFunctions {
    /// Names are compared without regard to case.
    pub(super) fn has(&self, kind: WorkKind, name: &str) -> bool {
        self.functions.contains_key(&(kind, name.to_lowercase()))
    }

    /// How an execution of this name travels that begins now.
    pub(super) fn wire_for(&self, name: &str) -> Wire {
        match self.open && !self.has(WorkKind::Orchestration, name) {
            true => Wire::Stream,
            false => self.wire,
        }
    }

    /// How the operations of an entity travel.
    pub(super) fn wire_for_entity(&self, name: &str) -> Wire {
        match self.open && !self.has(WorkKind::Entity, name) {
            true => Wire::Stream,
            false => self.wire,
        }
    }

    /// Whether there may be an entity of this name.
    pub(super) fn takes_entity(&self, name: &str) -> bool {
        self.open || self.has(WorkKind::Entity, name)
    }

    pub(super) fn missing_orchestration(&self, name: &str) -> String {
        self.missing(WorkKind::Orchestration, name, "orchestrator")
    }

    pub(super) fn missing_entity(&self, name: &str) -> String {
        self.missing(WorkKind::Entity, name, "entity")
    }

    fn missing(&self, kind: WorkKind, name: &str, noun: &str) -> String {
        let known: Vec<&str> = self
            .functions
            .iter()
            .filter(|((known, _), _)| *known == kind)
            .map(|(_, function)| function.as_str())
            .collect();
        let list = |names: &[&str], between: &str| {
            let quoted: Vec<_> = names.iter().map(|name| format!("'{name}'")).collect();
            quoted.join(between)
        };
        let near = similar(name, known.iter().copied());
        // The extension lists them all.
        let additional = if !near.is_empty() {
            format!("Did you mean {}?", list(&near, " or "))
        } else if known.is_empty() {
            format!("No {noun} functions are currently registered!")
        } else if known.len() > SHOWN {
            let (count, some) = (known.len(), list(&known[..SHOWN], ", "));
            format!("The app has {count} {noun} functions, such as {some}.")
        } else {
            let all = list(&known, ", ");
            format!("The following are the known {noun} functions: {all}.")
        };
        format!(
            "The function '{name}' doesn't exist, is disabled, or is not an {noun} function. Additional info: \
             {additional}"
        )
    }
}
