//! The commands of the app's own binary.

use crate::process::{app_command_of, run_app};
use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    process::Output,
};

fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn functions_prints_the_metadata_of_every_function() {
    let output = run_app(&["functions"]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    // libtest writes a line of its own first.
    let functions: Value = serde_json::from_str(&text[text.find('[').unwrap()..]).unwrap();
    let echo = functions
        .as_array()
        .unwrap()
        .iter()
        .find(|f| f["name"] == "echo")
        .unwrap();
    assert!(echo["file"].as_str().unwrap().ends_with("functions.rs"));
    assert!(echo["line"].as_u64().unwrap() > 1);
    assert_eq!(echo["bindings"][0]["type"], "queueTrigger");
}

#[test]
fn help_goes_to_stdout() {
    let output = run_app(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("cargo func run") && text.contains("replay [NAME] PAYLOAD.json"),
        "{text}"
    );
}

/// What the command says; it must succeed.
fn init(root: &Path, more: &[&str]) -> Output {
    let mut arguments = vec!["init", "--script-root", root.to_str().unwrap()];
    arguments.extend(more);
    let output = run_app(&arguments);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    output
}

fn description(root: &Path) -> Value {
    json(&root.join("workers/native/worker.config.json"))["description"].clone()
}

/// The program that a host would start, whose script root this is: hosts expand environment variables.
fn program(root: &Path) -> PathBuf {
    let path = description(root)["defaultExecutablePath"].as_str().unwrap().to_owned();
    let path = path.replace("%AzureWebJobsScriptRoot%", root.to_str().unwrap());
    assert!(!path.contains('%'), "{path}");
    path.into()
}

fn function_json_files(root: &Path) -> usize {
    let folders = std::fs::read_dir(root).unwrap();
    folders
        .filter(|f| f.as_ref().unwrap().path().join("function.json").exists())
        .count()
}

#[test]
fn init_into_an_empty_folder_that_is_moved_leaves_all_paths_fitting() {
    let directory = tempfile::tempdir().unwrap();
    let (old, root) = (directory.path().join("old"), directory.path().join("elsewhere/new"));
    init(&old, &[]);
    std::fs::create_dir(directory.path().join("elsewhere")).unwrap();
    std::fs::rename(&old, &root).unwrap();

    let settings = json(&root.join("local.settings.json"));
    assert_eq!(settings["Values"]["FUNCTIONS_WORKER_RUNTIME"], "native");
    // Hosts expand nothing here, but the tools that read the file run in the script root.
    let workers = settings["Values"]["languageWorkers__native__workerDirectory"]
        .as_str()
        .unwrap();
    assert!(Path::new(workers).is_relative(), "{workers}");
    assert_eq!(
        root.join(workers).join("worker.config.json"),
        root.join("workers/native/worker.config.json")
    );
    assert!(root.join(workers).join("worker.config.json").exists());
    assert_eq!(json(&root.join("host.json"))["version"], "2.0");

    let program = program(&root);
    assert!(program.starts_with(&root), "{}", program.display());
    let output = app_command_of(&program, &["functions".to_owned()]).output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );

    for file in ["workers/native/worker.config.json", "local.settings.json", "host.json"] {
        let text = std::fs::read_to_string(root.join(file)).unwrap();
        let here = std::env::current_exe().unwrap();
        for path in [directory.path(), here.parent().unwrap()] {
            assert!(!text.contains(path.to_str().unwrap()), "{file}: {text}");
        }
    }
}

#[test]
fn init_names_a_program_that_lies_in_the_script_root_where_it_lies() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    std::fs::create_dir_all(root.join("target/debug")).unwrap();
    let app = root.join("target/debug/app");
    std::fs::copy(std::env::current_exe().unwrap(), &app).unwrap();
    let arguments = ["init".to_owned(), format!("--script-root={}", root.display())];
    let output = app_command_of(&app, &arguments).output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(
        description(root)["defaultExecutablePath"],
        "%AzureWebJobsScriptRoot%/target/debug/app"
    );
    assert!(!root.join("app").exists(), "no copy");
    assert_eq!(program(root), app);
}

#[test]
fn init_has_a_host_index_the_functions_or_read_function_json_but_not_both() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    std::fs::create_dir_all(root.join("gone")).unwrap();
    let ours = r#"{ "generatedBy": "azure-functions-rs" }"#;
    std::fs::write(root.join("gone/function.json"), ours).unwrap();
    std::fs::create_dir_all(root.join("theirs")).unwrap();
    std::fs::write(root.join("theirs/function.json"), r#"{ "bindings": [] }"#).unwrap();

    init(root, &[]);
    assert_eq!(description(root)["workerIndexing"], "true");
    assert_eq!(function_json_files(root), 1);
    assert!(!root.join("gone").exists() && root.join("theirs/function.json").exists());

    init(root, &["--function-json"]);
    assert_eq!(description(root)["workerIndexing"], Value::Null);
    assert!(function_json_files(root) > 10);
    let function = json(&root.join("echo/function.json"));
    assert_eq!(function["bindings"][0]["type"], "queueTrigger");
    let script = root.join("echo").join(function["scriptFile"].as_str().unwrap());
    // The host takes the language from its extension.
    assert!(script.exists() && script.extension().unwrap() == "rs");
    assert_eq!(description(root)["extensions"], serde_json::json!([".rs"]));

    init(root, &[]);
    assert_eq!(description(root)["workerIndexing"], "true");
    assert_eq!(function_json_files(root), 1, "theirs");
    assert!(!root.join("echo").exists());
}

