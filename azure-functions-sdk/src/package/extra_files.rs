//! The files of an app that go into its package besides `host.json` and the program: those that `.funcignore` lets in.
//!
//! The file has the syntax of `.gitignore`, as the Core Tools read it. An app in Rust is its program, so all else is ignored to begin
//! with, and a line with `!` takes something in: `!/templates` a folder, `!/rates.csv` a file.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
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
    #[error(
        "`{}` leads to `{}`, which no package may have: have .funcignore leave it out", .link.display(), .target.display()
    )]
    LeadsToNever { link: PathBuf, target: PathBuf },
    #[error("`{}` holds the app itself, so no package can be written there: name another place with `--output`", .0.display())]
    OutputHoldsApp(PathBuf),
    #[error(
        "`{}` is to be packed and lies where the package is written to: name another place with `--output`, or have .funcignore leave it \
         out", .0.display()
    )]
    InOutput(PathBuf),
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
    collect(folder, folder, "", &rules.build().map_err(pattern)?, &mut found)?;
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// Refuses an output that is the app's folder, or one around it: the package would be written among the files of the app.
pub(crate) fn check_output(folder: &Path, output: &Path) -> Result<(), ExtraFilesError> {
    match resolved(folder).starts_with(resolved(output)) {
        true => Err(ExtraFilesError::OutputHoldsApp(output.to_owned())),
        false => Ok(()),
    }
}

/// The files without the output itself and what an earlier package has `written` there. Another file of the app may not lie in the
/// output.
pub(crate) fn outside_of(
    files: Vec<ExtraFile>,
    output: &Path,
    written: &[PathBuf],
) -> Result<Vec<ExtraFile>, ExtraFilesError> {
    let output = resolved(output);
    let written: Vec<_> = written.iter().map(|path| resolved(path)).collect();
    let mut outside = Vec::with_capacity(files.len());
    for file in files {
        let path = resolved(&file.path);
        if path == output || written.contains(&path) {
            continue;
        }
        if path.starts_with(&output) {
            return Err(ExtraFilesError::InOutput(file.path));
        }
        outside.push(file);
    }
    Ok(outside)
}

/// The path without links, `.` and `..`, as far as it exists; the rest is what it would be, once it did.
fn resolved(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut resolved = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                resolved.pop();
            }
            Component::Normal(name) => {
                resolved.push(name);
                resolved = resolved.canonicalize().unwrap_or(resolved);
            }
            root => resolved.push(root),
        }
    }
    resolved
}

/// Whether no package may have what has this name. File systems that do not tell cases apart have it in any case.
fn is_never(name: &str) -> bool {
    NEVER.iter().any(|never| never.eq_ignore_ascii_case(name))
}

/// What a link leads to, if no package may have it: it, or a folder around it that is not around the app, too.
fn forbidden(link: &Path, app: &Path) -> Option<PathBuf> {
    let (target, app) = (resolved(link), resolved(app));
    let shared = target.components().zip(app.components());
    let shared = shared.take_while(|(one, other)| one == other).count();
    let mut names = target.components().skip(shared);
    let is_never = names.any(|part| part.as_os_str().to_str().is_some_and(is_never));
    is_never.then_some(target)
}

fn collect(
    app: &Path,
    folder: &Path,
    prefix: &str,
    rules: &Gitignore,
    found: &mut Vec<ExtraFile>,
) -> Result<(), ExtraFilesError> {
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
        if is_never(&name[prefix.len()..]) || name == HOST_JSON {
            continue;
        }
        if name == PROGRAM {
            return Err(ExtraFilesError::Program(path));
        }
        // A link to a file is that file. One to a folder could lead in a circle.
        let is_file = kind.is_file() || kind.is_symlink() && fs::metadata(&path).is_ok_and(|linked| linked.is_file());
        if kind.is_symlink()
            && let Some(target) = forbidden(&path, app)
        {
            return Err(ExtraFilesError::LeadsToNever { link: path, target });
        }
        if is_folder {
            collect(app, &path, &format!("{name}/"), rules, found)?;
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
        let written = ["Dockerfile", "app/app"].map(|name| folder.path().join("dist/container").join(name));
        let names = |output: &str, written: &[PathBuf]| {
            let files = extra_files(folder.path()).unwrap();
            let files = outside_of(files, &folder.path().join("dist/..").join(output), written)?;
            Ok::<_, ExtraFilesError>(files.into_iter().map(|file| file.name).collect::<Vec<_>>())
        };
        assert_eq!(
            names("dist/app.zip", &[]).unwrap(),
            ["dist/container/Dockerfile", "dist/container/app/app", "dist/rates.csv"]
        );
        assert_eq!(
            names("dist/container", &written).unwrap(),
            ["dist/app.zip", "dist/rates.csv"]
        );
        assert_eq!(names("dist/new.zip", &[]).unwrap().len(), 4);
        // What no package has written is no part of one that is left out without a word.
        let error = names("dist/container", &written[..1]).unwrap_err();
        assert!(
            matches!(&error, ExtraFilesError::InOutput(path) if path.ends_with("app/app")),
            "{error}"
        );
    }

    #[test]
    fn an_output_that_is_the_app_s_folder_or_around_it_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let app = folder.path().join("shop");
        fs::create_dir_all(app.join("src")).unwrap();
        let refused = |output: &str| {
            matches!(
                check_output(&app, &app.join(output)),
                Err(ExtraFilesError::OutputHoldsApp(_))
            )
        };
        for output in [".", "..", "src/..", "new/..", "../../", "../shop", "../new/../shop"] {
            assert!(refused(output), "{output}");
        }
        for output in ["image", "src", "../image", "../shop2", "../new/shop"] {
            assert!(!refused(output), "{output}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_what_no_package_may_have_is_an_error() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        // What is around the app as well says nothing of the file.
        let app = folder.path().join("target/shop");
        fs::create_dir_all(app.join(".git")).unwrap();
        fs::create_dir_all(app.join("data")).unwrap();
        for file in [".git/config", "local.settings.json", "../rates.csv"] {
            fs::write(app.join(file), file).unwrap();
        }
        fs::write(app.join(NAME), "!*\n").unwrap();
        symlink("../rates.csv", app.join("rates.csv")).unwrap();
        let names: Vec<_> = extra_files(&app).unwrap().into_iter().map(|file| file.name).collect();
        assert_eq!(names, ["rates.csv"]);
        for (link, target) in [
            ("settings.json", "local.settings.json"),
            ("data/settings.json", "../local.settings.json"),
            ("config", ".git/config"),
        ] {
            symlink(target, app.join(link)).unwrap();
            let error = extra_files(&app).unwrap_err();
            assert!(
                matches!(&error, ExtraFilesError::LeadsToNever { link: found, .. } if found.ends_with(link)),
                "{link}: {error}"
            );
            fs::remove_file(app.join(link)).unwrap();
        }
    }
}
