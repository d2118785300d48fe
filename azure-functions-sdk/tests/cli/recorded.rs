//! Trigger payloads that the real Durable Task extension made for the example apps, each with the answer that it took:
//! `examples/APP/recorded/FUNCTION[-N].orchestration.json` or `.entity.json`, and `.answer.json` beside it. What the apps
//! answer today is the same, byte for byte.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::{checkout, target};

const APPS: [&str; 4] = ["durable-functions", "gift-registry", "key-value", "patterns"];
const ANSWER: &str = ".answer.json";

/// One payload, and what was answered.
#[derive(Debug)]
struct Recorded {
    function: String,
    payload: PathBuf,
    answer: String,
}

/// The recordings of a folder, in the order of their names.
fn recordings(folder: &Path) -> Result<Vec<Recorded>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let mut found = Vec::new();
    for name in names.iter().filter(|name| !name.ends_with(ANSWER)) {
        let path = folder.join(name);
        let shown = path.display();
        let (function, kind) = name.split_once('.').ok_or(format!("{shown}: not a recording"))?;
        if !["orchestration.json", "entity.json"].contains(&kind) {
            return Err(format!("{shown}: not a recording"));
        }
        let answer = name.replace(".json", ANSWER);
        let answer = fs::read_to_string(folder.join(&answer)).map_err(|_| format!("{shown}: no answer `{answer}`"))?;
        let number = function
            .rsplit_once('-')
            .filter(|(_, number)| number.parse::<u32>().is_ok());
        found.push(Recorded {
            function: number.map_or(function, |(function, _)| function).to_owned(),
            payload: path,
            answer: answer.trim_end().to_owned(),
        });
    }
    match found.len() {
        0 => Err(format!("{}: no recordings", folder.display())),
        count if 2 * count != names.len() => Err(format!("{}: an answer without a payload", folder.display())),
        _ => Ok(found),
    }
}

/// The answer itself: a failing orchestration has it behind a label, in the message that fails the invocation.
fn answer_of(recorded: &str) -> String {
    match serde_json::from_str::<Value>(recorded)
        .unwrap()
        .pointer("/result/exception/message")
    {
        None => recorded.to_owned(),
        Some(message) => {
            let message = message.as_str().unwrap();
            let (_, answer) = message.split_once("\n\n$OutOfProcData$:").unwrap();
            answer.to_owned()
        }
    }
}

#[test]
fn the_examples_answer_the_payloads_of_the_real_extension_byte_for_byte() {
    let mut count = 0;
    for app in APPS {
        let folder = checkout().join("examples").join(app);
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet"])
            .current_dir(&folder)
            .env("CARGO_TARGET_DIR", target())
            .status()
            .unwrap();
        assert!(built.success(), "{app} does not build");
        for recorded in recordings(&folder.join("recorded")).unwrap() {
            let output = Command::new(target().join("debug").join(app))
                .args(["replay", &recorded.function])
                .arg(&recorded.payload)
                .output()
                .unwrap();
            let answer = String::from_utf8(output.stdout).unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            let shown = recorded.payload.display();
            assert_eq!(output.status.code(), Some(0), "{shown}: {said}");
            assert_eq!(answer.trim_end(), answer_of(&recorded.answer), "{shown}: {said}");
            count += 1;
        }
    }
    assert_eq!(count, 46);
}

#[test]
fn a_recording_without_an_answer_and_a_folder_without_recordings_fail() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    assert!(recordings(&folder.join("gone")).is_err());
    assert!(recordings(folder).unwrap_err().contains("no recordings"));
    fs::write(folder.join("pay-2.orchestration.json"), "{}").unwrap();
    assert!(
        recordings(folder)
            .unwrap_err()
            .contains("no answer `pay-2.orchestration.answer.json`")
    );
    fs::write(folder.join("pay-2.orchestration.answer.json"), "[1]\n").unwrap();
    let [recorded] = &recordings(folder).unwrap()[..] else {
        panic!("one recording")
    };
    assert_eq!((recorded.function.as_str(), recorded.answer.as_str()), ("pay", "[1]"));
    fs::write(folder.join("Account.entity.answer.json"), "{}").unwrap();
    assert!(recordings(folder).unwrap_err().contains("an answer without a payload"));
    fs::write(folder.join("notes.json"), "{}").unwrap();
    assert!(recordings(folder).unwrap_err().contains("not a recording"));
}
