//! Asks an orchestration what it waits for, by running its last episode once more.

use super::{
    KnownFunctions, Orchestrator,
    episode::poll_once,
    json::{answer, payload::Payload},
    replay::core::Core,
};

/// What the execution with this trigger payload waits for, each with the `file:line` that asked for it. Empty if it waits for
/// nothing, or cannot run.
pub(crate) fn waits_for(payload: String, orchestrator: Orchestrator, functions: &KnownFunctions) -> Vec<String> {
    let Ok(payload) = Payload::parse(payload) else {
        return Vec::new();
    };
    let (input, handed_on) = answer::open_envelope(payload.history.raw(payload.history.input));
    let core = Core::new(payload.history, functions.clone(), handed_on);
    poll_once(&core, orchestrator, input);
    core.waiting()
        .into_iter()
        .map(|waiting| format!("{} ({}:{})", waiting.what, waiting.site.file(), waiting.site.line()))
        .collect()
}
