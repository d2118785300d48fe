//! `init --script-root DIR`: what a host of another vendor needs on disk. The directory can be moved and copied as a whole.
//!
//! The program itself has to lie in the directory, and is copied there if it does not. Hosts put the value of an environment
//! variable for `%NAME%` in `defaultExecutablePath`, and every host knows the directory as `AzureWebJobsScriptRoot`; a relative
//! path they look up in their own directories (`ExpandEnvironmentVariables` in WorkerDescription.cs). Nothing is expanded in
//! `languageWorkers__NAME__workerDirectory`, by which the worker is announced, but the Core Tools, who alone read
//! local.settings.json, make the script root their working directory (ConsoleApp.cs).
//!
//! Settings that exist are kept: `host.json` and `local.settings.json` belong to the app's author. A directory without `host.json`
//! gets the one of the current directory, which is the app's when `init` runs beside its `Cargo.toml`: route prefix and task hub
//! are then the same there. Its `local.settings.json` may hold secrets, and is not copied. What is made from the code is written anew, and folders of functions that are gone are removed if nothing else is in them.
//!
//! Hosts know the worker under the name of a runtime: `native`, as on Azure, unless `--runtime` gives another one. The Core Tools take
//! `native` for Go, and want a name of their own.
//!
//! Hosts ask the worker for its functions (worker indexing), or read a `function.json` of each, but not both: of an app that has
//! both they warn that it is a mixed one, of which some functions may be missing.

use super::failure::{Failure, print};
use crate::{
    durable::Wire,
    functions::{self, Functions},
    registry::Function,
    runtime::VERSION,
};
use serde_json::{Value, json};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Marks what is ours to rewrite or remove.
const GENERATED_BY: &str = "azure-functions-rs";
const SCRIPT: &str = "placeholder.rs";
/// What hosts replace by the directory.
const SCRIPT_ROOT: &str = "%AzureWebJobsScriptRoot%";
/// The runtime of Azure that starts a compiled program.
const RUNTIME: &str = "native";
const RUNTIME_SETTING: &str = "FUNCTIONS_WORKER_RUNTIME";

/// Nothing, or not everything, was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
enum InitError {
    #[error("cannot find the path of this program: {0}")]
    Program(#[source] io::Error),
    #[error("cannot write {}: {source}", .path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot copy this program to {}: {source}", .path.display())]
    Copy { path: PathBuf, source: io::Error },
    #[error("the path of this program, {}, is not Unicode, which worker.config.json must be: move it", .0.display())]
    NotUnicode(PathBuf),
    #[error("the folder of the function `{0}` would lie where this program does: give one of them another name")]
    NameTaken(&'static str),
}

struct Options<'a> {
    root: &'a Path,
    function_json: bool,
    /// Under which hosts know the worker.
    runtime: &'a str,
    /// What the host is asked for.
    wire: Wire,
}

impl<'a> Options<'a> {
    fn parse(arguments: &[&'a str], wire: Wire) -> Option<Self> {
        let (mut root, mut function_json, mut runtime) = (None, false, RUNTIME);
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match (*argument, argument.strip_prefix("--script-root=")) {
                ("--script-root", _) if root.is_none() => root = rest.next().copied(),
                (_, Some(given)) if root.is_none() => root = Some(given),
                ("--function-json", _) => function_json = true,
                ("--runtime", _) => runtime = rest.next().copied().filter(|name| is_runtime(name))?,
                _ => return None,
            }
        }
        let root = root.filter(|root| !root.is_empty())?;
        Some(Self {
            root: Path::new(root),
            function_json,
            runtime,
            wire,
        })
    }
}

/// Whether it can be part of a setting's name and of a path.
fn is_runtime(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|sign| sign.is_ascii_alphanumeric() || sign == b'-')
}

/// Where the worker's description lies below the script root.
fn worker_directory(runtime: &str) -> String {
    format!("workers/{runtime}")
}

