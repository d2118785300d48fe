//! What `new-app` and `new` write and refuse, and that a new app builds, lints clean, and passes its tests.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::{checkout, done, function_schema::Schema, refused, target};

fn app_with_all_kinds(folder: &Path) -> PathBuf {
    done(
        folder,
        &format!("new-app hello --vcs git --sdk-path {}", checkout().display()),
    );
    let app = folder.join("hello");
    done(&app, "new http greet --auth-level anonymous");
    done(&app, "new http -n HttpTrigger1");
    done(&app, "new timer tick");
    done(&app, "new orchestration -n flow");
    done(&app, "new activity say_hello");
    done(&app, "new entity gift_list");
    done(&app, "new client -n Starter");
    done(&app, "new service-bus take_message --queue-name letters");
    let given = [
        "http",
        "timer",
        "orchestration",
        "activity",
        "entity",
        "client",
        "service-bus",
    ];
    for kind in kinds(folder) {
        match kind.as_str() {
            kind if given.contains(&kind) => {}
            "warmup" => drop(done(&app, "new warmup")),
            kind => drop(done(&app, &format!("new {kind} take_{}", kind.replace('-', "_")))),
        }
    }
    app
}

/// The kinds of `cargo func new`, as it lists them.
fn kinds(folder: &Path) -> Vec<String> {
    let said = refused(folder, "new fax f", 2);
    let (_, list) = said.split_once("the subcommands are: ").unwrap();
    let list = list.lines().next().unwrap();
    list.split(", ").map(str::to_owned).collect()
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for entry in entries {
        if entry.file_name().is_some_and(|name| name == ".git") {
            continue;
        }
        if entry.is_dir() {
            files(&entry, found);
        } else {
            found.push(entry);
        }
    }
}

#[test]
fn a_new_app_and_its_functions_are_the_golden_ones() {
    let folder = tempfile::tempdir().unwrap();
    let app = app_with_all_kinds(folder.path());
    let mut found = Vec::new();
    files(&app, &mut found);
    let mut written = String::new();
    for file in found {
        let name = file
            .strip_prefix(&app)
            .unwrap()
            .display()
            .to_string()
            .replace('\\', "/");
        let text = fs::read_to_string(&file)
            .unwrap()
            .replace(&checkout().display().to_string(), "CHECKOUT");
        written += &format!("==== {name}\n{text}");
    }
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/new_app.golden");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&golden, &written).unwrap();
    }
    let wanted = fs::read_to_string(&golden).unwrap_or_default();
    assert!(
        written == wanted,
        "not what tests/cli/new_app.golden holds (BLESS=1 writes it anew):\n{written}"
    );
}

#[test]
fn a_new_app_with_azd_has_its_infrastructure_under_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let line = format!("new-app shop --azd --vcs none --sdk-path {}", checkout().display());
    done(folder.path(), &line);
    let app = folder.path().join("shop");
    let text = |file: &str| fs::read_to_string(app.join(file)).unwrap();
    assert!(
        text("azure.yaml").contains("name: shop\n") && text("azure.yaml").contains("--output target/func/shop.zip")
    );
    let workflow = text(".github/workflows/deploy.yml");
    assert!(workflow.contains("--src target/func/shop.zip") && workflow.contains("${{ vars.AZURE_CLIENT_ID }}"));
    assert!(text("infra/main.bicep").contains("module app 'app.bicep'"));
    assert!(text("infra/app.bicep").contains("'${storage.properties.primaryEndpoints.blob}${packages}'"));
    assert!(text("infra/main.parameters.json").contains("${AZURE_ENV_NAME}"));
}

