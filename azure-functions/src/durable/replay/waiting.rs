//! What an execution waits for after an episode, in words: for reports of instances that do not go on.

use super::{
    action::ActionKind,
    attempts::RetryStage,
    clock::moment,
    core::{Core, State},
    ids::{OpId, Site},
    operation::{Course, OpState},
};

/// One thing that has been asked for and has not come.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) what: String,
    /// The call that asked for it.
    pub(crate) site: Site,
}

impl Core {
    /// What is out at the end of the episode, in the order of the calls. What is no longer wanted is left out.
    pub(crate) fn waiting(&self) -> Vec<Waiting> {
        let state = self.state.borrow();
        let operations = state.operations.iter().zip(0..);
        let pending = operations.filter(|(operation, _)| operation.state == OpState::Pending);
        pending
            .map(|(operation, index)| Waiting {
                what: state.in_words(OpId(index)) + &state.label(OpId(index)),
                site: operation.site,
            })
            .collect()
    }
}

impl Core {
    /// Names of events that have come without a wait for them, in the order in which they came.
    pub(crate) fn unwanted_events(&self) -> Vec<String> {
        let state = self.state.borrow();
        let mut names: Vec<String> = Vec::new();
        for arrival in state.events.arrivals.iter().filter(|arrival| !arrival.consumed) {
            let name = &state.events.names[arrival.name].text;
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        names
    }
}

impl State {
    fn in_words(&self, op: OpId) -> String {
        match &self.operations[op.0 as usize].course {
            Course::Call => {
                let call = self.actions.iter().find(|action| action.op == op);
                call.map_or_else(String::new, |action| self.call_in_words(&action.kind))
            }
            Course::Retry(retry) => {
                let call = self.call_in_words(&retry.call);
                let attempt = retry.attempts.failures + 1;
                match retry.stage {
                    RetryStage::Attempt => format!("{call}, attempt {attempt}"),
                    RetryStage::Delay { due, .. } => {
                        format!("{call}, whose attempt {attempt} begins at {}", moment(due))
                    }
                }
            }
            Course::Http(call) => {
                let request = call.request.in_words();
                match call.stage {
                    RetryStage::Attempt => format!("the HTTP request {request}"),
                    RetryStage::Delay { due, .. } => {
                        format!("the HTTP request {request}, made again at {}", moment(due))
                    }
                }
            }
            Course::Timer { due, .. } => format!("a timer that fires at {}", moment(*due)),
            Course::Wait => match self.events.waited_for(op) {
                Some(name) => format!("the external event '{name}'"),
                None => "an external event".to_owned(),
            },
        }
    }
}

impl State {
    fn call_in_words(&self, call: &ActionKind) -> String {
        match call {
            ActionKind::CallActivity { name, .. } => format!("activity '{name}'"),
            ActionKind::CallHttp { request } => format!("the HTTP request {}", request.in_words()),
            ActionKind::CallSubOrchestration { name, options, .. } => {
                match options.as_ref().and_then(|options| options.instance_id.as_deref()) {
                    Some(id) => format!("sub-orchestration '{name}', instance '{id}'"),
                    None => format!("sub-orchestration '{name}'"),
                }
            }
            ActionKind::CreateTimer { fire_at, .. } => format!("a timer that fires at {}", moment(*fire_at)),
            ActionKind::CallEntity { target, operation, .. } => {
                let operation = self.texts.get(*operation);
                format!("entity '{target}', operation '{operation}'")
            }
            ActionKind::LockEntities { entities, .. } => {
                let names: Vec<_> = entities.iter().map(|entity| format!("'{entity}'")).collect();
                format!("the locks of {}", names.join(", "))
            }
            ActionKind::SendEvent { instance_id, name, .. } => format!("event '{name}' for instance '{instance_id}'"),
            ActionKind::SignalEntity { target, .. } | ActionKind::ReleaseEntity { target, .. } => {
                format!("entity '{target}'")
            }
        }
    }
}
