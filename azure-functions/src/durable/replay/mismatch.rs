//! Non-determinism, as a report: history beside code, the first difference, and the line of the call.

use super::{
    action::ActionKind,
    core::{Core, Site},
    history::{Event, History, ScheduledKind},
    http_call::HTTP_ACTIVITY,
    message::{MessageKind, Request},
};
use std::fmt::Write;

/// The first difference between the history and what the code does today.
#[derive(Debug)]
pub(crate) enum Mismatch {
    /// The code asks for something else than the history records under this id.
    Different {
        id: u32,
        place: usize,
        code: ActionKind,
        site: Site,
    },
    /// The history had recorded this action before the code got to it.
    TooLate {
        id: u32,
        place: usize,
        code: ActionKind,
        site: Site,
        cursor: usize,
    },
    /// The history records an action that the code never asked for.
    NeverAsked { place: usize, actions: usize },
}

impl Core {
    /// Looks for actions that the history records and the code did not ask for; call it when the poll is over.
    pub(crate) fn find_unasked(&self) {
        self.reissue_last_markers();
        let mut state = self.state.borrow_mut();
        if state.mismatch.is_some() {
            return;
        }
        let actions = state.actions.len();
        let unasked = state.scheduled.iter().skip(actions).find_map(|place| *place);
        let unasked = unasked.or(state.stray);
        if let Some(place) = unasked {
            state.mismatch = Some(Mismatch::NeverAsked { place, actions });
        }
    }

    /// The report on the first difference, if there is one.
    pub(crate) fn mismatch_report(&self, function: &str) -> Option<String> {
        let state = self.state.borrow();
        let mismatch = state.mismatch.as_ref()?;
        let mut out = format!(
            "Non-deterministic orchestration '{function}': the code does not do what the history of instance '{}' records.\n",
            self.history.instance_id
        );
        let history = &self.history;
        let (recorded, code, hint) = match mismatch {
            Mismatch::Different { id, place, code, site } => (
                recorded(history, *place),
                format!(
                    "action #{id}: {} (called at {}:{})",
                    describe(code),
                    site.file(),
                    site.line()
                ),
                "the call was changed, moved or inserted",
            ),
            Mismatch::TooLate {
                id,
                place,
                code,
                site,
                cursor,
            } => (
                format!(
                    "{}; the code got to it only at event {cursor}",
                    recorded(history, *place)
                ),
                format!(
                    "action #{id}: {} (called at {}:{})",
                    describe(code),
                    site.file(),
                    site.line()
                ),
                "the call was moved behind an await",
            ),
            Mismatch::NeverAsked { place, actions, .. } => (
                recorded(history, *place),
                match (actions, self.last_call()) {
                    (0, None) => "no call of the context at all".to_owned(),
                    (n, Some(site)) => {
                        format!(
                            "asked for {n} actions and no more (last call at {}:{})",
                            site.file(),
                            site.line()
                        )
                    }
                    (n, None) => format!("asked for {n} actions and no more"),
                },
                "a call was removed, or the code took another branch",
            ),
        };
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "  history: {recorded}\n  code:    {code}\nMost likely {hint} while this instance was in flight, or the code depends on something that is not in \
             the history (time, random numbers, environment, shared state). \
             Put the change behind `if context.patched(\"an-id\")`, bring the code back in line, or start the \
             instance anew."
        );
        Some(out)
    }
}

fn recorded(history: &History, place: usize) -> String {
    let text = |span| history.text(span).unwrap_or_default();
    let (id, what) = match history.events.get(place) {
        Some(Event::Scheduled { kind, id, name, .. }) => {
            let what = match kind {
                ScheduledKind::Activity if history.is_name(*name, HTTP_ACTIVITY) => "an HTTP request".to_owned(),
                ScheduledKind::Activity => format!("activity '{}'", text(*name)),
                ScheduledKind::SubOrchestration => format!("sub-orchestration '{}'", text(*name)),
                ScheduledKind::Timer | ScheduledKind::Message => "a timer".to_owned(),
            };
            (id, what)
        }
        Some(Event::Sent { id, target, request }) => {
            let what = match Request::read(history, *request).map(|request| request.kind()) {
                Some(MessageKind::Call) => "a call to",
                Some(MessageKind::Signal) => "a signal to",
                Some(MessageKind::Lock) => "a lock, asked of",
                Some(MessageKind::Release) => "a lock, given back to",
                None => "a message to",
            };
            (id, format!("{what} entity '{}'", text(*target)))
        }
        _ => return format!("event {place}"),
    };
    format!("action #{id}: {what} (event {place} of {})", history.events.len())
}

fn describe(kind: &ActionKind) -> String {
    match kind {
        ActionKind::CallActivity { name, .. } => format!("activity '{name}'"),
        ActionKind::CallHttp { request } => format!("an HTTP request ({})", request.in_words()),
        ActionKind::CallSubOrchestration { name, .. } => format!("sub-orchestration '{name}'"),
        ActionKind::CreateTimer { .. } => "a timer".to_owned(),
        ActionKind::CallEntity { target, .. } => format!("a call to entity '{target}'"),
        ActionKind::SignalEntity { target, .. } => format!("a signal to entity '{target}'"),
        ActionKind::LockEntities { entities, .. } => match entities.first() {
            Some(first) => format!("a lock, asked of entity '{first}'"),
            None => "a lock".to_owned(),
        },
        ActionKind::ReleaseEntity { target, .. } => format!("a lock, given back to entity '{target}'"),
    }
}
