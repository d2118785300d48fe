//! One episode: trigger payload in, answer out. Whatever user code does, this returns.

use super::{
    KnownFunctions, Orchestrator,
    code::{Code, Ended, run_once},
    ended_execution::EndedExecution,
    max_actions,
    parked::Parked,
    parked_instances::ParkedInstances,
    replay::{
        core::Core,
        outcome::{Asked, Outcome, Standing},
        refusal::Refused,
    },
    wire::{
        Trigger, is_protobuf,
        json::{
            answer::{self as json_answer, Ending as JsonEnding},
            payload::{Payload, SchemaVersion},
        },
        protobuf::{
            answer::{self as protobuf_answer, Ending as ProtobufEnding},
            message::{Newest, answering_event},
            request::{Request, RequestError, Turn},
        },
    },
};
use crate::{causes::with_causes, durable_wire::takes_lists, error::BoxError, error_type::error_type, exception_text};
use azure_functions_durable::protobuf::OrchestratorResponse;
use serde_json::Value;
use std::{borrow::Cow, error::Error, rc::Rc, time::Instant};

/// What goes back to the host.
#[derive(Debug)]
pub(crate) enum Episode {
    /// JSON for the return value.
    Answer(String),
    /// The message of the exception that fails the invocation; the answer is in it.
    Failed { message: String, failure: Failure },
    /// A message of the protobuf wire. The invocation succeeds there whatever happened: a failure is in the answer.
    Protobuf {
        answer: Box<OrchestratorResponse>,
        /// In words, for the log.
        failure: Option<(String, Failure)>,
        /// If the execution ends with this turn, and this process makes its span.
        ended: Option<Box<EndedExecution>>,
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
    trigger: impl Into<Trigger>,
    function: &str,
    place: &str,
    orchestrator: Orchestrator,
    functions: &KnownFunctions,
) -> Episode {
    run_turn(trigger, function, place, orchestrator, functions, None, false)
}

/// As [`run_episode`]; with `parking`, code that waits is kept there if the host offers a session, and goes on from there when the host
/// sends no more than what is new. `makes_span`: this process makes the span of the execution.
pub(crate) fn run_turn(
    trigger: impl Into<Trigger>,
    function: &str,
    place: &str,
    orchestrator: Orchestrator,
    functions: &KnownFunctions,
    parking: Option<&mut ParkedInstances>,
    makes_span: bool,
) -> Episode {
    let trigger = trigger.into();
    let run = Run {
        function,
        place,
        orchestrator,
        functions,
        max_actions: max_actions(),
        makes_span,
        // Durable Task servers hand on what workers of .NET write and read, which is a list of one.
        lists: takes_lists() || matches!(trigger, Trigger::Message(_)),
    };
    run.on_either_wire(trigger, parking)
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
    /// Whether this process makes the span of the execution.
    pub(super) makes_span: bool,
}

/// An answer of the protobuf wire.
struct Answered {
    answer: OrchestratorResponse,
    /// In words for the log, if the code failed.
    failure: Option<(String, Failure)>,
    ended: Option<EndedExecution>,
}

impl From<OrchestratorResponse> for Answered {
    fn from(answer: OrchestratorResponse) -> Self {
        Self {
            answer,
            failure: None,
            ended: None,
        }
    }
}

/// A turn on the protobuf wire whose code has been polled.
struct Running {
    core: Rc<Core>,
    /// Nothing, if the function panicked when it was called.
    code: Option<Code>,
    newest: Newest,
    turn: Turn,
}

/// What came of the one poll.
struct Polled {
    ended: Ended,
    /// In words, if it failed.
    failure: Option<(String, Failure)>,
    outcome: Outcome,
}

impl Run<'_> {
    /// With `parking`, code that waits is kept there if the host offers a session, and goes on from there.
    pub(super) fn on_either_wire(&self, trigger: impl Into<Trigger>, parking: Option<&mut ParkedInstances>) -> Episode {
        let request = match trigger.into() {
            Trigger::Text(text) if !is_protobuf(&text) => return self.on_json(text),
            Trigger::Text(text) => Request::parse(&text),
            Trigger::Message(message) => Request::read(message.into()),
        };
        let Answered { answer, failure, ended } = self.on_protobuf(request, parking);
        Episode::Protobuf {
            answer: Box::new(answer),
            failure,
            ended: ended.map(Box::new),
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
        let ended = run_once(&core, self.orchestrator, input);
        let Polled {
            ended,
            failure,
            outcome,
        } = self.judge(&core, ended);
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

    fn on_protobuf(&self, request: Result<Request, RequestError>, parking: Option<&mut ParkedInstances>) -> Answered {
        let request = match request {
            Ok(request) => request,
            Err(error) => {
                let failure = (describe(&error), Failure::before("unreadable history"));
                return Answered {
                    failure: Some(failure),
                    ..protobuf_answer::refuse(&error).into()
                };
            }
        };
        let mut parking = parking;
        match request {
            Request::Whole { mut history, turn } => {
                if self.makes_span {
                    history.name_own_span();
                }
                if let Some(parking) = &mut parking {
                    // What comes counts.
                    parking.forget(&history.instance_id);
                }
                // Whoever starts an instance on this wire may give it any text; what is no JSON is a text, as everywhere.
                let input = match history.nested_text(history.input) {
                    Cow::Owned(text) => Some(text),
                    Cow::Borrowed(_) => None,
                };
                let core = Core::new(*history, self.functions.clone(), Vec::new(), self.max_actions);
                let (code, ended) = Code::begin(&core, self.orchestrator, input);
                let running = Running {
                    core,
                    code,
                    newest: Newest::default(),
                    turn,
                };
                self.answer_protobuf(running, ended, parking)
            }
            Request::New(mut new) => {
                let parked = parking
                    .as_mut()
                    .and_then(|parking| parking.take(&new.instance_id, Instant::now()));
                let parked = match (parked, &mut parking) {
                    (Some(parked), Some(parking)) if parked.take_in(&mut new).is_none() => {
                        parking.put_aside(parked);
                        None
                    }
                    (parked, _) => parked,
                };
                let Some(mut parked) = parked else {
                    return protobuf_answer::require_history(new.instance_id).into();
                };
                let ended = parked.code.poll();
                let running = Running {
                    core: parked.core,
                    code: Some(parked.code),
                    newest: parked.newest,
                    turn: new.turn,
                };
                self.answer_protobuf(running, ended, parking)
            }
        }
    }

    /// Writes the answer of a turn, and keeps the code if it can go on with the next one.
    fn answer_protobuf(&self, running: Running, ended: Ended, parking: Option<&mut ParkedInstances>) -> Answered {
        let Running {
            core,
            code,
            mut newest,
            turn,
        } = running;
        let write = |asked: &mut Asked, newest: &mut Newest, ending| {
            protobuf_answer::write(
                &core.history,
                turn.default_version.as_deref(),
                self.lists,
                asked,
                newest,
                core.newest_turn(),
                ending,
            )
        };
        core.find_unasked();
        let waits = matches!(ended, Ended::Waiting)
            && turn.terminated.is_none()
            && core.refused().is_none()
            && !core.is_contradicted()
            && !core.starts_over();
        let ended = match (code, parking, turn.session) {
            (Some(code), Some(parking), Some(idle)) if waits => {
                let mut asked = core.pause();
                for (id, action) in &asked.actions {
                    if let Some(event) = answering_event(&core.history, *id, action) {
                        core.is_answered_by(event, *id);
                    }
                }
                let answer = write(&mut asked, &mut newest, ProtobufEnding::Waiting);
                core.take_back_texts(asked.texts);
                let instance_id = core.history.instance_id.clone();
                let parked = Parked::new(core, code, newest, &turn.events);
                parking.keep(&instance_id, parked, idle, Instant::now());
                return answer.into();
            }
            (Some(code), ..) => code.end(ended),
            (None, ..) => ended,
        };
        let Polled {
            ended,
            failure,
            outcome,
        } = self.judge(&core, ended);
        let mut asked = outcome.asked();
        let ending = match (&failure, ended) {
            (Some((text, failure)), _) if failure.broken => ProtobufEnding::broken(failure.error_type, text),
            _ if turn.terminated.is_some() => ProtobufEnding::Terminated(turn.terminated),
            (Some((_, failure)), Ended::Returned(Err(error))) => {
                ProtobufEnding::error(error.as_ref(), failure.error_type)
            }
            (Some((text, failure)), _) => ProtobufEnding::broken(failure.error_type, text),
            (None, ended) => match (asked.continue_as_new.take(), ended) {
                (Some(next), _) => ProtobufEnding::ContinuedAsNew(next),
                (None, Ended::Returned(Ok(output))) => {
                    let output = Some(output.as_value()).filter(|output| !output.is_null());
                    ProtobufEnding::Returned(output.map(ToString::to_string))
                }
                (None, _) => ProtobufEnding::Waiting,
            },
        };
        let answer = write(&mut asked, &mut newest, ending);
        Answered {
            ended: EndedExecution::of(&core.history, &answer, core.newest_turn()),
            answer,
            failure,
        }
    }

    /// Takes the episode apart once its code is gone.
    fn judge(&self, core: &Core, ended: Ended) -> Polled {
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
    let text = with_causes(error);
    match text.trim().is_empty() {
        true => "failed with an error that has no message".to_owned(),
        false => text,
    }
}
