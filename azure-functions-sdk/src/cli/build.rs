//! Builds an app with cargo, and finds the program that came out.

use std::{
    io::{self, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use cargo_metadata::Message;

/// What to build.
#[derive(Debug)]
pub(super) struct Build<'a> {
    /// Folder of the app.
    pub(super) path: &'a Path,
    /// With optimisations.
    pub(super) release: bool,
    /// More arguments for `cargo build`.
    pub(super) cargo_args: &'a [String],
}

/// An app that was built.
#[derive(Debug)]
pub(super) struct App {
    /// The program.
    pub(super) program: PathBuf,
}

/// Why there is no program.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum BuildError {
    #[error("there is no app in `{}`: it holds no Cargo.toml. Make one with `cargo func new-app`, or name its folder", .0.display())]
    NoManifest(PathBuf),
    #[error("cargo could not be started: is it on the PATH?")]
    NoCargo(#[source] io::Error),
    #[error("what cargo says could not be read")]
    Read(#[source] io::Error),
    #[error("the app does not build: mend what cargo says above, then try again")]
    Failed,
    #[error("`{}` makes no program: an app needs a `src/main.rs` that calls `azure_functions::worker_main()`", .0.display())]
    NoProgram(PathBuf),
    #[error("the app has several programs ({0}): choose one with `-- --bin NAME`")]
    SeveralPrograms(String),
}

impl Build<'_> {
    /// The app's `Cargo.toml`, absolute.
    pub(super) fn manifest(&self) -> Result<PathBuf, BuildError> {
        let folder = std::path::absolute(self.path).unwrap_or_else(|_| self.path.into());
        let manifest = folder.join("Cargo.toml");
        if manifest.is_file() {
            Ok(manifest)
        } else {
            Err(BuildError::NoManifest(self.path.into()))
        }
    }

    /// Runs `cargo build`; its progress and its complaints go to the terminal as ever.
    pub(super) fn run(&self) -> Result<App, BuildError> {
        let manifest = self.manifest()?;
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo
            .args([
                "build",
                "--message-format",
                "json-render-diagnostics",
                "--manifest-path",
            ])
            .arg(&manifest);
        if self.release {
            cargo.arg("--release");
        }
        let mut child = cargo
            .args(self.cargo_args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(BuildError::NoCargo)?;
        let mut programs = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            for message in Message::parse_stream(BufReader::new(stdout)) {
                if let Message::CompilerArtifact(artifact) = message.map_err(BuildError::Read)?
                    && let Some(program) = artifact.executable
                    && same_file(artifact.manifest_path.as_std_path(), &manifest)
                {
                    programs.push((artifact.target.name, program.into_std_path_buf()));
                }
            }
        }
        if !child.wait().map_err(BuildError::Read)?.success() {
            return Err(BuildError::Failed);
        }
        match programs.len() {
            0 => Err(BuildError::NoProgram(self.path.into())),
            1 => Ok(App {
                program: programs.remove(0).1,
            }),
            _ => {
                let names: Vec<_> = programs.into_iter().map(|(name, _)| name).collect();
                Err(BuildError::SeveralPrograms(names.join(", ")))
            }
        }
    }
}

fn same_file(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_a_manifest_is_no_app() {
        let folder = tempfile::tempdir().unwrap();
        let error = Build {
            path: folder.path(),
            release: false,
            cargo_args: &[],
        }
        .run()
        .unwrap_err();
        assert!(error.to_string().contains("`cargo func new-app`"), "{error}");
    }
}
