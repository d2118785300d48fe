//! `init --script-root DIR`: what a host of another vendor needs on disk.
//!
//! Settings that exist are kept: `host.json` and `local.settings.json` belong to the app's author. What is made from the code
//! is written anew, and folders of functions that are gone are removed if nothing else is in them.
//!
//! The worker is announced by directory, `languageWorkers__rust__workerDirectory`, with worker indexing; the folders with `function.json`
//! serve hosts that index themselves, and tools that look at them.

use super::Failure;
use crate::worker::{App, runtime::LANGUAGE};
use serde_json::{Map, Value, json};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Marks what is ours to rewrite or remove.
const GENERATED_BY: &str = "azure-functions-rs";
const SCRIPT: &str = "placeholder.rs";

pub(super) fn run(app: &App, arguments: &[&str]) -> Result<(), Failure> {
    let root = match arguments {
        ["--script-root", root] if !root.is_empty() => Path::new(root),
        [argument] if argument.starts_with("--script-root=") => Path::new(&argument["--script-root=".len()..]),
        _ => return Err(Failure::usage("expected `init --script-root DIR`")),
    };
    let executable =
        std::env::current_exe().map_err(|e| Failure::work(format!("cannot find the path of this program: {e}")))?;
    write(app, root, &executable)
        .map_err(|(path, error)| Failure::work(format!("cannot write {}: {error}", path.display())))
}

type WriteError = (PathBuf, io::Error);

fn write(app: &App, root: &Path, executable: &Path) -> Result<(), WriteError> {
    let workers = root.join("workers").join(LANGUAGE);
    create_dir(&workers)?;
    let worker = json!({
        "description": {
            "language": LANGUAGE,
            "extensions": [".rs"],
            "defaultExecutablePath": executable.to_string_lossy(),
            "workerIndexing": "true",
        },
    });
    write_json(&workers.join("worker.config.json"), &worker)?;
    let workers = std::path::absolute(&workers).unwrap_or(workers);
    write_if_absent(&root.join("host.json"), &host_json())?;
    write_if_absent(&root.join("local.settings.json"), &local_settings(&workers))?;
    remove_stale(app, root)?;
    for function in app.functions() {
        let folder = root.join(function.name);
        create_dir(&folder)?;
        write_function(&folder, &(function.bindings)(), function.file)?;
    }
    Ok(())
}

fn host_json() -> Value {
    json!({
        "version": "2.0",
        "logging": { "logLevel": { "default": "Information" } },
        "extensionBundle": { "id": "Microsoft.Azure.Functions.ExtensionBundle", "version": "[4.*, 5.0.0)" },
    })
}

fn local_settings(workers: &Path) -> Value {
    json!({
        "IsEncrypted": false,
        "Values": {
            "FUNCTIONS_WORKER_RUNTIME": LANGUAGE,
            "languageWorkers__rust__workerDirectory": workers.to_string_lossy(),
            "AzureWebJobsStorage": "UseDevelopmentStorage=true",
        },
    })
}

fn write_function(folder: &Path, bindings: &[Map<String, Value>], file: &str) -> Result<(), WriteError> {
    // The host takes the language from the script's extension and wants the file to exist, but never opens it.
    let script = folder.join(SCRIPT);
    fs::write(
        &script,
        format!("// The function is compiled into the app; its source is {file}.\n"),
    )
    .map_err(|e| (script, e))?;
    let function = json!({ "generatedBy": GENERATED_BY, "scriptFile": SCRIPT, "bindings": bindings });
    write_json(&folder.join("function.json"), &function)
}

/// Removes the folders of functions that the app no longer has: only those that we wrote, and only what we wrote in them.
fn remove_stale(app: &App, root: &Path) -> Result<(), WriteError> {
    let entries = fs::read_dir(root).map_err(|e| (root.to_owned(), e))?;
    for folder in entries.filter_map(Result::ok).map(|e| e.path()) {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        if app.functions().iter().any(|f| f.name == name) || !is_generated(&folder) {
            continue;
        }
        for file in ["function.json", SCRIPT] {
            let file = folder.join(file);
            match fs::remove_file(&file) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err((file, e)),
                _ => {}
            }
        }
        // Fails if something else is in there, which then stays.
        let _ = fs::remove_dir(&folder);
    }
    Ok(())
}

fn is_generated(folder: &Path) -> bool {
    let text = fs::read_to_string(folder.join("function.json")).unwrap_or_default();
    let json: Value = serde_json::from_str(&text).unwrap_or_default();
    json["generatedBy"] == GENERATED_BY
}

fn create_dir(path: &Path) -> Result<(), WriteError> {
    fs::create_dir_all(path).map_err(|e| (path.to_owned(), e))
}

fn write_if_absent(path: &Path, value: &Value) -> Result<(), WriteError> {
    if path.exists() {
        return Ok(());
    }
    write_json(path, value)
}

fn write_json(path: &Path, value: &Value) -> Result<(), WriteError> {
    fs::write(path, format!("{value:#}\n")).map_err(|e| (path.to_owned(), e))
}
