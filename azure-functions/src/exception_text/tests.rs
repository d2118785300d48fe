//! Failures of every kind through the host and the extension: what was sent arrives, whatever the texts are.

use super::{
    host::{SEARCHES, Search, TOKENS, blanked, friendly, full_message, state_json, structured, thrown},
    of_text, push_json, with_answer,
};
use crate::{
    FunctionError,
    durable::{CallError, Episode, FailureDetails, KnownFunctions, TaskFailure, Wire, own_error, run_episode},
    invocation::Outputs,
    panics::catch,
    registry::{Function, Handler},
    worker::execution::{failed, panicked},
};
use proptest::{
    prelude::*,
    sample::select,
    test_runner::{Config, TestError, TestRunner},
};
use serde_json::{Value, json};
use std::borrow::Cow;

static FUNCTION: Function = Function {
    name: "pay",
    module: "shop::orders",
    file: "src/orders.rs",
    line: 7,
    bindings: || vec![],
    parameters: &[],
    retry: None,
    handler: Handler::Blocking(|_| Ok(Outputs::default())),
};

static ACTIVITY: Function = Function {
    bindings: || {
        vec![serde_json::Map::from_iter([(
            "type".to_owned(),
            "activityTrigger".into(),
        )])]
    },
    ..FUNCTION
};

/// What has a meaning for the host, the extension, JSON, or us, and what has none.
const FRAGMENTS: [&str; 38] = [
    "\n\n$OutOfProcData$:",
    "$OutOfProcData$:",
    "\n\n$Out\u{200b}OfProcData$:",
    "\n\u{ad}\n\u{0}$OutOfProcData$:",
    "\nStack:",
    "\nSt\u{feff}ack:",
    "\r\nStack:",
    "Stack:",
    "\nException:",
    "Result:",
    "\n",
    "\n\n",
    "\r",
    "\r\n",
    "\"",
    "'",
    "<",
    "\\",
    "\\\"",
    "{\"",
    "\":",
    "}",
    "=",
    "@",
    "$",
    "amqp://u:p@h:1",
    "amqp://u:p",
    "@h:5671 ",
    "PublicKeyToken=",
    "<rust-error>",
    "</rust-error>",
    "\n\n<rust-error>1</rust-error>",
    "<answer>",
    "[Hidden Credential]",
    "secret",
    " the rest of it ",
    "é\u{1F600}",
    "\u{200b}",
];

fn texts() -> impl Strategy<Value = String> {
    let token = select(&TOKENS[..]).prop_flat_map(|token| {
        prop_oneof![
            Just(token.to_owned()),
            Just(token.to_lowercase()),
            Just(token.to_uppercase())
        ]
    });
    let fragment = prop_oneof![
        3 => select(&FRAGMENTS[..]).prop_map(str::to_owned),
        2 => token,
        1 => "[ -~]{0,3}",
    ];
    prop::collection::vec(fragment, 0..10).prop_map(|fragments| fragments.concat())
}

/// The ways to write a failure, for the mutants.
#[derive(Clone, Copy)]
struct Writer {
    text: fn(&str) -> Cow<'_, str>,
    with_answer: fn(&str, &str) -> String,
    append: fn(&mut String, &str),
}

const OURS: Writer = Writer {
    text: of_text,
    with_answer,
    append: own_error::append,
};

fn check(cases: u32, property: impl Fn(&str) -> Result<(), TestCaseError>) -> Result<(), TestError<String>> {
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    };
    TestRunner::new_with_rng(
        config,
        prop::test_runner::TestRng::deterministic_rng(Default::default()),
    )
    .run(&texts(), |text| property(&text))
}

/// The text may be indented where a line of it looked like a label, and its end may be trimmed; nothing else is lost.
fn as_written(shown: &str, text: &str) -> Result<(), TestCaseError> {
    let flat = |text: &str| {
        text.trim_end_matches(['\r', '\n'])
            .replace("\n ", "\n")
            .replace("\n ", "\n")
    };
    prop_assert_eq!(flat(shown), flat(text));
    Ok(())
}

