//! One episode: trigger payload in, answer out. Whatever user code does, this returns.

use super::{
    DurableOrchestrationContext, KnownFunctions, OrchestrationOutput, Orchestrator, max_actions,
    replay::{
        core::Core,
        outcome::{Outcome, Standing},
        refusal::Refused,
    },
    wire::{
        is_protobuf,
        json::{
            answer::{self as json_answer, Ending as JsonEnding},
            payload::{Payload, SchemaVersion},
        },
        protobuf::{
            answer::{self as protobuf_answer, Ending as ProtobufEnding},
            request::{Request, RequestError},
        },
    },
};
use crate::{durable_wire::takes_lists, error::BoxError, error_type::error_type, exception_text, json_text, panics};
use serde_json::Value;
use std::{borrow::Cow, error::Error, fmt::Write, rc::Rc, task::Poll};

/// What goes back to the host.
#[derive(Debug)]
pub(crate) enum Episode {
    /// JSON for the return value.
    Answer(String),
    /// The message of the exception that fails the invocation; the answer is in it.
    Failed { message: String, failure: Failure },
    /// A message of the protobuf wire, as base64. The invocation succeeds there whatever happened: a failure is in the answer.
    Protobuf {
        answer: String,
        /// In words, for the log.
        failure: Option<(String, Failure)>,
    },
}

/// How an episode failed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// By which telemetry groups failures.
    pub(crate) error_type: &'static str,
    /// The report, if the history contradicts the code.
    pub(crate) nondeterminism: Option<String>,
    /// The code did not come to an end of its own: it panicked, was refused, or got no history to run on.
    pub(crate) broken: bool,
}

impl Failure {
    /// The code did not even begin.
    fn before(error_type: &'static str) -> Self {
        Self {
            error_type,
            nondeterminism: None,
            broken: true,
        }
    }
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
    let run = Run {
        function,
        place,
        orchestrator,
        functions,
        max_actions: max_actions(),
        lists: takes_lists(),
    };
    run.on_either_wire(payload)
}

/// What an episode is to run.
pub(super) struct Run<'a> {
    pub(super) function: &'a str,
    pub(super) place: &'a str,
    pub(super) orchestrator: Orchestrator,
    pub(super) functions: &'a KnownFunctions,
    pub(super) max_actions: usize,
    /// Whether the host takes lists of one for the inputs of activities.
    pub(super) lists: bool,
}

/// What came of the one poll.
struct Polled {
    ended: Ended,
    /// In words, if it failed.
    failure: Option<(String, Failure)>,
    outcome: Outcome,
}

