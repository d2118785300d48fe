//! A new function: one file of its own, and one line in the list of modules.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::binding_table::Binding;

use super::{
    crate_names::CrateNames,
    features::{self, FeatureError},
    fill, module_list,
    name::{FunctionName, NameError},
};

/// A function to write.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// Answers HTTP requests; `None` leaves the level to the host, which asks for a function key.
    Http { auth_level: Option<&'static str> },
    /// Runs on a schedule.
    Timer { schedule: String },
    /// A durable orchestration.
    Orchestration,
    /// A step of an orchestration.
    Activity,
    /// A durable entity.
    Entity,
    /// An HTTP function that starts orchestrations, as a durable client.
    Client,
    /// Started by a trigger that takes nothing but arguments of its binding, with these.
    Trigger {
        row: &'static Binding,
        arguments: Vec<(&'static str, String)>,
    },
}

/// The kind of a function that warms the app up, and the only name that a host starts one of.
pub(crate) const WARMUP: &str = "warmup";

impl Kind {
    /// The feature of the crate `azure-functions` that it needs.
    fn feature(&self) -> Option<&'static str> {
        match self {
            Self::Trigger { row, .. } if row.new == "mcp-tool" => Some("schemars"),
            _ => None,
        }
    }
}

/// Where the function went.
#[derive(Debug)]
pub(crate) struct Added {
    /// The function's file.
    pub(crate) file: PathBuf,
    /// The list of modules that names it now.
    pub(crate) list: PathBuf,
    /// The manifest, if a feature of the crate `azure-functions` was switched on there.
    pub(crate) manifest: Option<PathBuf>,
    /// The root of the crate, if it does not say `mod functions;`: nothing of the list is compiled then.
    pub(crate) unlisted: Option<PathBuf>,
}

/// Why there is no new function.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum FunctionError {
    #[error(
        "there is no app here: go to a folder made by `cargo func new-app`, or write `src/functions/mod.rs` and `mod functions;` in `src/main.rs`"
    )]
    NoApp,
    #[error("`{name}` is taken by `{}`: choose another name, or remove that file first", .file.display())]
    FileExists { name: String, file: PathBuf },
    #[error("`{name}` is taken: `{}` declares a module of that name; choose another", .file.display())]
    Declared { name: String, file: PathBuf },
    #[error("`{name}` is taken: `{}` defines a function of that name; choose another", .file.display())]
    Defined { name: String, file: PathBuf },
    #[error(transparent)]
    Name(#[from] NameError),
    #[error(
        "a host starts a function with this trigger only if it is called `warmup`, and `{0}` never: leave the name out"
    )]
    Warmup(String),
    #[error(transparent)]
    Feature(#[from] FeatureError),
    #[error("`{}` could not be read", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("`{}` could not be written", .path.display())]
    Write { path: PathBuf, source: io::Error },
}

/// Adds a function to the app that `folder`, the current one, is in.
pub(crate) fn add(folder: &Path, name: &FunctionName, kind: &Kind) -> Result<Added, FunctionError> {
    if matches!(kind, Kind::Entity) {
        name.check_entity()?;
    }
    if let Kind::Trigger { row, .. } = kind
        && row.new == WARMUP
        && !name.name.eq_ignore_ascii_case(WARMUP)
    {
        return Err(FunctionError::Warmup(name.name.clone()));
    }
    let functions = folder
        .ancestors()
        .map(|app| app.join("src").join("functions"))
        .find(|functions| functions.join("mod.rs").is_file())
        .ok_or(FunctionError::NoApp)?;
    // Messages read better with paths as the user would type them.
    let functions = functions
        .strip_prefix(folder)
        .map(Path::to_path_buf)
        .unwrap_or(functions);
    let list = functions.join("mod.rs");
    let modules = read(&list)?;
    let file = functions.join(&name.identifier).with_extension("rs");
    check_free(&functions, &list, &modules, &file, name)?;
    if matches!(kind, Kind::Orchestration) {
        let step: FunctionName = step(name).parse()?;
        let file = functions.join(&step.identifier).with_extension("rs");
        check_free(&functions, &list, &modules, &file, &step)?;
    }
    let crates = CrateNames::of(app_folder(&functions));

    let mut new = fs::File::create_new(&file).map_err(|source| FunctionError::Write {
        path: file.clone(),
        source,
    })?;
    let written = new
        .write_all(text(name, kind, &crates, test_host(&functions)).as_bytes())
        .map_err(|source| FunctionError::Write {
            path: file.clone(),
            source,
        })
        .and_then(|()| {
            fs::write(&list, module_list::with_module(&modules, &name.identifier)).map_err(|source| {
                FunctionError::Write {
                    path: list.clone(),
                    source,
                }
            })
        });
    if let Err(error) = written {
        // A file that the app does not name would only be in the way of the next try.
        drop(fs::remove_file(&file));
        return Err(error);
    }
    tidy(&file);
    let unlisted = unlisted(&functions);
    let manifest = match kind.feature() {
        Some(feature) => features::switch_on(app_folder(&functions), feature)?,
        None => None,
    };
    Ok(Added {
        file,
        list,
        manifest,
        unlisted,
    })
}

