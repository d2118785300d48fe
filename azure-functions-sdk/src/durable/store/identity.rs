//! Which file a path leads to. SQLite goes on with a file that was deleted or replaced, and what it writes then is lost when it is
//! closed; so the paths are looked at before every commit.

use std::{
    fs::{self, Metadata},
    path::{Path, PathBuf},
    sync::OnceLock,
};

use super::StoreError;

/// What makes a file the same under all its names: device and inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity(u64, u64);

impl Identity {
    /// `None` where the system does not tell.
    #[cfg(unix)]
    pub(super) fn of(metadata: &Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        Some(Self(metadata.dev(), metadata.ino()))
    }

    #[cfg(not(unix))]
    pub(super) fn of(_: &Metadata) -> Option<Self> {
        None
    }

    /// Of the file at a path, if there is one.
    pub(super) fn at(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().and_then(|metadata| Self::of(&metadata))
    }
}

/// A file that is open and must stay where it is.
#[derive(Debug)]
pub(super) struct OpenFile {
    path: PathBuf,
    /// Set when the file is first seen.
    identity: OnceLock<Identity>,
}

impl OpenFile {
    /// The file need not be there yet.
    pub(super) fn new(path: PathBuf) -> Self {
        let file = Self {
            path,
            identity: OnceLock::new(),
        };
        // It is there, or it is not.
        let _ = file.check();
        file
    }

    /// Whether the path still leads to the file that was there first.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        let now = Identity::at(&self.path);
        match (self.identity.get(), now) {
            (Some(then), now) if now != Some(*then) => Err(StoreError::Gone {
                path: self.path.clone(),
            }),
            (None, Some(now)) => {
                // Only this thread sets it.
                let _ = self.identity.set(now);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
