//! The folder that an image with the Functions host is built from: the program is one of the host's language workers there.

use std::{
    collections::HashSet,
    fs,
    io::{self, Write},
    path::{Component, Path, PathBuf},
};

use serde_json::Value;

use super::contents::{Contents, ExtraFile, PROGRAM};

const DOCKERFILE: &str = include_str!("files/Dockerfile");
const WORKER_CONFIG: &str = include_str!("files/worker.config.json");

/// What the folder has besides the image's files: the names of all that was written, each a JSON string on a line of its own, so that the
/// next package can replace them, and nothing else.
const LIST: &str = ".cargo-func-pack";

const APP: &str = "app";
const WORKER_CONFIG_NAME: &str = "workers/native/worker.config.json";

/// The folder cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ContainerError {
    #[error("`{}` cannot be read", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("`{}` cannot be written", .path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error(
        "`{}` is there already, and no earlier package has written it: choose another folder with `--output`, or remove it", .0.display()
    )]
    Foreign(PathBuf),
    #[error(
        "`{0}` cannot be packed: the image has a file of its own in that place; rename it, or have .funcignore leave it out"
    )]
    Taken(String),
}

/// Writes the folder: the Dockerfile, and below `app` what the image has as the app. What an earlier package has written there is
/// removed, once it is known that the new one can be written; a file that comes from elsewhere is never written over.
pub(crate) fn write(folder: &Path, contents: &Contents<'_>) -> Result<(), ContainerError> {
    let mut names = vec![
        "Dockerfile".to_owned(),
        format!("{APP}/host.json"),
        format!("{APP}/{WORKER_CONFIG_NAME}"),
        format!("{APP}/{PROGRAM}"),
    ];
    let own = names.len();
    for ExtraFile { name, path } in contents.extra {
        let in_image = format!("{APP}/{name}");
        if names[..own].iter().any(|own| clash(own, &in_image)) {
            return Err(ContainerError::Taken(name.clone()));
        }
        fs::File::open(path).map_err(|source| ContainerError::Read {
            path: path.clone(),
            source,
        })?;
        names.push(in_image);
    }
    let before = listed(folder)?;
    // Not by name: a file system may not tell cases apart.
    let ours: HashSet<_> = before.iter().filter_map(|path| path.canonicalize().ok()).collect();
    for name in &names {
        let path = folder.join(name);
        if let Some(there) = obstacle(folder, name).or_else(|| path.symlink_metadata().is_ok().then_some(path))
            && !is_of(&ours, &there)
        {
            return Err(ContainerError::Foreign(there));
        }
    }
    for path in &before {
        remove(folder, path)?;
    }
    // First, so that a package that breaks off can be replaced.
    let list: String = names
        .iter()
        .map(|name| format!("{}\n", Value::from(name.as_str())))
        .collect();
    let list_path = folder.join(LIST);
    let made = fs::create_dir_all(folder).and_then(|()| fs::write(&list_path, list));
    made.map_err(|source| ContainerError::Write {
        path: list_path,
        source,
    })?;
    let app = folder.join(APP);
    write_file(&folder.join("Dockerfile"), DOCKERFILE.as_bytes())?;
    write_file(&app.join("host.json"), contents.host_json)?;
    write_file(&app.join(WORKER_CONFIG_NAME), WORKER_CONFIG.as_bytes())?;
    let program = app.join(PROGRAM);
    write_file(&program, contents.program)?;
    make_executable(&program).map_err(|source| ContainerError::Write { path: program, source })?;
    for ExtraFile { name, path } in contents.extra {
        let data = fs::read(path).map_err(|source| ContainerError::Read {
            path: path.clone(),
            source,
        })?;
        write_file(&app.join(name), &data)?;
    }
    Ok(())
}

/// The files that an earlier package has written to the folder, and that are there.
pub(crate) fn written(folder: &Path) -> Result<Vec<PathBuf>, ContainerError> {
    let mut written = listed(folder)?;
    written.push(folder.join(LIST));
    Ok(written)
}

/// Whether a file of the app cannot be beside one of the image's own: it has the same name, or one is a file where the other needs a
/// folder. In any case, as a file system may not tell cases apart.
fn clash(own: &str, name: &str) -> bool {
    let mut parts = own.split('/').zip(name.split('/'));
    parts.all(|(own, name)| own.eq_ignore_ascii_case(name))
}

/// The files of an earlier package's list that are there, reached through no link.
fn listed(folder: &Path) -> Result<Vec<PathBuf>, ContainerError> {
    let path = folder.join(LIST);
    let list = match fs::read_to_string(&path) {
        Ok(list) => list,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(ContainerError::Read { path, source }),
    };
    let is_inside = |name: &String| {
        let mut parts = Path::new(name).components();
        !name.is_empty() && parts.all(|part| matches!(part, Component::Normal(_)))
    };
    let names = list.lines().filter_map(|line| serde_json::from_str(line).ok());
    let files = names.filter(is_inside).filter_map(|name| {
        let path = folder.join(&name);
        let is_file = path.symlink_metadata().is_ok_and(|found| found.is_file());
        (is_file && obstacle(folder, &name).is_none()).then_some(path)
    });
    Ok(files.collect())
}

