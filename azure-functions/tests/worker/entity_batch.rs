//! `replay` with a batch of operations of an entity.

use crate::process::run_app;
use azure_functions::histories::{ReplayError, replay_file};
use serde_json::{Value, json};
use std::{fs, path::Path};

fn golden() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/worker/payloads/entity_batch.json");
    path.to_str().unwrap().to_owned()
}

/// Exit code, answer if there is one, and what stands in stderr.
fn replay(arguments: &[&str]) -> (i32, Option<Value>, String) {
    let output = run_app(&[&["replay"], arguments].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    let answer = text.find('{').map(|start| text[start..].to_owned());
    if let Some(text) = &answer {
        assert!(text.ends_with("}\n"), "{text}");
    }
    let answer = answer.map(|text| serde_json::from_str(&text).unwrap());
    (
        output.status.code().unwrap(),
        answer,
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn a_recorded_batch_is_run_and_its_answer_printed() {
    for arguments in [&[golden().as_str()][..], &["Counts", &golden()]] {
        let (code, answer, errors) = replay(arguments);
        let mut answer = answer.unwrap();
        for result in answer["results"].as_array_mut().unwrap() {
            assert!(result["duration"].is_u64(), "{result}");
            result["duration"] = json!(0);
        }
        let unknown = json!("the entity has no such operation; it has `add`").to_string();
        assert_eq!(
            answer,
            json!({
                "entityExists": true,
                "entityState": "3",
                "signals": [],
                "results": [
                    {"isError": false, "duration": 0, "result": "3"},
                    {"isError": true, "duration": 0, "result": unknown},
                ],
            })
        );
        assert_eq!(code, 0, "what an operation says is the answer: {errors}");
        assert!(
            errors.contains("error: operation `fly` of entity `@counts@A` failed"),
            "the error of a signal is only logged: {errors}"
        );
    }
}

#[test]
fn a_batch_is_run_on_the_entity_that_is_named() {
    for before in [&["counts_blocking"][..], &["--as", "counts_blocking"]] {
        let (code, answer, errors) = replay(&[before, &[golden().as_str()]].concat());
        assert_eq!((code, &answer.unwrap()["entityState"]), (0, &json!("1")));
        assert!(errors.contains("info: add of @counts@A"), "{errors}");
    }
}

#[test]
fn a_batch_for_an_unknown_entity_is_told_which_there_are() {
    let (code, answer, errors) = replay(&["echo", &golden()]);
    assert_eq!((code, answer), (2, None));
    assert!(
        errors.contains("this is a batch of operations of an entity, and `echo` is not one"),
        "{errors}"
    );

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("strange.json");
    let path = path.to_str().unwrap();
    fs::write(path, r#"{"self": {"name": "stranger", "key": ""}, "batch": []}"#).unwrap();
    let (code, answer, errors) = replay(&[path]);
    assert_eq!((code, answer), (2, None));
    assert!(
        errors.contains("this app has no entity named 'stranger'; it has '") && errors.contains("'counts'"),
        "{errors}"
    );

    fs::write(path, r#"{"self": "@counts@A", "batch": [1]}"#).unwrap();
    let (code, answer, errors) = replay(&[path]);
    assert_eq!((code, answer), (2, None));
    assert!(
        errors.contains("is no batch of operations of an entity that can be read: "),
        "{errors}"
    );
}

/// It could not contradict anything, and would be taken for a guard.
#[test]
fn among_histories_a_batch_is_an_error_that_says_what_to_do() {
    assert!(matches!(replay_file(golden()), Err(ReplayError::EntityBatch)));
    let folder = Path::new(&golden()).parent().unwrap().to_owned();
    let output = run_app(&["replay", folder.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("entity_batch.json: is a batch of operations of an entity")
            && text.contains("on this file alone"),
        "{text}"
    );
}
