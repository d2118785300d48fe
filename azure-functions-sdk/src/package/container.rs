//! The folder that an image with the Functions host is built from: the program is one of the host's language workers there.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

use super::contents::{Contents, ExtraFile, PROGRAM};

const DOCKERFILE: &str = include_str!("files/Dockerfile");
const WORKER_CONFIG: &str = include_str!("files/worker.config.json");

/// What the folder has besides the image's files: the names of all that was written, so that the next package can replace them, and
/// nothing else.
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
/// removed; a file that comes from elsewhere is never written over.
pub(crate) fn write(folder: &Path, contents: &Contents<'_>) -> Result<(), ContainerError> {
    let mut names = vec![
        "Dockerfile".to_owned(),
        format!("{APP}/host.json"),
        format!("{APP}/{WORKER_CONFIG_NAME}"),
        format!("{APP}/{PROGRAM}"),
    ];
    for ExtraFile { name, .. } in contents.extra {
        let name = format!("{APP}/{name}");
        // In any case: a file system may not tell cases apart.
        if names.iter().any(|own| own.eq_ignore_ascii_case(&name)) {
            return Err(ContainerError::Taken(name[APP.len() + 1..].to_owned()));
        }
        names.push(name);
    }
    let before = listed(folder)?;
    if let Some(foreign) = names.iter().find(|name| {
        // A link that leads nowhere is there, too.
        !before.contains(name) && folder.join(name).symlink_metadata().is_ok()
    }) {
        return Err(ContainerError::Foreign(folder.join(foreign)));
    }
    for name in &before {
        remove(folder, name)?;
    }
    // First, so that a package that breaks off can be replaced.
    write_file(&folder.join(LIST), (names.join("\n") + "\n").as_bytes())?;
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

/// What an earlier package has written to the folder.
fn listed(folder: &Path) -> Result<Vec<String>, ContainerError> {
    let path = folder.join(LIST);
    let is_inside = |name: &&str| {
        !name.is_empty()
            && Path::new(name)
                .components()
                .all(|part| matches!(part, Component::Normal(_)))
    };
    match fs::read_to_string(&path) {
        Ok(names) => Ok(names.lines().filter(is_inside).map(str::to_owned).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(source) => Err(ContainerError::Read { path, source }),
    }
}

/// Removes a file, and the folders that are empty without it.
fn remove(folder: &Path, name: &str) -> Result<(), ContainerError> {
    let path = folder.join(name);
    match fs::remove_file(&path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(source) => return Err(ContainerError::Write { path, source }),
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

fn write_file(path: &Path, data: &[u8]) -> Result<(), ContainerError> {
    let made = path.parent().map_or(Ok(()), fs::create_dir_all);
    made.and_then(|()| fs::write(path, data))
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
    use serde_json::Value;

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
        fs::write(target.join(LIST), format!("../precious\n{}\n", absolute.display())).unwrap();
        write(&target, &contents(&[])).unwrap();
        assert!(absolute.is_file());
    }

    #[test]
    fn a_file_of_the_app_does_not_take_the_place_of_the_image_s_own() {
        let folder = tempfile::tempdir().unwrap();
        let extra = [ExtraFile {
            name: "Workers/native/worker.config.json".to_owned(),
            path: folder.path().join("mine.json"),
        }];
        let error = write(&folder.path().join("image"), &contents(&extra)).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("`Workers/native/worker.config.json` cannot be packed"),
            "{error}"
        );
        assert!(!folder.path().join("image").exists());
    }
}
