//! Which program the last build of an app made: `--no-build` runs it without asking cargo.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use crate::private;

/// The note of it, in the folder of the app's state.
#[derive(Debug)]
pub(super) struct Built {
    note: PathBuf,
}

/// There is no program to run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum BuiltError {
    #[error(
        "`--no-build` runs what `cargo func run` has built before, and there is no such program ({} does not name one): leave `--no-build` \
         out once", .0.display()
    )]
    Never(PathBuf),
    #[error("the program that was built last, `{}`, is no longer there: leave `--no-build` out once", .0.display())]
    Gone(PathBuf),
    #[error("cannot read which program was built last, in {}", path.display())]
    Read { path: PathBuf, source: io::Error },
}

impl Built {
    pub(super) fn new(data_dir: &Path, release: bool) -> Self {
        let name = if release { "built-release.txt" } else { "built.txt" };
        Self {
            note: data_dir.join(name),
        }
    }

    /// Notes it for the next time; without the note, the next time asks cargo.
    pub(super) fn remember(&self, program: &Path) {
        if let (Some(text), Some(folder)) = (program.to_str(), self.note.parent()) {
            let _ = private::data_folder(folder).and_then(|()| {
                let mut options = private::options();
                let mut note = options.write(true).create(true).truncate(true).open(&self.note)?;
                note.write_all(text.as_bytes())
            });
        }
    }

    /// The program that was built last.
    pub(super) fn program(&self) -> Result<PathBuf, BuiltError> {
        let program = match fs::read_to_string(&self.note) {
            Ok(text) if !text.is_empty() => PathBuf::from(text),
            Ok(_) => return Err(BuiltError::Never(self.note.clone())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(BuiltError::Never(self.note.clone())),
            Err(source) => {
                return Err(BuiltError::Read {
                    path: self.note.clone(),
                    source,
                });
            }
        };
        if program.is_file() {
            Ok(program)
        } else {
            Err(BuiltError::Gone(program))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_built_last_is_known_for_each_profile_until_it_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("state");
        let built = Built::new(&data, false);
        let error = built.program().unwrap_err().to_string();
        assert!(error.contains("leave `--no-build` out once"), "{error}");
        let program = folder.path().join("app");
        fs::write(&program, "").unwrap();
        built.remember(&program);
        assert_eq!(built.program().unwrap(), program);
        assert!(matches!(Built::new(&data, true).program(), Err(BuiltError::Never(_))));
        fs::remove_file(&program).unwrap();
        assert!(matches!(built.program(), Err(BuiltError::Gone(gone)) if gone == program));
    }
}