/// Route prefix and task hub stay what they are under `cargo func run`.
#[test]
fn init_takes_the_host_json_of_the_app_that_it_is_run_beside() {
    let app = tempfile::tempdir().unwrap();
    std::fs::write(app.path().join("host.json"), r#"{ "version": "2.0", "mine": 1 }"#).unwrap();
    std::fs::write(
        app.path().join("local.settings.json"),
        r#"{ "Values": { "SECRET": "s" } }"#,
    )
    .unwrap();
    let arguments = ["init", "--script-root", "dist"].map(str::to_owned);
    let output = app_command_of(&std::env::current_exe().unwrap(), &arguments)
        .current_dir(app.path())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.contains("copied host.json to dist"), "{told}");
    let dist = app.path().join("dist");
    assert_eq!(json(&dist.join("host.json"))["mine"], 1);
    assert_eq!(json(&dist.join("local.settings.json"))["Values"]["SECRET"], Value::Null);
}

/// Without it, or one that the worker itself names, hosts refuse a worker.
#[test]
fn init_writes_the_version_of_the_runtime() {
    let root = tempfile::tempdir().unwrap();
    init(root.path(), &[]);
    let description = description(root.path());
    assert_eq!(description["language"], "native");
    let version = description["defaultRuntimeVersion"].as_str().unwrap();
    assert!(version.starts_with("1."), "{version}");
}

/// The Core Tools take `native` for Go.
#[test]
fn init_announces_the_worker_under_the_name_that_it_is_given() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    init(root, &["--runtime", "rust"]);
    let settings = &json(&root.join("local.settings.json"))["Values"];
    assert_eq!(settings["FUNCTIONS_WORKER_RUNTIME"], "rust");
    assert_eq!(settings["languageWorkers__rust__workerDirectory"], "workers/rust");
    let description = json(&root.join("workers/rust/worker.config.json"))["description"].clone();
    assert_eq!(description["language"], "rust");
    assert!(!root.join("workers/native").exists());
    for bad in ["", "../up", "a b"] {
        let arguments = ["init", "--script-root", root.to_str().unwrap(), "--runtime", bad];
        assert_eq!(run_app(&arguments).status.code(), Some(2), "{bad}");
    }
}

#[test]
fn init_keeps_settings_and_says_what_they_lack() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    let settings = r#"{ "IsEncrypted": false, "Values": { "MINE": "1", "FUNCTIONS_WORKER_RUNTIME": "dotnet" } }"#;
    std::fs::write(root.join("local.settings.json"), settings).unwrap();
    std::fs::write(root.join("host.json"), r#"{ "version": "2.0", "mine": 1 }"#).unwrap();
    let output = init(root, &[]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        told.contains("`FUNCTIONS_WORKER_RUNTIME` set to `native`")
            && told.contains("`languageWorkers__native__workerDirectory` set to `workers/native`"),
        "{told}"
    );
    assert_eq!(
        std::fs::read_to_string(root.join("local.settings.json")).unwrap(),
        settings
    );
    assert_eq!(json(&root.join("host.json"))["mine"], 1);

    std::fs::remove_file(root.join("local.settings.json")).unwrap();
    init(root, &[]);
    assert!(init(root, &[]).stderr.is_empty(), "its own settings lack nothing");
}

#[test]
fn init_takes_the_place_of_a_program_that_runs() {
    let root = tempfile::tempdir().unwrap();
    init(root.path(), &[]);
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = format!("http://{}/", silent.local_addr().unwrap());
    let arguments = ["--functions-uri", &host, "--functions-worker-id", "w"].map(str::to_owned);
    // It waits for a host that does not answer.
    let mut running = app_command_of(&program(root.path()), &arguments).spawn().unwrap();
    let _connection = silent.accept().unwrap();
    init(root.path(), &[]);
    running.kill().unwrap();
    running.wait().unwrap();
}

#[test]
fn init_says_what_it_cannot_write() {
    let root = tempfile::tempdir().unwrap();
    let name = std::env::current_exe().unwrap();
    std::fs::create_dir(root.path().join(name.file_name().unwrap())).unwrap();
    let output = run_app(&["init", "--script-root", root.path().to_str().unwrap()]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.starts_with("error: cannot copy this program to"), "{told}");
    for arguments in [
        &["init"][..],
        &["init", "--script-root"],
        &["init", "--script-root="],
        &["init", "--script-root", "a", "--script-root", "b"],
        &["init", "--script-root", "a", "--functions"],
    ] {
        assert_eq!(run_app(arguments).status.code(), Some(2), "{arguments:?}");
    }
}
