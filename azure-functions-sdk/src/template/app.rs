//! A new app: what `cargo new` makes, turned into a function app.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use super::fill;

/// Files of a new app, with their texts; `{package}` is the name of its package.
const FILES: &[(&str, &str)] = &[
    ("src/main.rs", include_str!("files/app/main.rs.in")),
    ("src/functions/mod.rs", include_str!("files/app/mod.rs.in")),
    ("src/tests.rs", include_str!("files/app/tests.rs.in")),
    ("host.json", include_str!("files/app/host.json.in")),
    ("local.settings.json", include_str!("files/app/local.settings.json.in")),
    (".funcignore", include_str!("files/app/funcignore.in")),
    (".gitignore", include_str!("files/app/gitignore.in")),
    ("clippy.toml", include_str!("files/app/clippy.toml.in")),
    (".vscode/launch.json", include_str!("files/app/launch.json.in")),
    (".vscode/tasks.json", include_str!("files/app/tasks.json.in")),
    (".vscode/extensions.json", include_str!("files/app/extensions.json.in")),
];

/// What `--azd` adds: the resources on Azure, and how the app gets there.
const AZD_FILES: &[(&str, &str)] = &[
    ("azure.yaml", include_str!("files/azd/azure.yaml.in")),
    ("infra/main.bicep", include_str!("files/azd/main.bicep.in")),
    ("infra/app.bicep", include_str!("files/azd/app.bicep.in")),
    (
        "infra/main.parameters.json",
        include_str!("files/azd/main.parameters.json.in"),
    ),
    (".github/workflows/deploy.yml", include_str!("files/azd/deploy.yml.in")),
];

/// What the new app is like.
#[derive(Debug)]
pub(crate) struct AppOptions {
    /// Folder to make.
    pub(crate) path: PathBuf,
    /// Name of the package; `None` for the folder's.
    pub(crate) name: Option<String>,
    /// A checkout to take the crates from, instead of the registry.
    pub(crate) sdk_path: Option<PathBuf>,
    /// Version control system, in cargo's words; `None` leaves it to cargo.
    pub(crate) vcs: Option<&'static str>,
    /// With what the Azure Developer CLI takes.
    pub(crate) azd: bool,
}

/// Why there is no new app.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum AppError {
    #[error("`{}` exists already: choose another name, or remove it first", .0.display())]
    Exists(PathBuf),
    #[error(
        "`{name}` cannot name a package: use a letter, then letters, digits, `-`, and `_`, for example `{nearest}`"
    )]
    Name { name: String, nearest: String },
    #[error("there is no `azure-functions` crate in `{}`: --sdk-path takes the root of a checkout of Azure Functions for Rust", .0.display())]
    NoSdk(PathBuf),
    #[error("cargo could not be started: is it on the PATH?")]
    NoCargo(#[source] io::Error),
    #[error("`cargo new` refused: {0}")]
    Cargo(String),
    #[error("`{}` could not be written", .path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("`{}` is not what `cargo new` should have written", .path.display())]
    Manifest {
        path: PathBuf,
        source: toml_edit::TomlError,
    },
}

/// Makes the app; gives back the name of its package.
pub(crate) fn create(options: &AppOptions) -> Result<String, AppError> {
    let path = &options.path;
    let name = match &options.name {
        Some(name) => name.clone(),
        None => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
    };
    check_name(&name)?;
    if path.symlink_metadata().is_ok() {
        return Err(AppError::Exists(path.clone()));
    }
    let sdk = options.sdk_path.as_deref().map(checkout).transpose()?;
    cargo_new(options, &name)?;
    depend_on_the_sdk(&path.join("Cargo.toml"), sdk.as_deref())?;
    let azd = if options.azd { AZD_FILES } else { &[] };
    for (file, text) in FILES.iter().chain(azd) {
        write(&path.join(file), &fill(text, &[("package", &name)]))?;
    }
    Ok(name)
}