/// What is no folder, and stands where the file of this name needs one.
fn obstacle(folder: &Path, name: &str) -> Option<PathBuf> {
    let ends = name.match_indices('/').map(|(end, _)| end);
    ends.map(|end| folder.join(&name[..end]))
        .find(|path| path.symlink_metadata().is_ok_and(|found| !found.is_dir()))
}

/// Whether this is one of the files, or a folder that holds nothing but such.
fn is_of(files: &HashSet<PathBuf>, path: &Path) -> bool {
    let Ok(found) = path.symlink_metadata() else {
        return false;
    };
    if !found.is_dir() {
        return found.is_file() && path.canonicalize().is_ok_and(|path| files.contains(&path));
    }
    let Ok(entries) = fs::read_dir(path) else {
        return false;
    };
    let mut entries = entries.peekable();
    entries.peek().is_some() && entries.all(|entry| entry.is_ok_and(|entry| is_of(files, &entry.path())))
}

/// Removes a file, and the folders that are empty without it.
fn remove(folder: &Path, path: &Path) -> Result<(), ContainerError> {
    match fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(source) => {
            return Err(ContainerError::Write {
                path: path.to_owned(),
                source,
            });
        }
    }
    let parents = path.ancestors().skip(1).take_while(|parent| *parent != folder);
    for parent in parents {
        // One that is not empty stays.
        if fs::remove_dir(parent).is_err() {
            break;
        }
    }
    Ok(())
}

/// Writes a file that is not there: two files of the app may have the same name where a file system does not tell cases apart.
fn write_file(path: &Path, data: &[u8]) -> Result<(), ContainerError> {
    let made = path.parent().map_or(Ok(()), fs::create_dir_all);
    made.and_then(|()| fs::File::create_new(path)?.write_all(data))
        .map_err(|source| ContainerError::Write {
            path: path.to_owned(),
            source,
        })
}