#[test]
fn a_new_app_builds_lints_clean_and_passes_its_tests() {
    let folder = tempfile::tempdir().unwrap();
    let app = app_with_all_kinds(folder.path());
    // What `new activity` tells to write goes into what `new orchestration` wrote.
    let said = done(&app, "new activity shout");
    let (_, call) = said.split_once("next: ").unwrap();
    let flow = app.join("src/functions/flow.rs");
    let text = fs::read_to_string(&flow).unwrap();
    let (before, rest) = text.split_once("    let output = ").unwrap();
    let (_, after) = rest.split_once('\n').unwrap();
    fs::write(&flow, format!("{before}    {}\n{after}", call.trim())).unwrap();
    // The versions that this checkout was tested with, and what is built already of them.
    fs::copy(checkout().join("Cargo.lock"), app.join("Cargo.lock")).unwrap();
    let target = target();
    // And its tests pass: each function comes with one, and so does the app itself.
    let mut sources = Vec::new();
    files(&app.join("src"), &mut sources);
    let mut tests = 0;
    for source in sources {
        let count = fs::read_to_string(&source).unwrap().matches("#[test]").count();
        let is_function = !source.ends_with("mod.rs") && source.parent().unwrap().ends_with("functions");
        assert!(count > 0 || !is_function, "{}", source.display());
        tests += count;
    }
    for line in [
        "fmt --check",
        "clippy --quiet --all-targets -- -D warnings",
        "test --quiet",
        "run --quiet -- functions",
    ] {
        let output = Command::new(env!("CARGO"))
            .args(line.split(' '))
            .current_dir(&app)
            .env("CARGO_TARGET_DIR", target)
            .env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "cargo {line}: {text}");
        assert!(
            !line.starts_with("test") || text.contains(&format!("{tests} passed")),
            "cargo {line}: {text}"
        );
        if line.starts_with("run") {
            let functions: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
            let schema = Schema::read();
            let mistakes = functions
                .iter()
                .flat_map(|function| schema.mistakes(&function["bindings"]));
            let mistakes: Vec<_> = mistakes.collect();
            assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
            let types = functions
                .iter()
                .filter_map(|function| function["bindings"][0]["type"].as_str());
            let types: std::collections::BTreeSet<_> = types.collect();
            // One for each kind; `client` and `http` have the same.
            assert_eq!(types.len() + 1, kinds(folder.path()).len(), "{types:?}");
        }
    }
}

/// cargo warns of those of other packages, and passes over them.
#[test]
fn a_new_app_in_a_workspace_leaves_profiles_to_its_root() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("Cargo.toml");
    fs::write(&root, "[workspace]\nresolver = \"3\"\nmembers = []\n").unwrap();
    let new = format!("new-app inside --vcs none --sdk-path {}", checkout().display());
    done(folder.path(), &new);
    assert!(fs::read_to_string(&root).unwrap().contains(r#"members = ["inside"]"#));
    let manifest = fs::read_to_string(folder.path().join("inside/Cargo.toml")).unwrap();
    assert!(!manifest.contains("profile"), "{manifest}");
}

#[test]
fn a_folder_or_function_that_exists_is_never_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let app = app_with_all_kinds(folder.path());
    let before = fs::read_to_string(app.join("src/functions/mod.rs")).unwrap();

    assert!(refused(folder.path(), "new-app hello", 1).contains("`hello` exists already"));
    let taken = refused(&app, "new http say_hello", 1);
    assert!(
        taken.contains(
            &Path::new("src")
                .join("functions")
                .join("say_hello.rs")
                .display()
                .to_string()
        ),
        "{taken}"
    );
    assert!(refused(&app, "new http Flow", 1).contains("flow.rs"));
    assert!(refused(&app, "new activity flow_step", 1).contains("flow.rs` defines a function of that name"));
    assert!(!done(&app, "new activity pay_step").is_empty());
    assert!(refused(&app, "new orchestration pay", 1).contains("`pay_step` is taken"));
    let before = fs::read_to_string(app.join("src/functions/mod.rs")).unwrap_or(before);
    fs::write(app.join("src/functions/mod.rs"), before.clone() + "\nmod inline {}\n").unwrap();
    assert!(refused(&app, "new http inline", 1).contains("mod.rs` declares a module of that name"));
    fs::write(app.join("src/functions/flow.rs"), "#[func]\npub async fn other() {}\n").unwrap();
    assert!(refused(&app, "new activity other", 1).contains("flow.rs` defines a function of that name"));

    assert_eq!(
        fs::read_to_string(app.join("src/functions/mod.rs")).unwrap(),
        before + "\nmod inline {}\n"
    );
}

#[test]
fn what_keeps_an_app_from_working_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    assert!(done(folder.path(), "new-app --help").contains("without --sdk-path, the app cannot be built"));
    assert!(done(folder.path(), "new-app bare --vcs none").contains("again with `--sdk-path DIR`"));

    let app = folder.path().join("bare");
    let warning = "lacks the line `mod functions;`";
    assert!(!done(&app, "new timer tick --schedule 00:05:00").contains(warning));
    fs::write(app.join("src/main.rs"), "// mod functions;\nfn main() {}\n").unwrap();
    let said = done(&app, "new activity step");
    assert!(said.contains(warning), "{said}");
    fs::write(app.join("src/lib.rs"), "pub mod functions;\n").unwrap();
    assert!(!done(&app, "new activity other").contains(warning));
}