fn check_name(name: &str) -> Result<(), AppError> {
    let valid = name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name
            .chars()
            .all(|other| other.is_ascii_alphanumeric() || other == '-' || other == '_');
    if valid {
        return Ok(());
    }
    let kept: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' })
        .collect();
    let kept = kept.trim_matches('-');
    let nearest = match kept.chars().next() {
        None => "my-app".into(),
        Some(first) if first.is_ascii_alphabetic() => kept.into(),
        Some(_) => format!("app-{kept}"),
    };
    Err(AppError::Name {
        name: name.into(),
        nearest,
    })
}

/// The root of the checkout, as it can stand in a manifest.
fn checkout(root: &Path) -> Result<PathBuf, AppError> {
    let folder = std::path::absolute(root).unwrap_or_else(|_| root.into());
    // Without `.` and `..` where the system can tell, so that the manifest reads well; Windows would add a `\\?\`.
    let folder = if cfg!(windows) {
        folder
    } else {
        folder.canonicalize().unwrap_or(folder)
    };
    if folder.join("azure-functions").join("Cargo.toml").is_file() {
        Ok(folder)
    } else {
        Err(AppError::NoSdk(root.into()))
    }
}

/// cargo knows best about version control, and about the workspace that the app may land in.
fn cargo_new(options: &AppOptions, name: &str) -> Result<(), AppError> {
    let mut cargo = cargo();
    cargo.args(["new", "--quiet", "--bin", "--edition", "2024", "--name", name]);
    if let Some(vcs) = options.vcs {
        cargo.args(["--vcs", vcs]);
    }
    let output = cargo.arg("--").arg(&options.path).output().map_err(AppError::NoCargo)?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let text = text.trim();
    Err(AppError::Cargo(text.strip_prefix("error: ").unwrap_or(text).to_owned()))
}

fn depend_on_the_sdk(manifest: &Path, sdk: Option<&Path>) -> Result<(), AppError> {
    let text = fs::read_to_string(manifest).map_err(|source| AppError::Write {
        path: manifest.into(),
        source,
    })?;
    let mut document: toml_edit::DocumentMut = text.parse().map_err(|source| AppError::Manifest {
        path: manifest.into(),
        source,
    })?;
    let source = |name: &str| -> toml_edit::InlineTable {
        let mut table = toml_edit::InlineTable::new();
        match sdk {
            Some(checkout) => table.insert("path", checkout.join(name).to_string_lossy().as_ref().into()),
            None => table.insert("version", env!("CARGO_PKG_VERSION").into()),
        };
        table
    };
    let dependencies = &mut document["dependencies"];
    dependencies["azure-functions"] = match sdk {
        Some(_) => toml_edit::value(source("azure-functions")),
        None => toml_edit::value(env!("CARGO_PKG_VERSION")),
    };
    dependencies["log"] = toml_edit::value("0.4");
    let mut serde = toml_edit::InlineTable::new();
    serde.insert("version", "1.0".into());
    serde.insert("features", toml_edit::Array::from_iter(["derive"]).into());
    dependencies["serde"] = toml_edit::value(serde);
    dependencies["serde_json"] = toml_edit::value("1.0");
    // The test host alone, without the local host and the command line.
    let mut testing = source("azure-functions-sdk");
    testing.insert("default-features", false.into());
    testing.insert("features", toml_edit::Array::from_iter(["testing"]).into());
    let mut for_tests = toml_edit::Table::new();
    for_tests["azure-functions-sdk"] = toml_edit::value(testing);
    document["dev-dependencies"] = toml_edit::Item::Table(for_tests);
    // In a workspace, profiles are those of its root.
    if is_root(manifest) {
        let mut release = toml_edit::Table::new();
        release["codegen-units"] = toml_edit::value(1);
        release["lto"] = toml_edit::value(true);
        let comment = "\n# Slower to build; the program is smaller and takes less CPU time.\n";
        release.decor_mut().set_prefix(comment);
        let mut profiles = toml_edit::Table::new();
        profiles.set_implicit(true);
        profiles["release"] = toml_edit::Item::Table(release);
        document["profile"] = toml_edit::Item::Table(profiles);
    }
    write(manifest, &document.to_string())
}

