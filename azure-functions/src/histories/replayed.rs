//! One history on today's code, and the verdict.

use super::{
    error::{Contradiction, ReplayError},
    file::{HistoryFile, Recorded},
};
use crate::{
    durable::{Episode, Orchestrator, encode_message, run_episode},
    exception_text,
    functions::Functions,
    registry::{Function, Handler, place},
};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use std::fmt;

/// As much of an output as a note shows.
const SHOWN: usize = 200;

/// A history that today's code agrees with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed {
    orchestration: String,
    instance_id: String,
    note: Option<String>,
}

impl Replayed {
    /// Name of the orchestration's function.
    #[must_use]
    pub fn orchestration(&self) -> &str {
        &self.orchestration
    }

    /// Instance id in the history.
    #[must_use]
    pub fn instance_id(&self) -> &str {
        &self.instance_id
    }

    /// What is different without being a contradiction: another output, or code that goes on where the recorded instance
    /// ended.
    #[must_use]
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }
}

impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "orchestration '{}'", self.orchestration)?;
        match &self.note {
            Some(note) => write!(f, " (note: {note})"),
            None => Ok(()),
        }
    }
}

/// The verdict, and what the worker would have answered.
#[derive(Debug)]
pub(crate) struct Run {
    /// JSON text; empty if there was none.
    pub(crate) answer: String,
    pub(crate) verdict: Result<Replayed, ReplayError>,
}

/// Replays the text of a history file. `name` is that of the orchestration to run, if not the recorded one.
pub(crate) fn run(app: &Functions, text: &str, name: Option<&str>) -> Result<Run, ReplayError> {
    let file = HistoryFile::read(text)?;
    let name = name.or(file.orchestration.as_deref()).ok_or(ReplayError::Nameless)?;
    let (function, orchestrator) = orchestration(app, name)?;
    let place = place(function);
    let episode = run_episode(file.payload, function.name, &place, orchestrator, app.known_functions());
    let replayed = |note: Option<String>| Replayed {
        orchestration: function.name.to_owned(),
        instance_id: file.instance_id.clone(),
        note,
    };
    let failed = |error: &str| ReplayError::Failed {
        orchestration: function.name.to_owned(),
        place: place.clone(),
        error: error.to_owned(),
    };
    let (answer, failure) = match episode {
        Episode::Answer(answer) => (answer, None),
        Episode::Failed { message, failure } => {
            let (said, answer) = exception_text::split_answer(&message).unwrap_or((&message, ""));
            (answer.to_owned(), Some((said.to_owned(), failure)))
        }
        Episode::Protobuf { answer, failure, .. } => (encode_message(answer.as_ref()), failure),
    };
    let verdict = match failure {
        None => Ok(replayed(note(&file.recorded, &answer))),
        Some((said, failure)) => match (failure.nondeterminism, &file.recorded) {
            (Some(report), _) => Err(ReplayError::Contradiction(Contradiction {
                orchestration: function.name.to_owned(),
                place: place.clone(),
                report,
            })),
            // It failed then, too.
            (None, Recorded::Failed) => Ok(replayed(None)),
            (None, Recorded::Completed(_) | Recorded::Waiting) => Err(failed(&said)),
            (None, _) if failure.broken => Err(failed(&said)),
            // An error of its own, in an episode whose end the file does not tell.
            (None, Recorded::Unfinished | Recorded::Stopped) => Ok(replayed(Some(format!("it fails: {said}")))),
        },
    };
    Ok(Run { answer, verdict })
}

/// What an answer tells of the end of the code.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Told<'a> {
    is_done: bool,
    #[serde(borrow)]
    output: Option<&'a RawValue>,
}

/// What an answer without failure does differently from the recorded instance.
fn note(recorded: &Recorded, answer: &str) -> Option<String> {
    // Our own answer is JSON. Its values may be as deep as any reader takes: they are read one by one.
    let answer: Told<'_> = serde_json::from_str(answer).unwrap_or_default();
    let done = answer.is_done;
    let returned: Value = answer
        .output
        .and_then(|output| serde_json::from_str(output.get()).ok())
        .unwrap_or_default();
    match recorded {
        Recorded::Waiting if done => Some("the recorded instance waited; the code ends".to_owned()),
        Recorded::Waiting | Recorded::Unfinished | Recorded::Stopped => None,
        Recorded::Failed if done => Some("the recorded instance failed; the code completes".to_owned()),
        Recorded::Failed => Some("the recorded instance failed; the code goes on".to_owned()),
        Recorded::Completed(_) if !done => Some("the recorded instance completed; the code goes on".to_owned()),
        Recorded::Completed(output) if *output != returned => Some(format!(
            "the recorded output is {}, that of the code {}",
            shown(output),
            shown(&returned)
        )),
        Recorded::Completed(_) => None,
    }
}

fn shown(output: &Value) -> String {
    let text = output.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn orchestration(app: &Functions, name: &str) -> Result<(&'static Function, Orchestrator), ReplayError> {
    let orchestrators = || {
        app.functions().iter().filter_map(|f| match f.handler {
            Handler::Orchestration(orchestrator) => Some((*f, orchestrator)),
            _ => None,
        })
    };
    // Histories name an orchestration as the task hub knows it, which may differ from the function's name.
    let named = |f: &Function| f.name.to_lowercase() == name.to_lowercase();
    let known_as = |f: &Function| f.durable().is_some_and(|(_, n)| n.eq_ignore_ascii_case(name));
    orchestrators()
        .find(|(f, _)| named(f))
        .or_else(|| orchestrators().find(|(f, _)| known_as(f)))
        .ok_or_else(|| match app.find(name) {
            Some(_) => ReplayError::NotAnOrchestration(name.to_owned()),
            None => ReplayError::UnknownOrchestration {
                name: name.to_owned(),
                known: orchestrators().map(|(f, _)| f.name.to_owned()).collect(),
            },
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_as_deep_as_hosts_take_are_compared() {
        let deep = format!("{}1{}", "[".repeat(124), "]".repeat(124));
        let recorded = Recorded::Completed(serde_json::from_str(&deep).unwrap());
        let answer = format!(r#"{{"isDone":true,"actions":[[{{"actionType":2,"input":{deep}}}]],"output":{deep}}}"#);
        assert_eq!(note(&recorded, &answer), None);
        let other = answer.replace("1]", "2]");
        assert!(note(&recorded, &other).unwrap().starts_with("the recorded output is "));
        assert_eq!(
            note(&Recorded::Completed(Value::Null), r#"{"isDone":true,"actions":[[]]}"#),
            None
        );
    }
}
