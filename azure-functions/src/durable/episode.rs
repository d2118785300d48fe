//! One episode: trigger payload in, answer out. Whatever user code does, this returns.

use super::{
    DurableOrchestrationContext, KnownFunctions, Orchestrator,
    json::{
        answer::{self, Ending},
        payload::{Payload, SchemaVersion},
    },
    max_actions,
    replay::{core::Core, outcome::Standing, refusal::Refused},
};
use crate::{error::BoxError, error_type::error_type, exception_text, json_text, panics};
use serde_json::Value;
use std::{error::Error, fmt::Write, rc::Rc, task::Poll};

/// What goes back to the host.
#[derive(Debug)]
pub(crate) enum Episode {
    /// JSON for the return value.
    Answer(String),
    /// Message of the exception that fails the invocation; the answer is in it.
    Failed {
        message: String,
        /// By which telemetry groups failures.
        error_type: &'static str,
        /// The report, if the history contradicts the code.
        nondeterminism: Option<String>,
        /// The code did not come to an end of its own: it panicked, was refused, or got no history to run on.
        broken: bool,
    },
}

/// Whether log records of this thread belong to a part of an orchestration that is being replayed.
pub(crate) fn log_suppressed() -> bool {
    Core::current_is_replaying()
}

/// Runs one episode of `function`, which is defined at `place`. Blocks while user code does; never panics.
pub(crate) fn run_episode(
    payload: String,
    function: &str,
    place: &str,
    orchestrator: Orchestrator,
    functions: &KnownFunctions,
) -> Episode {
    run_limited_episode(payload, function, place, orchestrator, functions, max_actions())
}

/// As [`run_episode`], with so many actions at most.
pub(super) fn run_limited_episode(
    payload: String,
    function: &str,
    place: &str,
    orchestrator: Orchestrator,
    functions: &KnownFunctions,
    max_actions: usize,
) -> Episode {
    let payload = match Payload::parse(payload) {
        Ok(payload) => payload,
        Err(error) => {
            return Episode::Failed {
                message: exception_text::of_text(&describe(&error)).into_owned(),
                error_type: "unreadable history",
                nondeterminism: None,
                broken: true,
            };
        }
    };
    if payload.schema < SchemaVersion::V2 {
        let error = "this host offers only schema V1 of the durable protocol, which cannot express what the orchestration awaits: \
                     use version 2.7.0 or newer of the Durable Task extension (extension bundle 3 or newer)";
        let answer = format!(
            r#"{{"isDone":false,"schemaVersion":0,"actions":[[]],"error":{}}}"#,
            Value::from(error)
        );
        return Episode::Failed {
            message: exception_text::with_answer(error, &answer),
            error_type: "unsupported host",
            nondeterminism: None,
            broken: true,
        };
    }
    let (schema, history) = (payload.schema, payload.history);
    let (input, handed_on) = answer::open_envelope(history.raw(history.input));
    let core = Core::new(history, functions.clone(), handed_on, max_actions);
    let ended = readable(poll_once(&core, orchestrator, input));
    core.find_unasked();
    let report = core.mismatch_report(function);
    let error = match (core.refused(), &ended) {
        (Some(refused), _) => {
            let text = refusal(function, place, refused, core.refused_about().as_deref());
            Some((text, "refused orchestration"))
        }
        (None, Ended::Panicked(text)) => Some((text.clone(), "panic")),
        (None, _) if report.is_some() => report.clone().map(|report| (report, "non-deterministic orchestration")),
        (None, Ended::Returned(Err(error))) => Some((describe(error.as_ref()), error_type::<BoxError>(error))),
        _ => None,
    };
    let broken = report.is_some() || core.refused().is_some() || matches!(ended, Ended::Panicked(_));
    let standing = match (broken, &ended) {
        (true, _) => Standing::Broken,
        (false, Ended::Returned(Err(_))) => Standing::Failed,
        (false, Ended::Returned(Ok(_))) => Standing::Returned,
        (false, _) => Standing::Waiting,
    };
    let outcome = core.finish(&standing);
    if let Some((error, error_type)) = error {
        let answer = answer::write(&outcome, schema, &Ending::Failed(&error));
        let nondeterminism = report.filter(|report| *report == error);
        return Episode::Failed {
            message: exception_text::with_answer(&error, &answer),
            error_type,
            nondeterminism,
            broken,
        };
    }
    let ending = match &ended {
        _ if outcome.continue_as_new.is_some() => Ending::Done(None),
        Ended::Returned(Ok(output)) => Ending::Done(Some(output.as_value()).filter(|v| !v.is_null())),
        _ => Ending::Waiting,
    };
    Episode::Answer(answer::write(&outcome, schema, &ending))
}

/// How the one poll ended.
pub(super) enum Ended {
    Waiting,
    Returned(Result<super::OrchestrationOutput, BoxError>),
    /// Of a panic: what it said and where. Of a refusal: nothing that matters.
    Panicked(String),
}

/// An output that nothing could read back is an error.
fn readable(ended: Ended) -> Ended {
    match ended {
        Ended::Returned(Ok(output)) if json_text::is_too_deep(output.as_value()) => {
            json_text::dismantle(output.into_value());
            let levels = json_text::LEVELS;
            let error = format!("the output is nested more than {levels} levels deep, and could not be read back");
            Ended::Returned(Err(error.into()))
        }
        Ended::Returned(Ok(output)) if json_text::has_raw_value(output.as_value()) => {
            match json_text::write(output.as_value()) {
                Err(error) => Ended::Returned(Err(format!("the output could not be read back: {error}").into())),
                Ok(_) => Ended::Returned(Ok(output)),
            }
        }
        ended => ended,
    }
}

pub(super) fn poll_once(core: &Rc<Core>, orchestrator: Orchestrator, input: Option<String>) -> Ended {
    panics::install_hook();
    let context = DurableOrchestrationContext::new(Rc::clone(core), input);
    let mut future = match panics::catch(|| orchestrator(context)) {
        Ok(future) => future,
        Err(panic) => return Ended::Panicked(panicked(&panic)),
    };
    let polled = panics::catch(|| core.poll(|cx| future.as_mut().poll(cx)));
    // What the future leaves behind is dropped inert: the end of a poll cancels nothing.
    core.seal();
    let dropped = panics::catch(|| drop(future));
    match (polled, dropped) {
        (Err(panic), _) => Ended::Panicked(panicked(&panic)),
        (Ok(_), Err(panic)) => Ended::Panicked(panicked(&panic)),
        (Ok(Poll::Ready(result)), Ok(())) => Ended::Returned(result),
        (Ok(Poll::Pending), Ok(())) => Ended::Waiting,
    }
}

fn panicked(panic: &panics::Panic) -> String {
    match &panic.location {
        Some(location) => format!("panicked at {location}: {}", panic.message),
        None => format!("panicked: {}", panic.message),
    }
}

fn refusal(function: &str, defined_at: &str, refused: Refused, about: Option<&str>) -> String {
    let place = match refused.site {
        Some(site) => format!("last call of its context at {}:{}", site.file(), site.line()),
        None => format!("{defined_at}, before any call of its context"),
    };
    let about = about.map(|about| format!(" (here '{about}')")).unwrap_or_default();
    format!(
        "orchestration '{function}' ({place}) {}{about}.",
        refused.refusal.explain()
    )
}

/// An error with all it was caused by. Never empty: the host would take an empty text for success.
fn describe(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            // Writing to a String cannot fail.
            let _ = write!(text, ": {cause_text}");
        }
        source = cause.source();
    }
    if text.trim().is_empty() {
        "failed with an error that has no message".to_owned()
    } else {
        text
    }
}
