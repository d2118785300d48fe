//! Asks an orchestration what it waits for, by running its last episode once more.

use super::{
    KnownFunctions, Orchestrator,
    code::run_once,
    max_actions,
    replay::core::Core,
    wire::json::{answer, payload::Payload},
};

/// What the execution with this trigger payload waits for, each with the `file:line` that asked for it. Empty if it waits for
/// nothing, or cannot run.
pub(crate) fn waits_for(payload: String, orchestrator: Orchestrator, functions: &KnownFunctions) -> Vec<String> {
    let Ok(payload) = Payload::parse(payload) else {
        return Vec::new();
    };
    let (input, handed_on) = answer::open_envelope(payload.history.raw(payload.history.input));
    let core = Core::new(payload.history, functions.clone(), handed_on, max_actions());
    run_once(&core, orchestrator, input);
    let waiting = core.waiting().into_iter();
    let mut lines: Vec<String> = waiting
        .map(|waiting| format!("{} ({}:{})", waiting.what, waiting.site.file(), waiting.site.line()))
        .collect();
    // Often the one that is waited for, under a name that was misspelt.
    let unwanted = core.unwanted_events();
    if let Some(last) = lines.last_mut().filter(|_| !unwanted.is_empty()) {
        let names: Vec<String> = unwanted.iter().map(|name| format!("'{name}'")).collect();
        last.push_str(&format!(
            "; it keeps the event {}, for which nobody waits",
            names.join(", ")
        ));
    }
    lines
}
