//! One host per task hub: a lock file that the operating system releases when its holder ends, however it ends.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    path::Path,
};

use super::StoreError;

/// Held as long as the hub is open.
#[derive(Debug)]
pub(crate) struct HubLock {
    _file: File,
}

impl HubLock {
    /// Takes the lock of the database at `path`, or tells who has it.
    pub(crate) fn acquire(path: &Path) -> Result<Self, StoreError> {
        let mut name = path.as_os_str().to_owned();
        name.push(".lock");
        let lock_path = Path::new(&name);
        let failed = |source| StoreError::File {
            path: lock_path.to_owned(),
            source,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(lock_path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // Where the holder's lock is mandatory, reading fails too; then the pid stays unknown.
                let _ = file.read_to_string(&mut text);
                return Err(StoreError::InUse {
                    path: path.to_owned(),
                    pid: text.trim().parse().ok(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        file.set_len(0).and_then(|()| file.rewind()).map_err(failed)?;
        writeln!(file, "{}", std::process::id()).map_err(failed)?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_holder_is_told_the_pid_of_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.db");
        let held = HubLock::acquire(&path).unwrap();
        let refused = HubLock::acquire(&path).unwrap_err();
        assert!(
            matches!(refused, StoreError::InUse { pid: Some(pid), .. } if pid == std::process::id()),
            "{refused}"
        );
        assert!(
            refused
                .to_string()
                .starts_with(&format!("task hub in use by pid {}", std::process::id()))
        );
        drop(held);
        HubLock::acquire(&path).unwrap();
    }

    #[test]
    fn lock_in_a_missing_folder_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let refused = HubLock::acquire(&folder.path().join("none/hub.db")).unwrap_err();
        assert!(refused.to_string().contains("hub.db.lock"), "{refused}");
    }
}