/// The extension finds the whole answer.
fn answer_arrives(writer: Writer, text: &str) -> Result<(), TestCaseError> {
    let answer = json!({"isDone": false, "actions": [[{"input": text}]], "error": text, text: 1});
    let message = (writer.with_answer)(text, &answer.to_string());
    for search in SEARCHES {
        let state = thrown(&message, "   at pay");
        let state = state_json(&state, search);
        let found: Option<Value> = state.and_then(|state| serde_json::from_str(state).ok());
        prop_assert_eq!(
            found.as_ref(),
            Some(&answer),
            "{:?}: {:?} from {:?}",
            search,
            state,
            message
        );
    }
    Ok(())
}

/// The caller of an activity sees the text, without its secrets, and gets the error's JSON.
fn error_arrives(writer: Writer, text: &str) -> Result<(), TestCaseError> {
    let error = json!({"why": text, text: [text]});
    let written = (writer.text)(text);
    as_written(&written, text)?;
    let mut message = written.to_string();
    (writer.append)(&mut message, &error.to_string());
    for search in SEARCHES {
        let thrown = thrown(&message, "   at pay");
        let mut shown = friendly(&thrown, search)
            .strip_prefix(' ')
            .unwrap_or_default()
            .to_owned();
        let found = own_error::take(&mut shown).and_then(|json| serde_json::from_str::<Value>(&json).ok());
        prop_assert_eq!(found.as_ref(), Some(&error), "{:?}: {:?}", search, thrown);
        prop_assert_eq!(&shown, &blanked(&written));
    }
    Ok(())
}

#[test]
fn an_answer_arrives_whatever_the_text_before_it() {
    check(4_000, |text| answer_arrives(OURS, text)).unwrap();
}

#[test]
fn an_activity_s_text_and_error_arrive_whatever_they_are() {
    check(4_000, |text| error_arrives(OURS, text)).unwrap();
}

/// From end to end: the real orchestration, activity, entity and panic.
#[test]
fn failures_and_panics_of_every_kind_arrive() {
    let shown = |message: &str, search| friendly(&thrown(message, "   at pay"), search).to_owned();
    check(600, |text| {
        let text = if text.trim().is_empty() { "declined" } else { text };
        let payload = json!({
            "instanceId": "i", "isReplaying": false, "input": text, "upperSchemaVersionNew": 2,
            "history": [
                {"EventType": 12, "EventId": -1, "IsPlayed": false, "Timestamp": "2030-04-01T10:00:00Z"},
                {"EventType": 0, "EventId": -1, "IsPlayed": false, "Timestamp": "2030-04-01T10:00:00Z",
                 "Name": "pays", "Input": json!(text).to_string()},
            ],
        });
        let orchestrators: [(crate::durable::Orchestrator, bool); 2] = [
            (
                |context| Box::pin(async move { Err(context.input_as::<String>()?.into()) }),
                false,
            ),
            (
                |context| Box::pin(async move { std::panic::panic_any(context.input_as::<String>()?) }),
                true,
            ),
        ];
        for (orchestrator, panics) in orchestrators {
            let run = || {
                run_episode(
                    payload.to_string(),
                    "pays",
                    "src/x.rs:1",
                    orchestrator,
                    &KnownFunctions::any(),
                )
            };
            let Episode::Failed { message, .. } = crate::panics::quietly(run) else {
                return Err(TestCaseError::fail("it did not fail"));
            };
            for search in SEARCHES {
                let thrown = thrown(&message, "");
                let state: Value = serde_json::from_str(state_json(&thrown, search).unwrap_or_default())
                    .map_err(|error| TestCaseError::fail(format!("{error}: {message:?}")))?;
                let error = state["error"].as_str().unwrap_or_default();
                prop_assert!(
                    if panics { error.ends_with(text) } else { error == text },
                    "{:?}",
                    error
                );
            }
        }
        let error = FunctionError::from_error(text).with_own_error(Some(json!(text).to_string()));
        let message = failed(&FUNCTION, &error, Wire::Json).message;
        let panic = crate::panics::quietly(|| catch(|| std::panic::panic_any(text.to_owned())).unwrap_err());
        let panic = panicked(&FUNCTION, panic, Wire::Json).message;
        for search in SEARCHES {
            let mut told = shown(&message, search);
            let json = own_error::take(&mut told);
            prop_assert_eq!(
                json.and_then(|json| serde_json::from_str(&json).ok()),
                Some(json!(text))
            );
            prop_assert_eq!(told, format!(" {}", blanked(&of_text(text))));
            prop_assert!(shown(&panic, search).starts_with(" function `pay` panicked"));
            prop_assert_eq!(shown(&panic, search), format!(" {}", blanked(&panic)));
        }
        Ok(())
    })
    .unwrap();
}

