//! What an app calls the crates that new functions use: a manifest may give them other names.

use std::{fs, path::Path};

use toml_edit::{DocumentMut, Item, TableLike};

/// Names as they stand in a `use`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CrateNames {
    /// `azure-functions`.
    pub(super) worker: String,
    /// `azure-functions-sdk`, which has the test host; `None` if the app does not depend on it.
    pub(super) test_host: Option<String>,
}

impl CrateNames {
    /// Reads the manifest in the app's folder, and that of its workspace. Where there is nothing to be read, the crate has its own
    /// name: the compiler tells what is missing.
    pub(super) fn of(app: &Path) -> Self {
        // Also of the current folder, whose path is empty, the folders above are wanted.
        let app = std::path::absolute(Path::new(".").join(app)).unwrap_or_else(|_| app.to_owned());
        let manifest = read(&app);
        let workspace = || {
            app.ancestors()
                .filter_map(read)
                .find(|manifest| manifest.contains_key("workspace"))
        };
        let name = |tables: &[&str], package| {
            let manifest = manifest.as_ref()?;
            let inherited = |key: &str| renamed(workspace()?.get("workspace")?.get("dependencies")?.get(key)?);
            let tables = tables.iter().filter_map(|table| manifest.get(table)?.as_table_like());
            tables.flat_map(TableLike::iter).find_map(|(key, dependency)| {
                let is_inherited = dependency.get("workspace").and_then(Item::as_bool) == Some(true);
                let other = renamed(dependency).or_else(|| inherited(key).filter(|_| is_inherited));
                (other.as_deref().unwrap_or(key) == package).then(|| key.replace('-', "_"))
            })
        };
        Self {
            worker: name(&["dependencies"], "azure-functions").unwrap_or_else(|| "azure_functions".to_owned()),
            test_host: name(&["dev-dependencies", "dependencies"], "azure-functions-sdk"),
        }
    }
}

fn read(folder: &Path) -> Option<DocumentMut> {
    fs::read_to_string(folder.join("Cargo.toml")).ok()?.parse().ok()
}

/// The package of a dependency whose key is not its name.
fn renamed(dependency: &Item) -> Option<String> {
    dependency.get("package")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(app: &str, workspace: &str) -> (String, Option<String>) {
        let folder = tempfile::tempdir().unwrap();
        let member = folder.path().join("app");
        fs::create_dir(&member).unwrap();
        fs::write(member.join("Cargo.toml"), app).unwrap();
        fs::write(folder.path().join("Cargo.toml"), workspace).unwrap();
        let CrateNames { worker, test_host } = CrateNames::of(&member);
        (worker, test_host)
    }

    #[test]
    fn crates_are_called_as_the_manifest_calls_them() {
        let plain =
            "[dependencies]\nazure-functions = \"1\"\n[dev-dependencies.azure-functions-sdk]\nversion = \"1\"\n";
        assert_eq!(
            names(plain, ""),
            ("azure_functions".to_owned(), Some("azure_functions_sdk".to_owned()))
        );
        let renamed = "[dependencies]\nserde = \"1\"\nmy-azf = { version = \"1\", package = \"azure-functions\" }\n\
                       [dev-dependencies]\nhost = { package = \"azure-functions-sdk\", version = \"1\" }\n";
        assert_eq!(names(renamed, ""), ("my_azf".to_owned(), Some("host".to_owned())));
        let inherited = "[dependencies]\nazf.workspace = true\n";
        let workspace = "[workspace.dependencies]\nazf = { package = \"azure-functions\", path = \"x\" }\n";
        assert_eq!(names(inherited, workspace), ("azf".to_owned(), None));
        assert_eq!(names("no manifest", ""), ("azure_functions".to_owned(), None));
    }
}