/// Where a file system has no such bit, the Dockerfile sets it.
fn make_executable(program: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(program, fs::Permissions::from_mode(0o755))?;
    }
    let _ = program;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_finds_the_worker_where_the_dockerfile_says() {
        let folder = tempfile::tempdir().unwrap();
        let contents = Contents {
            host_json: b"{}",
            program: b"\x7fELF",
            extra: &[],
        };
        write(folder.path(), &contents).unwrap();
        let dockerfile = fs::read_to_string(folder.path().join("Dockerfile")).unwrap();
        let setting = |name: &str| {
            let line = dockerfile.lines().find_map(|line| {
                line.trim_start_matches("ENV")
                    .trim()
                    .strip_prefix(name)?
                    .strip_prefix('=')
            });
            line.map(|value| value.trim_end_matches([' ', '\\']).to_owned())
                .unwrap_or_default()
        };
        let root = setting("AzureWebJobsScriptRoot");
        assert!(
            dockerfile.contains(&format!("COPY --chmod=755 app {root}")),
            "{dockerfile}"
        );
        let workers = setting("languageWorkers__native__workerDirectory");
        let workers = workers.strip_prefix(&format!("{root}/")).unwrap();
        let config = fs::read(folder.path().join("app").join(workers).join("worker.config.json")).unwrap();
        let config: Value = serde_json::from_slice(&config).unwrap();
        assert_eq!(config["description"]["language"], setting("FUNCTIONS_WORKER_RUNTIME"));
        let program = config["description"]["defaultExecutablePath"].as_str().unwrap();
        let program = program.strip_prefix("%AzureWebJobsScriptRoot%/").unwrap();
        assert!(folder.path().join("app").join(program).is_file());
    }

    fn contents(extra: &[ExtraFile]) -> Contents<'_> {
        Contents {
            host_json: b"{}",
            program: b"\x7fELF",
            extra,
        }
    }

    fn files(folder: &Path) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(next) = folders.pop() {
            for entry in fs::read_dir(next).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => folders.push(path),
                    false => found.push(
                        path.strip_prefix(folder)
                            .unwrap()
                            .display()
                            .to_string()
                            .replace('\\', "/"),
                    ),
                }
            }
        }
        found.sort();
        found
    }

    #[test]
    fn what_an_earlier_package_has_written_is_gone_and_what_is_foreign_stays() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("rates.csv");
        fs::write(&source, "1").unwrap();
        let target = folder.path().join("image");
        let extra = [ExtraFile {
            name: "data/rates.csv".to_owned(),
            path: source,
        }];
        write(&target, &contents(&extra)).unwrap();
        assert!(target.join("app/data/rates.csv").is_file());
        fs::write(target.join("compose.yaml"), "").unwrap();
        write(&target, &contents(&[])).unwrap();
        assert_eq!(
            files(&target),
            [
                ".cargo-func-pack",
                "Dockerfile",
                "app/app",
                "app/host.json",
                "app/workers/native/worker.config.json",
                "compose.yaml"
            ]
        );
        assert!(!target.join("app/data").exists());
    }

    #[test]
    fn a_file_that_no_package_has_written_is_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("Dockerfile"), "FROM scratch").unwrap();
        let error = write(folder.path(), &contents(&[])).unwrap_err();
        assert!(
            matches!(&error, ContainerError::Foreign(path) if path.ends_with("Dockerfile")),
            "{error}"
        );
        assert_eq!(
            fs::read_to_string(folder.path().join("Dockerfile")).unwrap(),
            "FROM scratch"
        );
        assert_eq!(files(folder.path()), ["Dockerfile"]);
    }

    #[test]
    fn a_list_that_names_files_elsewhere_removes_none_of_them() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("precious"), "").unwrap();
        let target = folder.path().join("image");
        fs::create_dir(&target).unwrap();
        let absolute = folder.path().join("precious");
        let list = format!("\"../precious\"\n{}\n", Value::from(absolute.to_str().unwrap()));
        fs::write(target.join(LIST), list).unwrap();
        write(&target, &contents(&[])).unwrap();
        assert!(absolute.is_file());
    }

    #[cfg(unix)]
    #[test]
    fn nothing_is_written_or_removed_through_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (elsewhere, target) = (folder.path().join("elsewhere"), folder.path().join("image"));
        fs::create_dir(&elsewhere).unwrap();
        write(&target, &contents(&[])).unwrap();
        fs::rename(target.join("app"), elsewhere.join("app")).unwrap();
        std::os::unix::fs::symlink(elsewhere.join("app"), target.join("app")).unwrap();
        let error = write(&target, &contents(&[])).unwrap_err();
        assert!(
            matches!(&error, ContainerError::Foreign(path) if path.ends_with("image/app")),
            "{error}"
        );
        assert!(elsewhere.join("app/host.json").is_file());
    }

    fn extra(folder: &Path, names: &[&str]) -> Vec<ExtraFile> {
        let source = folder.join("source");
        fs::write(&source, "1").unwrap();
        let file = |name: &&str| ExtraFile {
            name: (*name).to_owned(),
            path: source.clone(),
        };
        names.iter().map(file).collect()
    }

    #[test]
    fn a_file_of_the_app_does_not_take_the_place_of_the_image_s_own() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "Workers/native/worker.config.json",
            "workers",
            "App/rates.csv",
            "HOST.json",
        ] {
            let error = write(&folder.path().join("image"), &contents(&extra(folder.path(), &[name]))).unwrap_err();
            assert!(
                matches!(&error, ContainerError::Taken(taken) if taken == name),
                "{error}"
            );
            assert!(!folder.path().join("image").exists());
        }
        let beside = extra(folder.path(), &["workers/native/notes.txt", "workers2", "app2"]);
        write(&folder.path().join("image"), &contents(&beside)).unwrap();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn names_that_differ_by_case_are_two_files_and_any_name_can_be_listed() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("image");
        write(
            &target,
            &contents(&extra(folder.path(), &["README", "readme", "a\nb", "c\r"])),
        )
        .unwrap();
        assert!(target.join("app/README").is_file() && target.join("app/a\nb").is_file());
        write(&target, &contents(&[])).unwrap();
        assert_eq!(
            files(&target.join("app")),
            ["app", "host.json", "workers/native/worker.config.json"]
        );
    }

    #[test]
    fn nothing_of_the_last_package_goes_unless_the_next_can_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("image");
        let first = extra(folder.path(), &["data/rates.csv"]);
        write(&target, &contents(&first)).unwrap();
        let before = files(&target);

        // A foreign file where a folder is needed.
        fs::write(target.join("app/templates"), "").unwrap();
        let next = extra(folder.path(), &["templates/mail.html"]);
        let error = write(&target, &contents(&next)).unwrap_err();
        assert!(
            matches!(&error, ContainerError::Foreign(path) if path.ends_with("app/templates")),
            "{error}"
        );
        fs::remove_file(target.join("app/templates")).unwrap();

        // A file that cannot be read.
        let mut next = extra(folder.path(), &["rates.csv"]);
        next[0].path = folder.path().join("missing");
        assert!(matches!(
            write(&target, &contents(&next)),
            Err(ContainerError::Read { .. })
        ));
        assert_eq!(files(&target), before);
    }

    #[test]
    fn a_file_of_the_last_package_makes_room_for_a_folder_and_a_folder_for_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("image");
        for names in [&["data"][..], &["data/rates.csv"], &["data"], &["Data"]] {
            write(&target, &contents(&extra(folder.path(), names))).unwrap();
            assert!(target.join("app").join(names[0]).is_file());
        }
        // Unless the folder holds more.
        write(&target, &contents(&extra(folder.path(), &["data/rates.csv"]))).unwrap();
        fs::write(target.join("app/data/mine"), "").unwrap();
        let error = write(&target, &contents(&extra(folder.path(), &["data"]))).unwrap_err();
        assert!(matches!(&error, ContainerError::Foreign(_)), "{error}");
        assert!(target.join("app/data/rates.csv").is_file());
    }
}
