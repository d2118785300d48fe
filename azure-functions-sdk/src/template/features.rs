//! Features of the crate `azure-functions` in an app's manifest, switched on in place; the rest of the file stays as it is.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use toml_edit::{Array, DocumentMut, InlineTable, Item, TableLike, Value, value};

/// The feature was not switched on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum FeatureError {
    #[error("the function was written, but `{}` cannot be read: switch the feature `{feature}` of azure-functions on there", .file.display())]
    Read {
        file: PathBuf,
        feature: &'static str,
        source: io::Error,
    },
    #[error("the function was written, but `{}` could not be: switch the feature `{feature}` of azure-functions on there", .file.display())]
    Write {
        file: PathBuf,
        feature: &'static str,
        source: io::Error,
    },
}

/// Switches a feature on. The manifest if it was changed; none if there is nothing to change, or no dependency to be found: the
/// compiler tells what is missing.
pub(super) fn switch_on(app: &Path, feature: &'static str) -> Result<Option<PathBuf>, FeatureError> {
    let file = app.join("Cargo.toml");
    let text = match fs::read_to_string(&file) {
        Ok(text) => text,
        // An app without one does not build, whatever is switched on.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(FeatureError::Read { file, feature, source }),
    };
    let Some(changed) = changed(&text, feature) else {
        return Ok(None);
    };
    match fs::write(&file, changed) {
        Ok(()) => Ok(Some(file)),
        Err(source) => Err(FeatureError::Write { file, feature, source }),
    }
}

fn changed(text: &str, feature: &str) -> Option<String> {
    let mut manifest: DocumentMut = text.parse().ok()?;
    let dependencies = manifest.get_mut("dependencies")?.as_table_like_mut()?;
    let is_ours = |(key, item): &(&str, &Item)| {
        let package = item.get("package").and_then(Item::as_str);
        package.unwrap_or(key) == "azure-functions"
    };
    let key = dependencies.iter().find(is_ours)?.0.to_owned();
    let dependency = dependencies.get_mut(&key)?;
    if let Some(version) = dependency.as_str().map(str::to_owned) {
        let mut table = InlineTable::new();
        table.insert("version", version.into());
        let mut table = Value::from(table);
        // A comment behind it stays.
        if let Some(before) = dependency.as_value() {
            *table.decor_mut() = before.decor().clone();
        }
        *dependency = Item::Value(table);
    }
    let table: &mut dyn TableLike = dependency.as_table_like_mut()?;
    if table.get("features").is_none() {
        table.insert("features", value(Array::new()));
    }
    let features = table.get_mut("features")?.as_array_mut()?;
    if features.iter().any(|known: &Value| known.as_str() == Some(feature)) {
        return None;
    }
    features.push(feature);
    let changed = manifest.to_string();
    // `toml_edit` ends all lines with a line feed alone.
    Some(match text.contains("\r\n") {
        true => changed.replace("\r\n", "\n").replace('\n', "\r\n"),
        false => changed,
    })
}

#[cfg(test)]
mod tests {
    use super::{FeatureError, changed, switch_on};

    #[test]
    fn a_feature_is_switched_on_however_the_dependency_is_written() {
        let on = |text: &str| changed(text, "schemars");
        for (before, after) in [
            (
                "[dependencies]\nazure-functions = \"0.12\" # the worker\n",
                "[dependencies]\nazure-functions = { version = \"0.12\", features = [\"schemars\"] } # the worker\n",
            ),
            (
                "[dependencies]\nazf = { path = \"x\", package = \"azure-functions\", features = [\"tracing\"] }\n",
                "[dependencies]\nazf = { path = \"x\", package = \"azure-functions\", features = [\"tracing\", \"schemars\"] }\n",
            ),
            (
                "[dependencies.azure-functions]\npath = \"x\"\n",
                "[dependencies.azure-functions]\npath = \"x\"\nfeatures = [\"schemars\"]\n",
            ),
            (
                "[dependencies]\nazure-functions.workspace = true\n",
                "[dependencies]\nazure-functions.workspace = true\nazure-functions.features = [\"schemars\"]\n",
            ),
        ] {
            let found = on(before).unwrap_or_default();
            assert_eq!(found.replace("\"  #", "\" #"), after);
            assert_eq!(on(&found), None, "once is enough");
        }
        assert_eq!(
            on("[dependencies]\r\nazure-functions = \"0.12\"\r\n").as_deref(),
            Some("[dependencies]\r\nazure-functions = { version = \"0.12\", features = [\"schemars\"] }\r\n")
        );
        for none in ["", "no manifest", "[dependencies]\nserde = \"1\"\n"] {
            assert_eq!(on(none), None);
        }
    }
    #[test]
    fn a_manifest_that_cannot_be_read_is_an_error_and_stays() {
        let app = tempfile::tempdir().unwrap();
        assert!(matches!(switch_on(app.path(), "schemars"), Ok(None)));
        let file = app.path().join("Cargo.toml");
        std::fs::write(&file, b"[dependencies]\nazure-functions = \"\xff\"\n").unwrap();
        let error = switch_on(app.path(), "schemars").unwrap_err();
        assert!(matches!(&error, FeatureError::Read { .. }), "{error}");
    }
}