/// The app's folder, which has its manifest.
fn app_folder(functions: &Path) -> &Path {
    functions.parent().and_then(Path::parent).unwrap_or(Path::new(""))
}

/// `src/main.rs`, unless it or `src/lib.rs` declares the module whose folder is `functions`.
fn unlisted(functions: &Path) -> Option<PathBuf> {
    let source = functions.parent()?;
    let declared = ["main.rs", "lib.rs"].iter().any(|root| {
        let text = fs::read_to_string(source.join(root));
        text.is_ok_and(|text| module_list::declares(&text, "functions"))
    });
    (!declared).then(|| source.join("main.rs"))
}

/// How a test makes its host: with the states and layers of the app, where the crate has a function for that.
fn test_host(functions: &Path) -> &'static str {
    let has_app = functions.parent().is_some_and(|source| {
        ["main.rs", "lib.rs"].iter().any(|root| {
            let text = fs::read_to_string(source.join(root)).unwrap_or_default();
            module_list::declares(&text, "functions") && text.contains("fn app()")
        })
    });
    match has_app {
        true => "TestHost::builder().app(crate::app).build()",
        false => "TestHost::new()",
    }
}

/// Breaks the new file's lines where this app's `cargo fmt` would: that depends on the name's length and on the app's
/// `rustfmt.toml`. An app can live without, so a missing rustfmt is no reason to fail.
fn tidy(file: &Path) {
    let mut rustfmt = Command::new("rustfmt");
    rustfmt
        .args(["--quiet", "--edition", "2024"])
        .arg(file)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    drop(rustfmt.status());
}

fn check_free(
    functions: &Path,
    list: &Path,
    modules: &str,
    file: &Path,
    name: &FunctionName,
) -> Result<(), FunctionError> {
    let folder = functions.join(&name.identifier).join("mod.rs");
    for file in [file, &folder] {
        if file.exists() {
            return Err(FunctionError::FileExists {
                name: name.name.clone(),
                file: file.into(),
            });
        }
    }
    if module_list::declares(modules, &name.identifier) {
        return Err(FunctionError::Declared {
            name: name.name.clone(),
            file: list.into(),
        });
    }
    let siblings = fs::read_dir(functions).map_err(|source| FunctionError::Read {
        path: functions.into(),
        source,
    })?;
    for file in siblings.flatten().map(|entry| entry.path()) {
        if file.extension().is_some_and(|extension| extension == "rs") && defines(&read(&file)?, name) {
            return Err(FunctionError::Defined {
                name: name.name.clone(),
                file,
            });
        }
    }
    Ok(())
}

/// Whether a file holds a `#[func]` of this name. Good enough to warn early: the app itself refuses two of one name.
fn defines(source: &str, name: &FunctionName) -> bool {
    source.contains("#[func")
        && source.lines().map(str::trim_start).any(|line| {
            let function = ["pub ", "async "]
                .iter()
                .fold(line, |line, word| line.strip_prefix(word).unwrap_or(line));
            function
                .strip_prefix("fn ")
                .and_then(|rest| rest.strip_prefix(&name.identifier))
                .is_some_and(|rest| rest.starts_with(['(', '<']))
        })
}

fn read(path: &Path) -> Result<String, FunctionError> {
    fs::read_to_string(path).map_err(|source| FunctionError::Read {
        path: path.into(),
        source,
    })
}

/// The activity that comes with an orchestration.
fn step(orchestration: &FunctionName) -> String {
    format!("{}_step", orchestration.identifier)
}