/// Whether the package is in no workspace but its own, as far as cargo can tell.
fn is_root(manifest: &Path) -> bool {
    let mut cargo = cargo();
    cargo.args([
        "locate-project",
        "--workspace",
        "--message-format",
        "plain",
        "--manifest-path",
    ]);
    let Ok(output) = cargo.arg(manifest).output() else {
        return false;
    };
    let root = String::from_utf8_lossy(&output.stdout);
    let same = |root: &Path| Some(root.canonicalize().ok()? == manifest.canonicalize().ok()?);
    output.status.success() && same(Path::new(root.trim_end())) == Some(true)
}

fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

fn write(path: &Path, text: &str) -> Result<(), AppError> {
    let made = path.parent().map_or(Ok(()), fs::create_dir_all);
    made.and_then(|()| fs::write(path, text))
        .map_err(|source| AppError::Write {
            path: path.into(),
            source,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_package_names_are_refused_with_one_that_would_do() {
        for (bad, good) in [
            ("1st", "app-1st"),
            ("my app", "my-app"),
            ("", "my-app"),
            ("..", "my-app"),
        ] {
            let error = check_name(bad).unwrap_err().to_string();
            assert!(error.ends_with(&format!("`{good}`")), "{error}");
            check_name(good).unwrap();
        }
    }

    #[test]
    fn every_settings_file_of_a_new_app_is_json() {
        for (file, text) in FILES
            .iter()
            .chain(AZD_FILES)
            .filter(|(file, _)| file.ends_with(".json"))
        {
            serde_json::from_str::<serde_json::Value>(text).unwrap_or_else(|error| panic!("{file}: {error}"));
        }
    }

    /// No tool that reads Bicep is at hand here: what the platform must be told stands in it, and its parts name each other.
    #[test]
    fn the_app_on_azure_has_no_keys_and_the_stack_that_starts_an_executable() {
        let text = |name: &str| AZD_FILES.iter().find(|(file, _)| *file == name).unwrap().1;
        let (main, app) = (text("infra/main.bicep"), text("infra/app.bicep"));
        for part in [
            "name: 'go'\n        version: '1.0'",
            "docs/native-runtime-proposal.md",
            "tier: 'FlexConsumption'",
            "type: 'SystemAssignedIdentity'",
            "name: 'AzureWebJobsStorage__accountName'",
            "allowSharedKeyAccess: false",
        ] {
            assert!(app.contains(part), "{part}");
        }
        // The plan sets it, and refuses an app that does.
        assert!(
            !app.contains("FUNCTIONS_WORKER_RUNTIME") && !app.contains("listKeys"),
            "{app}"
        );
        for parameter in ["location", "tags", "suffix"] {
            assert!(app.contains(&format!("param {parameter} ")) && main.contains(&format!("    {parameter}: ")));
        }
        for output in ["AZURE_RESOURCE_GROUP", "AZURE_FUNCTION_APP"] {
            assert!(main.contains(&format!("output {output} string")));
            assert!(text("azure.yaml").contains(output) && text(".github/workflows/deploy.yml").contains(output));
        }
        assert!(text(".github/workflows/deploy.yml").contains("id-token: write"));
        for bicep in [main, app] {
            for (open, close) in [('{', '}'), ('[', ']'), ('(', ')')] {
                assert_eq!(bicep.matches(open).count(), bicep.matches(close).count(), "{open}");
            }
        }
    }

    #[test]
    fn secrets_and_state_are_kept_out_of_version_control() {
        let (_, ignored) = FILES.iter().find(|(file, _)| *file == ".gitignore").unwrap();
        for entry in ["/target", "local.settings.json", ".azure-functions/"] {
            assert!(ignored.lines().any(|line| line == entry), "{entry}");
        }
    }
}