/// The settings by which a host finds the worker.
fn worker_settings(runtime: &str) -> [(String, String); 2] {
    [
        (RUNTIME_SETTING.to_owned(), runtime.to_owned()),
        (
            format!("languageWorkers__{runtime}__workerDirectory"),
            worker_directory(runtime),
        ),
    ]
}

pub(super) fn run(app: &Functions, wire: Wire, arguments: &[&str]) -> Result<(), Failure> {
    let options = Options::parse(arguments, wire).ok_or_else(|| {
        Failure::usage("expected `init --script-root DIR`, and `--function-json` or `--runtime NAME` if need be")
    })?;
    write(app, &options).map_err(|error| Failure::work(error.to_string()))?;
    let asked = if options.function_json {
        "the host reads the function.json files"
    } else {
        "the host asks the program for its functions"
    };
    let _ = print(&format!("wrote {}: {asked}\n", options.root.display()));
    if let Some(note) = kept_settings(&options) {
        eprintln!("note: {note}");
    }
    Ok(())
}

fn write(app: &Functions, options: &Options<'_>) -> Result<(), InitError> {
    let root = options.root;
    create_dir(root)?;
    remove_stale(app, options)?;
    let program = place_program(root)?;
    let taken = |name: &str| options.function_json && name.eq_ignore_ascii_case(&program);
    if let Some(function) = app.functions().iter().find(|f| taken(f.name)) {
        return Err(InitError::NameTaken(function.name));
    }
    let workers = root.join(worker_directory(options.runtime));
    create_dir(&workers)?;
    write_json(&workers.join("worker.config.json"), &worker_config(&program, options))?;
    write_host_json(root)?;
    write_if_absent(&root.join("local.settings.json"), &local_settings(options.runtime))?;
    if options.function_json {
        for function in app.functions() {
            let folder = root.join(function.name);
            create_dir(&folder)?;
            write_function(&folder, function, options.wire)?;
        }
    }
    Ok(())
}

/// Where the program lies below the script root, with `/` between the parts; it is copied there unless it does.
fn place_program(root: &Path) -> Result<String, InitError> {
    let program = std::env::current_exe()
        .and_then(fs::canonicalize)
        .map_err(InitError::Program)?;
    let canonical_root = fs::canonicalize(root).map_err(|source| InitError::Write {
        path: root.to_owned(),
        source,
    })?;
    let place = match program.strip_prefix(&canonical_root) {
        Ok(place) => place.to_owned(),
        Err(_) => {
            let place = PathBuf::from(program.file_name().unwrap_or_default());
            let path = root.join(&place);
            copy(&program, &path).map_err(|source| InitError::Copy {
                path: path.clone(),
                source,
            })?;
            // The program is in place; a closed output changes nothing.
            let _ = print(&format!("copied this program to {}\n", path.display()));
            place
        }
    };
    let parts: Option<Vec<_>> = place.components().map(|part| part.as_os_str().to_str()).collect();
    parts.map(|parts| parts.join("/")).ok_or(InitError::NotUnicode(program))
}

/// Copies by way of a new file, because one that runs cannot be written to.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = to.with_file_name(name);
    let copied = fs::copy(from, &new).and_then(|_| fs::rename(&new, to));
    if copied.is_err() {
        // It may never have been there.
        let _ = fs::remove_file(&new);
    }
    copied
}

fn worker_config(program: &str, options: &Options<'_>) -> Value {
    let mut description = json!({
        "language": options.runtime,
        "extensions": [".rs"],
        "defaultExecutablePath": format!("{SCRIPT_ROOT}/{program}"),
        "defaultRuntimeVersion": VERSION,
    });
    if !options.function_json {
        description["workerIndexing"] = "true".into();
    }
    json!({ "description": description })
}

/// The app's own, if the script root has none and there is one here.
fn write_host_json(root: &Path) -> Result<(), InitError> {
    let path = root.join("host.json");
    let own = Path::new("host.json");
    if path.exists() || !own.is_file() {
        return write_if_absent(&path, &host_json());
    }
    fs::copy(own, &path).map_err(|source| InitError::Write {
        path: path.clone(),
        source,
    })?;
    let _ = print(&format!("copied host.json to {}\n", path.display()));
    Ok(())
}

