//! The commands of the app's own binary.

use crate::process::run_app;
use serde_json::Value;

fn json(path: &std::path::Path) -> Value {
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

#[test]
fn init_writes_what_a_host_needs_and_keeps_settings() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    let settings = r#"{ "IsEncrypted": false, "Values": { "MINE": "1" } }"#;
    std::fs::write(root.join("local.settings.json"), settings).unwrap();
    std::fs::create_dir_all(root.join("gone")).unwrap();
    std::fs::write(
        root.join("gone/function.json"),
        r#"{ "generatedBy": "azure-functions-rs" }"#,
    )
    .unwrap();
    std::fs::create_dir_all(root.join("theirs")).unwrap();
    std::fs::write(root.join("theirs/function.json"), r#"{ "bindings": [] }"#).unwrap();
    let arguments = ["init", "--script-root", root.to_str().unwrap()];
    for _ in 0..2 {
        let output = run_app(&arguments);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    assert_eq!(json(&root.join("host.json"))["version"], "2.0");
    assert_eq!(
        std::fs::read_to_string(root.join("local.settings.json")).unwrap(),
        settings
    );
    let function = json(&root.join("echo/function.json"));
    assert_eq!(function["bindings"][0]["type"], "queueTrigger");
    assert!(
        root.join("echo")
            .join(function["scriptFile"].as_str().unwrap())
            .exists()
    );
    let worker = json(&root.join("workers/rust/worker.config.json"));
    assert_eq!(worker["description"]["language"], "rust");
    assert_eq!(worker["description"]["workerIndexing"], "true");
    let executable = worker["description"]["defaultExecutablePath"].as_str().unwrap();
    assert_eq!(std::path::Path::new(executable), std::env::current_exe().unwrap());
    assert!(!root.join("gone").exists() && root.join("theirs/function.json").exists());

    let fresh = tempfile::tempdir().unwrap();
    let path = fresh.path().join("new").to_str().unwrap().to_owned();
    assert_eq!(
        run_app(&["init", &format!("--script-root={path}")]).status.code(),
        Some(0)
    );
    let settings = json(&fresh.path().join("new/local.settings.json"));
    assert_eq!(settings["Values"]["FUNCTIONS_WORKER_RUNTIME"], "rust");
    let directory = settings["Values"]["languageWorkers__rust__workerDirectory"]
        .as_str()
        .unwrap();
    assert!(std::path::Path::new(directory).join("worker.config.json").exists());
}