impl Run<'_> {
    pub(super) fn on_either_wire(&self, payload: String) -> Episode {
        match is_protobuf(&payload) {
            true => self.on_protobuf(&payload),
            false => self.on_json(payload),
        }
    }

    fn on_json(&self, payload: String) -> Episode {
        let payload = match Payload::parse(payload) {
            Ok(payload) => payload,
            Err(error) => {
                return Episode::Failed {
                    message: exception_text::of_text(&describe(&error)).into_owned(),
                    failure: Failure::before("unreadable history"),
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
                failure: Failure::before("unsupported host"),
            };
        }
        let (schema, history) = (payload.schema, payload.history);
        let (input, handed_on) = json_answer::open_envelope(history.raw(history.input));
        let core = Core::new(history, self.functions.clone(), handed_on, self.max_actions);
        let Polled {
            ended,
            failure,
            outcome,
        } = self.poll(&core, input);
        if let Some((text, failure)) = failure {
            let answer = json_answer::write(&outcome, schema, &JsonEnding::Failed(&text));
            return Episode::Failed {
                message: exception_text::with_answer(&text, &answer),
                failure,
            };
        }
        let ending = match &ended {
            _ if outcome.continue_as_new.is_some() => JsonEnding::Done(None),
            Ended::Returned(Ok(output)) => JsonEnding::Done(Some(output.as_value()).filter(|v| !v.is_null())),
            _ => JsonEnding::Waiting,
        };
        Episode::Answer(json_answer::write(&outcome, schema, &ending))
    }

    fn on_protobuf(&self, payload: &str) -> Episode {
        let request = match Request::parse(payload) {
            Ok(request) => request,
            Err(error) => {
                let failure = match &error {
                    RequestError::HistoryNeeded { .. } => None,
                    other => Some((describe(other), Failure::before("unreadable history"))),
                };
                return Episode::Protobuf {
                    answer: protobuf_answer::refuse(&error),
                    failure,
                };
            }
        };
        // Whoever starts an instance on this wire may give it any text; what is no JSON is a text, as everywhere.
        let input = request.history.nested_text(request.history.input);
        let input = match input {
            Cow::Owned(text) => Some(text),
            Cow::Borrowed(_) => None,
        };
        let core = Core::new(request.history, self.functions.clone(), Vec::new(), self.max_actions);
        let Polled {
            ended,
            failure,
            mut outcome,
        } = self.poll(&core, input);
        let ending = match (&failure, ended) {
            (Some((text, failure)), _) if failure.broken => ProtobufEnding::broken(failure.error_type, text),
            _ if request.terminated.is_some() => ProtobufEnding::Terminated(request.terminated),
            (Some((_, failure)), Ended::Returned(Err(error))) => {
                ProtobufEnding::error(error.as_ref(), failure.error_type)
            }
            (Some((text, failure)), _) => ProtobufEnding::broken(failure.error_type, text),
            (None, ended) => match (outcome.continue_as_new.take(), ended) {
                (Some(next), _) => ProtobufEnding::ContinuedAsNew(next),
                (None, Ended::Returned(Ok(output))) => {
                    let output = Some(output.as_value()).filter(|output| !output.is_null());
                    ProtobufEnding::Returned(output.map(ToString::to_string))
                }
                (None, _) => ProtobufEnding::Waiting,
            },
        };
        let default_version = request.default_version.as_deref();
        Episode::Protobuf {
            answer: protobuf_answer::write(
                &core.history,
                default_version,
                self.lists,
                outcome,
                core.newest_turn(),
                ending,
            ),
            failure,
        }
    }

    /// Polls the code once, and takes the episode apart.
    fn poll(&self, core: &Rc<Core>, input: Option<String>) -> Polled {
        let ended = readable(poll_once(core, self.orchestrator, input));
        core.find_unasked();
        let report = core.mismatch_report(self.function);
        let refused = core.refused();
        let broken = report.is_some() || refused.is_some() || matches!(ended, Ended::Panicked(_));
        let failed = |text: String, error_type, nondeterminism| {
            let failure = Failure {
                error_type,
                nondeterminism,
                broken,
            };
            Some((text, failure))
        };
        let failure = match (refused, &ended) {
            (Some(refused), _) => failed(
                refusal(self.function, self.place, refused, core.refused_about().as_deref()),
                "refused orchestration",
                None,
            ),
            (None, Ended::Panicked(text)) => failed(text.clone(), "panic", None),
            (None, ended) => match (report, ended) {
                (Some(report), _) => failed(report.clone(), "non-deterministic orchestration", Some(report)),
                (None, Ended::Returned(Err(error))) => {
                    failed(describe(error.as_ref()), error_type::<BoxError>(error.as_ref()), None)
                }
                (None, _) => None,
            },
        };
        let standing = match (broken, &ended) {
            (true, _) => Standing::Broken,
            (false, Ended::Returned(Err(_))) => Standing::Failed,
            (false, Ended::Returned(Ok(_))) => Standing::Returned,
            (false, _) => Standing::Waiting,
        };
        Polled {
            outcome: core.finish(&standing),
            ended,
            failure,
        }
    }
}

/// How the one poll ended.
pub(super) enum Ended {
    Waiting,
    Returned(Result<OrchestrationOutput, BoxError>),
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