fn host_json() -> Value {
    json!({
        "version": "2.0",
        "logging": { "logLevel": { "default": "Information" } },
        "extensionBundle": { "id": "Microsoft.Azure.Functions.ExtensionBundle", "version": "[4.*, 5.0.0)" },
    })
}

fn local_settings(runtime: &str) -> Value {
    let mut values = json!({ "AzureWebJobsStorage": "UseDevelopmentStorage=true" });
    for (name, value) in worker_settings(runtime) {
        values[name] = value.into();
    }
    json!({ "IsEncrypted": false, "Values": values })
}

/// What local.settings.json, which was there before, lacks for a host to find the worker.
fn kept_settings(options: &Options<'_>) -> Option<String> {
    let text = fs::read_to_string(options.root.join("local.settings.json")).ok()?;
    let settings: Value = serde_json::from_str(&text).unwrap_or_default();
    let missing: Vec<_> = worker_settings(options.runtime)
        .into_iter()
        .filter(|(name, value)| settings["Values"][name] != **value)
        .map(|(name, value)| format!("`{name}` set to `{value}`"))
        .collect();
    (!missing.is_empty()).then(|| {
        format!(
            "local.settings.json is kept as it is; a host finds the worker with {}",
            missing.join(" and ")
        )
    })
}

fn write_function(folder: &Path, function: &Function, wire: Wire) -> Result<(), InitError> {
    let (bindings, file) = (functions::bindings(function, wire), function.file);
    // The host takes the language from the script's extension and wants the file to exist, but never opens it.
    let script = folder.join(SCRIPT);
    fs::write(
        &script,
        format!("// The function is compiled into the app; its source is {file}.\n"),
    )
    .map_err(|source| InitError::Write { path: script, source })?;
    let mut description = json!({ "generatedBy": GENERATED_BY, "scriptFile": SCRIPT, "bindings": bindings });
    if let Some(policy) = &function.retry {
        description["retry"] = policy.json();
    }
    write_json(&folder.join("function.json"), &description)
}

/// Removes the folders that no longer say what the app has: only those that we wrote, and only what we wrote in them.
fn remove_stale(app: &Functions, options: &Options<'_>) -> Result<(), InitError> {
    let entries = fs::read_dir(options.root).map_err(|source| InitError::Write {
        path: options.root.to_owned(),
        source,
    })?;
    for folder in entries.filter_map(Result::ok).map(|e| e.path()) {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let stays = options.function_json && app.functions().iter().any(|f| f.name == name);
        if stays || !is_generated(&folder) {
            continue;
        }
        for file in ["function.json", SCRIPT] {
            let file = folder.join(file);
            match fs::remove_file(&file) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(InitError::Write { path: file, source });
                }
                _ => {}
            }
        }
        // Fails if something else is in there, which then stays.
        let _ = fs::remove_dir(&folder);
        let _ = print(&format!("removed {}, which `init` wrote before\n", folder.display()));
    }
    Ok(())
}

fn is_generated(folder: &Path) -> bool {
    let text = fs::read_to_string(folder.join("function.json")).unwrap_or_default();
    let json: Value = serde_json::from_str(&text).unwrap_or_default();
    json["generatedBy"] == GENERATED_BY
}

fn create_dir(path: &Path) -> Result<(), InitError> {
    fs::create_dir_all(path).map_err(|source| InitError::Write {
        path: path.to_owned(),
        source,
    })
}

fn write_if_absent(path: &Path, value: &Value) -> Result<(), InitError> {
    if path.exists() {
        return Ok(());
    }
    write_json(path, value)
}

fn write_json(path: &Path, value: &Value) -> Result<(), InitError> {
    fs::write(path, format!("{value:#}\n")).map_err(|source| InitError::Write {
        path: path.to_owned(),
        source,
    })
}