fn text(name: &FunctionName, kind: &Kind, crates: &CrateNames, host: &str) -> String {
    let kind_of = match kind {
        Kind::Orchestration => Some("orchestration".to_owned()),
        Kind::Activity => Some("activity".to_owned()),
        Kind::Http { .. } | Kind::Timer { .. } | Kind::Entity | Kind::Client | Kind::Trigger { .. } => None,
    };
    let own_name = (name.name != name.identifier).then(|| format!("name = \"{}\"", name.name));
    let arguments: Vec<String> = kind_of.into_iter().chain(own_name).collect();
    let attribute = match arguments.is_empty() {
        true => "#[func]".to_owned(),
        false => format!("#[func({})]", arguments.join(", ")),
    };
    let (template, binding) = match kind {
        Kind::Http { auth_level } => {
            let binding = auth_level
                .map(|level| format!("#[binding(auth_level = \"{level}\")] "))
                .unwrap_or_default();
            (include_str!("files/function/http.rs.in"), binding)
        }
        Kind::Timer { schedule } => (
            include_str!("files/function/timer.rs.in"),
            format!("#[binding(schedule = \"{schedule}\")] "),
        ),
        Kind::Orchestration => (include_str!("files/function/orchestration.rs.in"), String::new()),
        Kind::Activity => (include_str!("files/function/activity.rs.in"), String::new()),
        Kind::Entity => return entity_text(name, crates),
        Kind::Client => (include_str!("files/function/client.rs.in"), String::new()),
        Kind::Trigger { row, arguments } => (trigger_template(row), binding_attribute(arguments)),
    };
    let tests = match kind {
        Kind::Http { .. } => include_str!("files/function/http_tests.rs.in"),
        Kind::Orchestration => include_str!("files/function/orchestration_tests.rs.in"),
        Kind::Client => include_str!("files/function/client_tests.rs.in"),
        _ => "",
    };
    let tests = match &crates.test_host {
        Some(test_host) => fill(
            tests,
            &[
                ("function", &name.identifier),
                ("host", host),
                ("name", &name.name),
                ("test_host", test_host),
            ],
        ),
        None => String::new(),
    };
    fill(
        template,
        &[
            ("attribute", &attribute),
            ("binding", &binding),
            ("crate", &crates.worker),
            ("function", &name.identifier),
            ("step", &step(name)),
            ("tests", &tests),
            ("type", &name.type_name()),
        ],
    )
}

/// The text for the trigger of a row of the table; each row with a kind of `cargo func new` has one.
fn trigger_template(row: &Binding) -> &'static str {
    match row.new {
        "queue" => include_str!("files/function/queue.rs.in"),
        "blob" => include_str!("files/function/blob.rs.in"),
        "event-grid" => include_str!("files/function/event_grid.rs.in"),
        "service-bus" => include_str!("files/function/service_bus.rs.in"),
        "event-hub" => include_str!("files/function/event_hub.rs.in"),
        "cosmos-db" => include_str!("files/function/cosmos_db.rs.in"),
        "sql" => include_str!("files/function/sql.rs.in"),
        WARMUP => include_str!("files/function/warmup.rs.in"),
        "kafka" => include_str!("files/function/kafka.rs.in"),
        "signalr" => include_str!("files/function/signalr.rs.in"),
        "mcp-tool" => include_str!("files/function/mcp_tool.rs.in"),
        "mcp-resource" => include_str!("files/function/mcp_resource.rs.in"),
        "mcp-prompt" => include_str!("files/function/mcp_prompt.rs.in"),
        _ => "",
    }
}

fn binding_attribute(arguments: &[(&str, String)]) -> String {
    if arguments.is_empty() {
        return String::new();
    }
    let arguments: Vec<_> = arguments
        .iter()
        .map(|(name, value)| format!("{name} = {value:?}"))
        .collect();
    format!("#[binding({})] ", arguments.join(", "))
}

