//! Builds an app with cargo, and finds the program that came out.

use std::{
    io::{self, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use cargo_metadata::{Message, MetadataCommand, Package};

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

/// An app that was linked with arguments of its own.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) app: App,
    /// Name of its package.
    pub(super) package: String,
    /// Where cargo builds.
    pub(super) target: PathBuf,
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
    #[error("cargo does not know the app")]
    Metadata(#[source] cargo_metadata::Error),
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
        self.cargo("build", &[])
    }

    /// Runs `cargo rustc`: as [`run`](Self::run), with arguments for the compiler that links the program. What the program is made of is
    /// compiled without them, so it is not compiled anew for them.
    pub(super) fn link(&self, rustc_args: &[&str]) -> Result<Link, BuildError> {
        let manifest = self.manifest()?;
        let metadata = MetadataCommand::new()
            .manifest_path(&manifest)
            .no_deps()
            .exec()
            .map_err(BuildError::Metadata)?;
        let package = metadata
            .packages
            .iter()
            .find(|package| same_file(package.manifest_path.as_std_path(), &manifest))
            .ok_or_else(|| BuildError::NoManifest(self.path.into()))?;
        let mut arguments = Vec::new();
        let chosen = |argument: &String| argument == "--bin" || argument.starts_with("--bin=");
        if !self.cargo_args.iter().any(chosen) {
            arguments.push("--bin");
            arguments.push(only_program(package, self.path)?);
        }
        arguments.push("--");
        arguments.extend(rustc_args);
        Ok(Link {
            app: self.cargo("rustc", &arguments)?,
            package: package.name.to_string(),
            target: metadata.target_directory.clone().into_std_path_buf(),
        })
    }

    fn cargo(&self, command: &str, more: &[&str]) -> Result<App, BuildError> {
        let manifest = self.manifest()?;
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo
            .args([
                command,
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
            .args(more)
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

/// The program that `cargo run` would run.
fn only_program<'a>(package: &'a Package, path: &Path) -> Result<&'a str, BuildError> {
    let programs = package.targets.iter().filter(|target| target.is_bin());
    let names: Vec<_> = programs.map(|target| target.name.as_str()).collect();
    match (&names[..], package.default_run.as_deref()) {
        (_, Some(name)) => Ok(name),
        ([], None) => Err(BuildError::NoProgram(path.into())),
        ([name], None) => Ok(name),
        (names, None) => Err(BuildError::SeveralPrograms(names.join(", "))),
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
