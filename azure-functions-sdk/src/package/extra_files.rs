//! The files of an app that go into its package besides `host.json` and the program: those that `.funcignore` lets in.
//!
//! The file has the syntax of `.gitignore`, as the Core Tools read it. An app in Rust is its program, so all else is ignored to begin
//! with, and a line with `!` takes something in: `!/templates` a folder, `!/rates.csv` a file.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::contents::{ExtraFile, PROGRAM};

const NAME: &str = ".funcignore";
/// What no package may have, whatever the file says: secrets and state of this machine, and what is made anew.
const NEVER: &[&str] = &[
    "local.settings.json",
    ".azure-functions",
    ".azure",
    ".git",
    "target",
    NAME,
];
/// The package has its own, which is the same file.
const HOST_JSON: &str = "host.json";

/// Why the files are not known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ExtraFilesError {
    #[error("`{}` cannot be read: mend this line", .file.display())]
    Pattern { file: PathBuf, source: ignore::Error },
    #[error("`{}` cannot be read", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("`{}` has a name that is not Unicode, which a zip cannot hold: rename it, or have .funcignore leave it out", .0.display())]
    NotUnicode(PathBuf),
    #[error("`{}` is neither a file nor a folder, so it cannot be packed: have .funcignore leave it out", .0.display())]
    NoFile(PathBuf),
    #[error("`{}` cannot be packed: `{PROGRAM}` is the program's own name in the package; rename it", .0.display())]
    Program(PathBuf),
}

/// The files of the app in this folder, sorted by name.
pub(crate) fn extra_files(folder: &Path) -> Result<Vec<ExtraFile>, ExtraFilesError> {
    let file = folder.join(NAME);
    let lines = match fs::read_to_string(&file) {
        Ok(lines) => lines,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(ExtraFilesError::Read { path: file, source }),
    };
    let pattern = |source| ExtraFilesError::Pattern {
        file: file.clone(),
        source,
    };
    let mut rules = GitignoreBuilder::new(folder);
    for line in std::iter::once("/*").chain(lines.trim_start_matches('\u{feff}').lines()) {
        rules.add_line(Some(file.clone()), line).map_err(pattern)?;
    }
    let mut found = Vec::new();
    collect(folder, "", &rules.build().map_err(pattern)?, &mut found)?;
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// The files without those that the package itself is written to, or that an earlier one has left there.
pub(crate) fn outside_of(mut files: Vec<ExtraFile>, output: &Path) -> Vec<ExtraFile> {
    // Where it is not there yet, nothing of it can be among them.
    if let Ok(output) = output.canonicalize() {
        files.retain(|file| {
            let path = file.path.canonicalize();
            !path.is_ok_and(|path| path.starts_with(&output))
        });
    }
    files
}

fn collect(folder: &Path, prefix: &str, rules: &Gitignore, found: &mut Vec<ExtraFile>) -> Result<(), ExtraFilesError> {
    let read = |source| ExtraFilesError::Read {
        path: folder.to_owned(),
        source,
    };
    for entry in fs::read_dir(folder).map_err(read)? {
        let entry = entry.map_err(read)?;
        let path = entry.path();
        let kind = entry.file_type().map_err(read)?;
        let is_folder = kind.is_dir();
        if rules.matched(&path, is_folder).is_ignore() {
            continue;
        }
        let Some(name) = entry.file_name().to_str().map(|name| format!("{prefix}{name}")) else {
            return Err(ExtraFilesError::NotUnicode(path));
        };
        // In any folder and any case: file systems that do not tell cases apart would let them in otherwise.
        let own_name = &name[prefix.len()..];
        if NEVER.iter().any(|never| never.eq_ignore_ascii_case(own_name)) || name == HOST_JSON {
            continue;
        }
        if name == PROGRAM {
            return Err(ExtraFilesError::Program(path));
        }
        // A link to a file is that file. One to a folder could lead in a circle.
        let is_file = kind.is_file() || kind.is_symlink() && fs::metadata(&path).is_ok_and(|linked| linked.is_file());
        if is_folder {
            collect(&path, &format!("{name}/"), rules, found)?;
        } else if is_file {
            found.push(ExtraFile { name, path });
        } else {
            return Err(ExtraFilesError::NoFile(path));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(lines: Option<&str>) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        for file in [
            "host.json",
            "local.settings.json",
            "Cargo.toml",
            "rates.csv",
            "src/main.rs",
            "templates/mail.html",
            "templates/old/mail.html",
            "target/release/app",
            ".git/config",
            "templates/Local.Settings.json",
            "templates/.git/config",
        ] {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        if let Some(lines) = lines {
            fs::write(folder.path().join(NAME), lines).unwrap();
        }
        let files = extra_files(folder.path()).unwrap();
        files.into_iter().map(|file| file.name).collect()
    }

    #[test]
    fn without_a_funcignore_there_are_none() {
        assert!(names(None).is_empty());
    }

    #[test]
    fn a_funcignore_as_the_core_tools_write_it_lets_nothing_in() {
        assert!(names(Some(".git*\n.vscode\nlocal.settings.json\ntest\n")).is_empty());
    }

    #[test]
    fn what_it_takes_in_is_there_but_for_what_it_leaves_out_again() {
        let lines = "\u{feff}!/rates.csv\n!/templates\n/templates/old\n";
        assert_eq!(names(Some(lines)), ["rates.csv", "templates/mail.html"]);
    }

    #[test]
    fn no_line_takes_in_secrets_or_builds() {
        let all = names(Some("!*\n"));
        assert_eq!(
            all,
            [
                "Cargo.toml",
                "rates.csv",
                "src/main.rs",
                "templates/mail.html",
                "templates/old/mail.html"
            ]
        );
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_and_what_has_the_program_s_name_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(NAME), "!/data\n!/app\n").unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("data")).unwrap();
        let error = extra_files(folder.path()).unwrap_err();
        assert!(matches!(error, ExtraFilesError::NoFile(_)), "{error}");
        fs::remove_file(folder.path().join("data")).unwrap();
        fs::create_dir(folder.path().join("app")).unwrap();
        let error = extra_files(folder.path()).unwrap_err();
        assert!(error.to_string().contains("the program's own name"), "{error}");
    }

    #[test]
    fn a_line_that_is_no_pattern_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(NAME), "!/a{b\n").unwrap();
        let error = extra_files(folder.path()).unwrap_err();
        assert!(error.to_string().contains(NAME), "{error}");
    }

    #[test]
    fn a_package_is_not_packed_into_itself() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("dist/container/app")).unwrap();
        for file in [
            "dist/app.zip",
            "dist/rates.csv",
            "dist/container/Dockerfile",
            "dist/container/app/app",
        ] {
            fs::write(folder.path().join(file), file).unwrap();
        }
        fs::write(folder.path().join(NAME), "!/dist\n").unwrap();
        let names = |output: &str| {
            let files = extra_files(folder.path()).unwrap();
            let files = outside_of(files, &folder.path().join("dist/..").join(output));
            files.into_iter().map(|file| file.name).collect::<Vec<_>>()
        };
        assert_eq!(
            names("dist/app.zip"),
            ["dist/container/Dockerfile", "dist/container/app/app", "dist/rates.csv"]
        );
        assert_eq!(names("dist/container"), ["dist/app.zip", "dist/rates.csv"]);
        assert_eq!(names("dist/new.zip").len(), 4);
    }
}