fn entity_text(name: &FunctionName, crates: &CrateNames) -> String {
    let ty = name.type_name();
    // Task hubs know entities by their names in lower case.
    let attribute = if ty.eq_ignore_ascii_case(&name.name) {
        "#[entity]".to_owned()
    } else {
        format!("#[entity(name = \"{}\")]", name.name)
    };
    fill(
        include_str!("files/function/entity.rs.in"),
        &[
            ("attribute", &attribute),
            ("crate", &crates.worker),
            ("function", &name.identifier),
            ("type", &ty),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binding_table::{self, Argument, Fallback};

    fn crates(test_host: Option<&str>) -> CrateNames {
        CrateNames {
            worker: "azf".to_owned(),
            test_host: test_host.map(str::to_owned),
        }
    }

    #[test]
    fn a_function_whose_name_is_no_snake_case_keeps_it_by_attribute() {
        let text = text(
            &"HttpTrigger1".parse().unwrap(),
            &Kind::Http {
                auth_level: Some("anonymous"),
            },
            &crates(None),
            "",
        );
        let wanted = "#[func(name = \"HttpTrigger1\")]\npub async fn http_trigger1(#[binding(auth_level = \"anonymous\")] req: HttpRequest)";
        assert!(text.contains(wanted), "{text}");
    }

    #[test]
    fn an_entity_is_a_type_that_keeps_its_name_by_attribute_where_case_is_not_all() {
        let plain = text(&"counter".parse().unwrap(), &Kind::Entity, &crates(None), "");
        assert!(plain.contains("#[entity]\nimpl Counter {"), "{plain}");
        let named = text(&"gift_list".parse().unwrap(), &Kind::Entity, &crates(None), "");
        assert!(
            named.contains("#[entity(name = \"gift_list\")]\nimpl GiftList {"),
            "{named}"
        );
    }

    #[test]
    fn an_orchestration_comes_with_a_test_where_the_app_has_a_test_host() {
        let name = "Flow".parse().unwrap();
        let with = text(&name, &Kind::Orchestration, &crates(Some("host")), "a_host()");
        assert!(with.contains("let host = a_host();"), "{with}");
        assert!(with.contains("host.start(\"Flow\", \"you\")"), "{with}");
        assert!(with.contains("use host::testing::TestHost;"), "{with}");
        let without = text(&name, &Kind::Orchestration, &crates(None), "");
        assert!(without.ends_with("\n}\n") && !without.contains("TestHost"), "{without}");
    }

    #[test]
    fn every_function_uses_the_crate_by_the_name_that_the_app_gives_it() {
        let name = "flow".parse().unwrap();
        for kind in [
            Kind::Http { auth_level: None },
            Kind::Timer {
                schedule: "0 0 * * * *".to_owned(),
            },
            Kind::Orchestration,
            Kind::Activity,
            Kind::Entity,
            Kind::Client,
        ] {
            let without = text(&name, &kind, &crates(None), "");
            assert!(
                without.contains("use azf::") && !without.contains("azure_functions"),
                "{without}"
            );
            let with = text(&name, &kind, &crates(Some("host")), "TestHost::new()");
            assert!(with.contains("#[test]"), "{with}");
        }
    }

    #[test]
    fn a_warmup_function_has_the_name_that_hosts_start() {
        let app = tempfile::tempdir().unwrap();
        let functions = app.path().join("src/functions");
        fs::create_dir_all(&functions).unwrap();
        fs::write(functions.join("mod.rs"), "").unwrap();
        let kind = Kind::Trigger {
            row: &binding_table::WARMUP_TRIGGER,
            arguments: Vec::new(),
        };
        let add = |name: &str| add(app.path(), &name.parse().unwrap(), &kind);
        assert!(matches!(add("prepare"), Err(FunctionError::Warmup(name)) if name == "prepare"));
        assert!(!matches!(add("Warmup"), Err(FunctionError::Warmup(_))));
    }

    #[test]
    fn every_kind_of_the_table_has_a_template_with_a_first_test() {
        for row in binding_table::BINDINGS.iter().filter(|row| !row.new.is_empty()) {
            let template = trigger_template(row);
            assert!(
                template.contains("#[test]") && template.contains("{binding}"),
                "{}",
                row.new
            );
            let needed = |argument: &&Argument| argument.required && argument.fallback == Fallback::None;
            for argument in row.arguments.iter().filter(needed) {
                assert!(!argument.example.is_empty(), "{}: {}", row.new, argument.name);
            }
        }
    }

    #[test]
    fn an_orchestration_comes_with_its_first_activity_and_calls_it() {
        let text = text(&"Flow".parse().unwrap(), &Kind::Orchestration, &crates(None), "");
        assert!(text.contains("context.call::<flow_step>(input).await?"), "{text}");
        assert!(
            text.contains("#[func(activity)]\npub fn flow_step(name: String) -> String"),
            "{text}"
        );
    }

    #[test]
    fn the_test_of_an_orchestration_takes_the_app_where_there_is_one() {
        let app = tempfile::tempdir().unwrap();
        let functions = app.path().join("src/functions");
        fs::create_dir_all(&functions).unwrap();
        let with = |text: &str| {
            fs::write(app.path().join("src/main.rs"), text).unwrap();
            test_host(&functions)
        };
        assert_eq!(with("mod functions;\nfn main() {}\n"), "TestHost::new()");
        let whole = include_str!("files/app/main.rs.in");
        assert_eq!(with(whole), "TestHost::builder().app(crate::app).build()");
    }

    #[test]
    fn functions_in_other_files_are_found() {
        let flow = "flow".parse().unwrap();
        assert!(defines("#[func]\npub async fn flow(c: C) {}", &flow));
        assert!(defines("#[func]\nfn flow<T>() {}", &flow));
        assert!(!defines("#[func]\npub fn flower() {} // fn flow()", &flow));
        assert!(!defines("fn flow() {}", &flow));
    }
}
