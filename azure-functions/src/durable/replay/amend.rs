//! Options of a call, set after it was issued.
//!
//! A call takes its id when it is made. Its options follow, as in `context.call_activity(..).retry(&policy)`, and belong to the
//! same action as long as nothing else has happened: no other action or wait, and no poll of a future. Later options are refused:
//! an answer to the call may have been delivered by then, and a replay must not depend on which came first.

use super::{
    action::ActionKind,
    attempts::{Attempts, RetryStage},
    core::{Core, State},
    history::History,
    ids::{OpId, Site},
    operation::{Course, OpenCall, Retry},
    refusal::Refusal,
};
use crate::durable::RetryOptions;

/// The tag under which the history keeps the name that an activity's call was given.
const NAME_TAG: &str = "name";

impl Core {
    /// Has a call tried again when it fails.
    pub(crate) fn amend_retry(&self, op: OpId, options: RetryOptions, site: Site) {
        self.open_call(op, "retry", site);
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        let attempts = Attempts::new(options, state.clock);
        match &mut state.operations[op.0 as usize].course {
            Course::Retry(retry) => retry.attempts = attempts,
            course => {
                if let Some(call) = state.actions.last().map(|action| action.kind.clone()) {
                    *course = Course::Retry(Box::new(Retry {
                        call,
                        attempts,
                        stage: RetryStage::Attempt,
                    }));
                }
            }
        }
    }

    /// Changes what a call asks for. `check` says what is wrong with that, if anything is, given the name of the function; the call is
    /// taken back then.
    pub(crate) fn amend_call<E>(
        &self,
        op: OpId,
        option: &str,
        site: Site,
        check: impl FnOnce(&str) -> Result<(), E>,
        change: impl Fn(&mut ActionKind),
    ) -> Result<(), E> {
        let open = self.open_call(op, option, site);
        if let Err(error) = check(&self.called_name(open.action)) {
            self.state.borrow_mut().take_back(&open);
            return Err(error);
        }
        self.state.borrow_mut().change_newest(op, change);
        Ok(())
    }

    /// Gives a call a name for reports.
    pub(crate) fn amend_label(&self, op: OpId, label: &str, site: Site) {
        self.open_call(op, "named", site);
        let label = shown(label);
        if label.is_empty() {
            return;
        }
        let mut state = self.state.borrow_mut();
        state.labels.insert(op, label.as_str().into());
        if !self.history.has_shim() {
            // An activity's tags are in the history, and nowhere else. Those of a sub-orchestration would pass to all that it starts.
            state.change_newest(op, |call| {
                if let ActionKind::CallActivity { tags, .. } = call {
                    tags.get_or_insert_default().insert(NAME_TAG.to_owned(), label.clone());
                }
            });
        }
    }

    /// The call that an option is for; refuses an option that comes too late.
    fn open_call(&self, op: OpId, option: &str, site: Site) -> OpenCall {
        let state = self.state.borrow();
        if let Some(open) = state.open_call.filter(|open| open.op == op) {
            return open;
        }
        let call = state.operations[op.0 as usize].site;
        let about = format!("`{option}` of the call at {}:{}", call.file(), call.line());
        drop(state);
        self.refuse_about(Refusal::LateOption, &about, site)
    }
}

/// Signs of a name that reports show at most.
const LONGEST_LABEL: usize = 100;

/// A name as reports show it: on one line, and not too long.
fn shown(label: &str) -> String {
    let line: String = label
        .chars()
        .take(LONGEST_LABEL + 1)
        .map(|sign| if sign.is_control() { ' ' } else { sign })
        .collect();
    let mut shown: String = line.trim().chars().take(LONGEST_LABEL).collect();
    if label.chars().nth(LONGEST_LABEL).is_some() {
        shown.push('\u{2026}');
    }
    shown
}

impl State {
    /// Issues the first action of a call whose options may still follow.
    pub(super) fn issue_open(&mut self, history: &History, call: ActionKind, op: OpId) -> u32 {
        self.reissue(history);
        let (segments, agreed) = (self.segments.mark(self.cause), !self.stopped());
        let action = self.issue(history, call, op);
        self.open_call = Some(OpenCall {
            op,
            action,
            segments,
            agreed,
        });
        action
    }

    /// Changes the newest action, and the attempts that follow it.
    fn change_newest(&mut self, op: OpId, change: impl Fn(&mut ActionKind)) {
        let action = self.actions.last_mut().map(|action| &mut action.kind);
        let attempts = match &mut self.operations[op.0 as usize].course {
            Course::Retry(retry) => Some(&mut retry.call),
            _ => None,
        };
        action.into_iter().chain(attempts).for_each(change);
    }

    /// Undoes the newest call: it takes no id.
    fn take_back(&mut self, open: &OpenCall) {
        self.open_call = None;
        self.actions.truncate(open.action as usize);
        self.segments.reset_to(&open.segments);
        if open.agreed {
            self.mismatch = None;
        }
    }

    /// The name that a call was given for reports, in the words of one.
    pub(super) fn label(&self, op: OpId) -> String {
        let label = self.labels.get(&op);
        label.map(|label| format!(", named '{label}'")).unwrap_or_default()
    }
}