/// An error with a text and a cause.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Declined(String, #[source] Cause);

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Cause(String);

/// What the caller of an activity gets that failed with this text, on the protobuf wire.
fn reported(message: &str, search: Search) -> Result<CallError, TestCaseError> {
    let thrown = thrown(message, "   at pay");
    let details = structured(full_message(&thrown, search))
        .ok_or_else(|| TestCaseError::fail(format!("no details in {thrown:?}")))?;
    let reason = details.error_message.clone();
    let failure = TaskFailure::on_protobuf("pay", reason, Some(FailureDetails::from(details)));
    Ok(CallError::Activity(failure))
}

/// On the protobuf wire the caller gets all that the error says.
fn details_arrive(text: &str) -> Result<(), TestCaseError> {
    let own = json!({"why": text, text: [9_007_199_254_740_993_u64]});
    let error = FunctionError::from_error(Declined(text.to_owned(), Cause(format!("{text}!"))))
        .with_own_error(Some(own.to_string()))
        .non_retriable();
    let message = failed(&ACTIVITY, &error, Wire::Protobuf).message;
    for search in SEARCHES {
        let error = reported(&message, search)?;
        prop_assert_eq!(error.message(), text);
        prop_assert_eq!(error.returned::<Value>(), Some(own.clone()));
        prop_assert!(error.is_non_retriable());
        let details = error
            .failure()
            .and_then(|failure| failure.cause.as_ref())
            .expect("they are there");
        prop_assert!(details.error_type.ends_with("Declined"), "{:?}", details);
        prop_assert_eq!(
            details.stack_trace.as_deref(),
            Some("   at shop::orders::pay in src/orders.rs:line 7")
        );
        prop_assert!(details.properties.is_empty());
        let cause = details.inner_failure.as_deref().expect("it has a cause");
        prop_assert_eq!(&cause.error_message, &format!("{text}!"));
        prop_assert!(!cause.error_type.is_empty() && cause.inner_failure.is_none());
    }
    let panic = crate::panics::quietly(|| catch(|| std::panic::panic_any(text.to_owned())).unwrap_err());
    let panic = panicked(&ACTIVITY, panic, Wire::Protobuf).message;
    for search in SEARCHES {
        let error = reported(&panic, search)?;
        prop_assert!(error.message().ends_with(text), "{:?}", error);
    }
    Ok(())
}

#[test]
fn on_the_protobuf_wire_an_activity_s_failure_arrives_whole_whatever_its_texts_are() {
    check(4_000, details_arrive).unwrap();
}

/// Without its escape sequences, what looks like a secret takes the rest along.
#[test]
fn the_property_finds_a_line_whose_signs_are_not_escaped() {
    for sign in ['=', '@'] {
        let found = check(20_000, |text| {
            let error = FunctionError::from_error(Declined(text.to_owned(), Cause(text.to_owned())));
            let message = failed(&ACTIVITY, &error, Wire::Protobuf).message;
            let plain = message.replace(&format!("\\u{:04x}", u32::from(sign)), &sign.to_string());
            let error = reported(&plain, Search::Ordinal)?;
            prop_assert_eq!(error.message(), text);
            Ok(())
        });
        assert!(found.is_err(), "{sign}");
    }
}

