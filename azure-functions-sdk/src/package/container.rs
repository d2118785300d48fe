//! The folder that an image with the Functions host is built from: the program is one of the host's language workers there.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::contents::{Contents, ExtraFile, PROGRAM};

const DOCKERFILE: &str = include_str!("files/Dockerfile");
const WORKER_CONFIG: &str = include_str!("files/worker.config.json");

/// The folder cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("`{}` cannot be written", .path.display())]
pub(crate) struct ContainerError {
    path: PathBuf,
    source: io::Error,
}

/// Writes the folder: the Dockerfile, and below `app` what the image has as the app.
pub(crate) fn write(folder: &Path, contents: &Contents<'_>) -> Result<(), ContainerError> {
    let app = folder.join("app");
    write_file(&folder.join("Dockerfile"), DOCKERFILE.as_bytes())?;
    write_file(&app.join("host.json"), contents.host_json)?;
    write_file(&app.join("workers/native/worker.config.json"), WORKER_CONFIG.as_bytes())?;
    let program = app.join(PROGRAM);
    write_file(&program, contents.program)?;
    make_executable(&program).map_err(|source| ContainerError { path: program, source })?;
    for ExtraFile { name, path } in contents.extra {
        let target = app.join(name);
        let data = fs::read(path).map_err(|source| ContainerError {
            path: path.clone(),
            source,
        })?;
        write_file(&target, &data)?;
    }
    Ok(())
}

fn write_file(path: &Path, data: &[u8]) -> Result<(), ContainerError> {
    let made = path.parent().map_or(Ok(()), fs::create_dir_all);
    made.and_then(|()| fs::write(path, data))
        .map_err(|source| ContainerError {
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
}