/// No host starts with two resources of one URI.
#[test]
fn two_new_resources_have_two_uris() {
    let folder = tempfile::tempdir().unwrap();
    let line = format!("new-app shop --vcs none --sdk-path {}", checkout().display());
    done(folder.path(), &line);
    let app = folder.path().join("shop");
    let uri = |line: &str, file: &str| {
        done(&app, line);
        let text = fs::read_to_string(app.join("src/functions").join(file)).unwrap();
        text.split('"').find(|part| part.contains("://")).unwrap().to_owned()
    };
    assert_eq!(uri("new mcp-resource terms", "terms.rs"), "docs://terms");
    assert_eq!(uri("new mcp-resource -n Prices", "prices.rs"), "docs://Prices");
    assert_eq!(
        uri("new mcp-resource page --uri docs://p/{page}", "page.rs"),
        "docs://p/{page}"
    );
    let mistake = refused(&app, "new mcp-resource two --uri docs://{a}/{A}", 2);
    assert!(mistake.contains("two variables of a URI"), "{mistake}");
}

#[test]
fn mistakes_get_one_sentence_with_the_fix() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |line, code| refused(folder.path(), line, code);
    assert!(refused("new http greet", 1).contains("there is no app here"));
    assert!(refused("new activity say-hello", 1).contains("`say_hello` would do"));
    assert!(refused("new activity match", 1).contains("`match_function` would do"));
    assert!(refused("new-app 1st", 1).contains("for example `app-1st`"));
    assert!(refused("new-app app --sdk-path nowhere", 1).contains("no `azure-functions` crate in `nowhere`"));
    assert!(!folder.path().join("app").exists());
    assert!(refused("new timer tick --schedule often", 2).contains("six fields"));
    assert!(refused("new timer tick --schedule 00:00:00", 2).contains("must be above zero"));
    assert!(refused("new queue take --queue-name my_queue", 2).contains("letters, digits and `-`"));
    assert!(refused("new signalr say --category message", 2).contains("write one of: messages, connections"));
    let fax = refused("new fax f", 2);
    assert!(fax.contains("unrecognized subcommand 'fax'"), "{fax}");
    assert!(
        fax.contains("the subcommands are: http, timer, orchestration, activity, entity, client, queue, blob, ")
            && fax.contains(", warmup, mcp-tool, mcp-resource, mcp-prompt\n"),
        "{fax}"
    );
    assert!(refused("new queue", 2).contains("<NAME>"));
    assert!(
        refused("rnu", 2)
            .contains("the subcommands are: new-app, new, run, invoke, replay, pack, durable, settings, host\n")
    );
    assert!(refused("settings delete", 2).contains("the subcommands are: add, list, remove\n"));
    assert!(refused("fly", 2).contains("Usage: cargo func"));
}

/// Who depends on the test host alone must not build SQLite, or the command line.
#[test]
fn the_test_host_needs_neither_sqlite_nor_the_command_line() {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "-p",
            "durable-functions",
            "-e",
            // Procedural macros run in the compiler: what they read manifests with is no part of the test.
            "normal,build,dev,no-proc-macro",
            "--prefix",
            "none",
            "--offline",
        ])
        .current_dir(checkout())
        .output()
        .unwrap();
    let tree = String::from_utf8(output.stdout).unwrap();
    let packages: Vec<_> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(packages.contains(&"azure-functions-sdk"), "{tree}");
    for unwanted in [
        "rusqlite",
        "libsqlite3-sys",
        "cc",
        "clap",
        "axum",
        "toml_edit",
        "tempfile",
    ] {
        assert!(!packages.contains(&unwanted), "{unwanted}: {tree}");
    }
}

#[test]
fn the_example_is_linted_as_a_new_app_is() {
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/template/files/app/clippy.toml.in");
    let example = checkout().join("examples/durable-functions/clippy.toml");
    assert_eq!(
        fs::read_to_string(example).unwrap(),
        fs::read_to_string(template).unwrap()
    );
}

/// What `#[func]` refuses, `cargo func new` and the local host refuse, and the other way round: they read schedules with the same code.
#[test]
fn macro_and_host_read_schedules_with_the_same_code() {
    let (codegen, sdk) = (
        checkout().join("azure-functions-codegen/src"),
        checkout().join("azure-functions-sdk/src"),
    );
    for (master, copy) in [
        ("schedule/expression.rs", "host/timers/expression.rs"),
        ("schedule/time_span.rs", "project/time_span.rs"),
    ] {
        assert_copy(&codegen.join(master), &sdk.join(copy));
    }
}