/// Only activities report so: of other functions the host shows the text to people.
#[test]
fn other_functions_fail_with_plain_text_on_either_wire() {
    let error = FunctionError::new("declined");
    assert_eq!(failed(&FUNCTION, &error, Wire::Protobuf).message, "declined");
    assert_eq!(failed(&ACTIVITY, &error, Wire::Json).message, "declined");
}

/// A host that speaks JSON hands the text on as it is.
#[test]
fn the_details_are_found_in_a_text_that_a_host_has_not_read() {
    let error = FunctionError::from_error(Declined("the card".to_owned(), Cause("limit".to_owned())))
        .with_own_error(Some(json!({"code": 51}).to_string()));
    let message = failed(&ACTIVITY, &error, Wire::Protobuf).message;
    let reason = format!("Activity function 'pay' failed:  {message}");
    let error = CallError::Activity(TaskFailure::on_json("pay", reason, "Result: Failure".to_owned(), None));
    assert_eq!(error.message(), "the card");
    assert_eq!(error.to_string(), "Activity function 'pay' failed:  the card");
    assert_eq!(error.returned::<Value>(), Some(json!({"code": 51})));
    let cause = error.failure().unwrap().cause.as_ref().unwrap();
    assert_eq!(cause.inner_failure.as_ref().unwrap().error_message, "limit");
}

#[test]
fn the_properties_find_a_writer_that_forgets_something() {
    fn unescaped(text: &str, answer: &str, signs: &[char]) -> String {
        let written = with_answer(text, "");
        let mut out = written;
        push_json(&mut out, answer, signs);
        out
    }
    fn without_end(text: &str, answer: &str) -> String {
        with_answer(text, answer).replace("\n<answer>\n\n$", "\n\n$")
    }
    fn labels_stay(text: &str, answer: &str) -> String {
        with_answer(text, answer)
            .replace("\n $Out", "\n$Out")
            .replace("\n Stack:", "\nStack:")
    }
    fn invisible_labels_stay(text: &str, answer: &str) -> String {
        let message = with_answer(text, answer);
        message
            .replace("\n $Out\u{200b}", "\n$Out\u{200b}")
            .replace("\n St\u{feff}", "\nSt\u{feff}")
    }
    type WithAnswer = fn(&str, &str) -> String;
    let answers: [(&str, WithAnswer); 5] = [
        ("`=`", |text, answer| unescaped(text, answer, &['@'])),
        ("`@`", |text, answer| unescaped(text, answer, &['='])),
        ("end", without_end),
        ("labels", labels_stay),
        ("invisible labels", invisible_labels_stay),
    ];
    for (what, with_answer) in answers {
        let mutant = Writer { with_answer, ..OURS };
        assert!(check(20_000, |text| answer_arrives(mutant, text)).is_err(), "{what}");
    }
    fn append(message: &mut String, json: &str, signs: &[char]) {
        message.push_str("\n\n<rust-error>");
        push_json(message, json, signs);
        message.push_str("</rust-error>");
    }
    let errors: [(&str, Writer); 4] = [
        (
            "`=`",
            Writer {
                append: |m, j| append(m, j, &['@', '<', '$']),
                ..OURS
            },
        ),
        (
            "`@`",
            Writer {
                append: |m, j| append(m, j, &['=', '<', '$']),
                ..OURS
            },
        ),
        (
            "`<`",
            Writer {
                append: |m, j| append(m, j, &['=', '@', '$']),
                ..OURS
            },
        ),
        (
            "labels",
            Writer {
                text: |text| Cow::Borrowed(text.trim_end_matches(['\r', '\n'])),
                ..OURS
            },
        ),
    ];
    for (what, mutant) in errors {
        let found = std::panic::catch_unwind(|| check(20_000, |text| error_arrives(mutant, text)).is_err());
        assert!(found.unwrap_or(true), "{what}");
    }
}
