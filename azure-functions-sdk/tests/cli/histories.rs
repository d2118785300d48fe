//! Histories of the example app: saved from a running host, and replayed, with those of all releases that the repository
//! keeps.
//!
//! With `BLESS=1` what is saved becomes the corpus of this version: see `CONTRIBUTING.md`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

use crate::{
    cargo_func,
    run::{INSTANCES, Running, example, table},
    target,
};

/// Runs `cargo func` on the example.
fn on_the_example(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-func"));
    command.arg("func").args(arguments).env("CARGO_TARGET_DIR", target());
    command.output().unwrap()
}

fn replay(path: &Path) -> (Option<i32>, String, String) {
    let app = example();
    let output = on_the_example(&["replay", "--path", app.to_str().unwrap(), path.to_str().unwrap()]);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Where the histories of this version are kept: one folder for all versions that are compatible.
fn corpus() -> PathBuf {
    let (version, _) = env!("CARGO_PKG_VERSION").rsplit_once('.').unwrap();
    example().join("histories").join(version)
}

fn save(app: &Running, id: &str, folder: &Path) {
    let port = app.port.to_string();
    let file = folder.join(format!("{id}.json"));
    let output = on_the_example(&[
        "durable",
        "get-history",
        id,
        "--port",
        &port,
        "--output",
        file.to_str().unwrap(),
    ]);
    assert!(
        output.status.success(),
        "{id}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn histories_of_a_running_host_replay_with_those_of_all_releases() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let app = Running::start(
        &example(),
        folder.path().join("log"),
        &["--data-dir", data.to_str().unwrap()],
    );
    let saved = match std::env::var_os("BLESS") {
        Some(_) => corpus(),
        None => folder.path().join("saved"),
    };

    let readme = fs::read_to_string(example().join("README.md")).unwrap();
    let start = |orchestration: &str, id: &str, input: &str| {
        let path = format!("/api/orchestrators/{orchestration}?instanceId={id}");
        assert_eq!(app.request("POST", &path, input).0, 202, "{id}");
    };
    for (orchestration, input, _) in table(&readme) {
        start(orchestration, orchestration, input);
    }
    for waiting in ["waiting", "terminated", "suspended", "approved"] {
        let id = format!("event_with_timeout-{waiting}");
        start("event_with_timeout", &id, "60000000");
        app.poll(&format!("{INSTANCES}/{id}"), |status| {
            status["customStatus"] == "waiting for approval"
        });
        let operation = match waiting {
            "terminated" => "terminate?reason=enough",
            "suspended" => "suspend?reason=lunch",
            "approved" => "raiseEvent/approval",
            _ => continue,
        };
        assert_eq!(
            app.request("POST", &format!("{INSTANCES}/{id}/{operation}"), "true").0,
            202
        );
        app.poll(&format!("{INSTANCES}/{id}"), |status| {
            ["Terminated", "Suspended", "Completed"].contains(&status["runtimeStatus"].as_str().unwrap_or_default())
        });
        save(&app, &id, &saved);
    }
    save(&app, "event_with_timeout-waiting", &saved);
    start("timer", "timer-waiting", "60000000");
    app.poll(&format!("{INSTANCES}/timer-waiting"), |status| {
        status["runtimeStatus"] == "Running"
    });
    save(&app, "timer-waiting", &saved);
    for (orchestration, ..) in table(&readme) {
        app.status(orchestration);
        save(&app, orchestration, &saved);
    }
    let listed = on_the_example(&["durable", "get-instances", "--port", &app.port.to_string()]);
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert!(listed.as_array().unwrap().len() >= 13, "{listed}");
    let status = [
        "durable",
        "get-runtime-status",
        "sequence",
        "--url",
        &format!("http://127.0.0.1:{}", app.port),
    ];
    let status: Value = serde_json::from_slice(&on_the_example(&status).stdout).unwrap();
    assert_eq!(status["runtimeStatus"], "Completed");
    let nobody = on_the_example(&["durable", "get-history", "nobody", "--port", &app.port.to_string()]);
    assert_eq!(nobody.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("there is no instance `nobody`"));
    drop(app);

    let (code, lines, errors) = replay(&saved);
    assert_eq!(code, Some(0), "{lines}{errors}");
    assert_eq!(lines.lines().count(), fs::read_dir(&saved).unwrap().count(), "{lines}");
    assert!(
        lines
            .lines()
            .all(|line| line.starts_with("agrees ") && !line.contains("note:")),
        "{lines}"
    );

    let (code, lines, errors) = replay(&example().join("histories"));
    assert_eq!(code, Some(0), "{lines}{errors}");

    // At the end of every turn: an instance could have been in flight there when the code changed.
    let turns = folder.path().join("turns");
    fs::create_dir(&turns).unwrap();
    for entry in fs::read_dir(&saved).unwrap() {
        let path = entry.unwrap().path();
        let mut history: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        while let Some(last) = history["history"].as_array_mut().unwrap().pop() {
            if last["EventType"] == 13 {
                let events = history["history"].as_array().unwrap().len();
                let name = format!("{}-{events}.json", path.file_stem().unwrap().to_str().unwrap());
                fs::write(turns.join(name), history.to_string()).unwrap();
            }
        }
    }
    let (code, lines, errors) = replay(&turns);
    assert_eq!(code, Some(0), "{lines}{errors}");
    assert!(lines.lines().count() > 30, "{lines}");

    // What an app did that called something else: the line of the call that contradicts it is named.
    let changed = folder.path().join("changed");
    fs::create_dir(&changed).unwrap();
    let text = fs::read_to_string(saved.join("sequence.json")).unwrap();
    fs::write(changed.join("renamed.json"), text.replace("\"say_hello\"", "\"greet\"")).unwrap();
    fs::write(changed.join("same.json"), text).unwrap();
    let (code, lines, errors) = replay(&changed);
    assert_eq!(code, Some(3), "{lines}{errors}");
    assert!(
        lines.contains("renamed.json: ") && lines.contains("same.json: orchestration 'sequence'"),
        "{lines}"
    );
    let source = include_str!("../../../examples/durable-functions/src/functions/sequence.rs");
    let line = source
        .lines()
        .position(|line| line.contains("context.call::<say_hello>"))
        .unwrap()
        + 1;
    assert!(
        errors.contains("renamed.json") && errors.contains(&format!("sequence.rs:{line})")),
        "{errors}"
    );
}

#[test]
fn a_host_that_is_not_there_and_a_folder_without_histories_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |line: &str| {
        let output = cargo_func(folder.path(), line);
        assert_eq!(output.status.code(), Some(1), "{line}");
        String::from_utf8(output.stderr).unwrap()
    };
    // Taken, and free again.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let said = refused(&format!("durable get-history x --url http://127.0.0.1:{port}"));
    assert!(
        said.contains("no host answers at http://127.0.0.1:") && said.contains("cargo func run"),
        "{said}"
    );
    assert!(refused("durable get-instances --url https://localhost").contains("write http://HOST:PORT"));
    assert!(refused("replay").contains("there is no file `histories`"));
    fs::create_dir(folder.path().join("histories")).unwrap();
    assert!(refused("replay").contains("there is no history file (*.json) in `histories`"));
}