/// The local host cannot take it from the worker, on which it does not depend.
#[test]
fn worker_and_host_suggest_names_with_the_same_code() {
    assert_copy(
        &checkout().join("azure-functions/src/similar.rs"),
        &checkout().join("azure-functions-sdk/src/similar.rs"),
    );
}

/// What a binding is called and takes is written once.
#[test]
fn worker_macro_and_host_have_the_same_table_of_bindings() {
    for file in [".rs", "/argument.rs", "/binding.rs", "/wrong_name.rs"] {
        let master = checkout().join(format!("azure-functions/src/binding/table{file}"));
        for copy in [
            "azure-functions-codegen/src/table",
            "azure-functions-sdk/src/binding_table",
        ] {
            assert_copy(&master, &checkout().join(format!("{copy}{file}")));
        }
    }
}

/// A host does not start with an app that breaks one: neither the worker nor the local host may know less of them.
#[test]
fn worker_and_host_have_the_same_rules_for_mcp() {
    assert_copy(
        &checkout().join("azure-functions/src/bindings/mcp/rules.rs"),
        &checkout().join("azure-functions-sdk/src/host/mcp_rules.rs"),
    );
}

fn assert_copy(master: &Path, copy: &Path) {
    let wanted = fs::read_to_string(master).unwrap();
    if std::env::var_os("BLESS").is_some() {
        fs::write(copy, &wanted).unwrap();
    }
    assert!(
        fs::read_to_string(copy).unwrap() == wanted,
        "{} is not a copy of {} (BLESS=1 makes it one)",
        copy.display(),
        master.display()
    );
}

const RENAMED: &str = r#"
#![deny(warnings)]
//! An app that calls the crate `azf`.

use azf::prelude::*;
use serde::{Deserialize, Serialize};
use std::process::ExitCode;

#[derive(Debug, Serialize, Deserialize)]
struct Refused;

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("refused")
    }
}

impl std::error::Error for Refused {}

#[azf::event("paid")]
#[derive(Serialize, Deserialize)]
struct Paid(u32);

#[derive(Default, Serialize, Deserialize)]
struct Seats(u32);

#[azf::entity]
impl Seats {
    fn take(&mut self, seats: u32) -> Result<u32, String> {
        self.0 = self.0.checked_sub(seats).ok_or("sold out")?;
        Ok(self.0)
    }

    async fn left(&self) -> u32 {
        self.0
    }
}

#[azf::func]
fn ship(order: String) -> Result<ActivityOutput<String>, Refused> {
    if order.is_empty() { Err(Refused) } else { Ok(order.into()) }
}

#[azf::func]
async fn flow(context: DurableOrchestrationContext<String>) -> Result<OrchestrationOutput<String>, CallError> {
    context.wait_for::<Paid>().await?;
    context.entity::<Seats>("show").take(1).await?;
    Ok(context.call::<ship>(context.input()).await?.into())
}

#[azf::func]
async fn start(order: Json<String>, client: DurableOrchestrationClient) -> Result<HttpResponse, azf::FunctionError> {
    let id = client.start::<flow>(order.0).await.map_err(|error| azf::FunctionError::new(error.to_string()))?;
    Ok(id.into())
}

#[azf::func]
fn tick(#[binding(schedule = "0 */5 * * * *")] _timer: TimerInfo) {}

fn main() -> ExitCode {
    azf::worker_main()
}
"#;

#[test]
fn an_app_that_gives_the_crate_another_name_builds() {
    let folder = tempfile::tempdir().unwrap();
    let app = folder.path();
    let manifest = format!(
        "[package]\nname = \"renamed\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\nazf = {{ package = \"azure-functions\", \
         path = {:?} }}\nserde = {{ version = \"1\", features = [\"derive\"] }}\n",
        checkout().join("azure-functions")
    );
    fs::create_dir(app.join("src")).unwrap();
    fs::write(app.join("Cargo.toml"), manifest).unwrap();
    fs::write(app.join("src/main.rs"), RENAMED.trim_start()).unwrap();
    fs::copy(checkout().join("Cargo.lock"), app.join("Cargo.lock")).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["check", "--quiet"])
        .current_dir(app)
        .env("CARGO_TARGET_DIR", target())
        .env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.is_empty(), "{text}");
}
