//! One host per task hub: a lock that the operating system releases when its holder ends, however it ends.
//!
//! On Linux it is on the database itself (`flock`, which SQLite does not use there), so that the process that has the database has
//! the lock, and nothing else can be deleted or replaced to have it twice. Elsewhere such a lock would shut SQLite out,
//! so it is on a file beside the database. In both cases that file tells the process id of the holder.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{StoreError, identity::Identity};
use crate::private;

const IN_DATABASE: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// Databases that this process has. To open one more handle of such a file and to close it would take away the locks that
/// SQLite has on it: POSIX gives them up with the first handle that a process closes.
static HELD: Mutex<Vec<Identity>> = Mutex::new(Vec::new());

/// Held as long as the hub is open.
#[derive(Debug)]
pub(crate) struct HubLock {
    /// `None` while it is dropped.
    file: Option<File>,
    identity: Option<Identity>,
}

impl Drop for HubLock {
    fn drop(&mut self) {
        let mut held = held();
        // In one step for all who look: as long as the file is open, it is in use. A process that another thread is starting has the file,
        // too, until it has become its program; that must not keep the lock.
        if let Some(file) = self.file.take() {
            let _ = file.unlock();
        }
        held.retain(|other| Some(*other) != self.identity);
    }
}

impl HubLock {
    /// Takes the lock of the database at `path`, which is made if there is none, or tells who has it.
    pub(crate) fn acquire(path: &Path) -> Result<Self, StoreError> {
        let pid_path = pid_path(path);
        let locked = if IN_DATABASE { path } else { &pid_path };
        let failed = |source| StoreError::File {
            path: locked.to_owned(),
            source,
        };
        let in_use = || StoreError::InUse {
            path: path.to_owned(),
            pid: read_pid(&pid_path),
        };
        loop {
            // All in one step for other threads: the handle of one that comes second must be closed before the first has the
            // database open.
            let mut held = held();
            let known = Identity::at(locked);
            if known.is_some_and(|known| held.contains(&known)) {
                return Err(in_use());
            }
            let mut options = private::options();
            options.read(true).write(true).create(true).truncate(false);
            let file = options.open(locked).map_err(failed)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(in_use()),
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
            // Deleted or replaced since it was opened: the lock of another file is worth nothing.
            let identity = Identity::of(&file.metadata().map_err(failed)?);
            let now = match IN_DATABASE {
                true => fs::metadata(locked),
                // A link is no lock file of ours, and what it leads to is not written to.
                false => fs::symlink_metadata(locked),
            };
            match now {
                Ok(now) if now.is_symlink() => return Err(failed(io::Error::other("it is a symbolic link"))),
                Ok(now) if Identity::of(&now) == identity => {}
                _ => continue,
            }
            held.extend(identity);
            // Dropping the lock takes it.
            drop(held);
            let lock = Self {
                file: Some(file),
                identity,
            };
            lock.write_pid(&pid_path).map_err(|source| StoreError::File {
                path: pid_path.clone(),
                source,
            })?;
            return Ok(lock);
        }
    }

    fn write_pid(&self, path: &Path) -> io::Result<()> {
        let pid = std::process::id();
        if IN_DATABASE {
            // Replaced, not written to: it may be a link to anything.
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let mut new = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
            writeln!(new, "{pid}")?;
            new.persist(path).map_err(|error| error.error)?;
        } else if let Some(mut file) = self.file.as_ref() {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{pid}")?;
        }
        Ok(())
    }
}

/// The file that tells the process id of the holder.
fn pid_path(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

/// Where the holder's lock is mandatory, reading fails; then the pid stays unknown.
fn read_pid(path: &Path) -> Option<u32> {
    let mut text = String::new();
    File::open(path).ok()?.take(20).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn held() -> MutexGuard<'static, Vec<Identity>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
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
    fn a_lock_is_free_once_it_is_dropped_though_a_process_that_is_being_started_has_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.db");
        let held = HubLock::acquire(&path).unwrap();
        let of_child = held.file.as_ref().unwrap().try_clone().unwrap();
        drop(held);
        HubLock::acquire(&path).unwrap();
        drop(of_child);
    }

    #[test]
    fn lock_in_a_missing_folder_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let refused = HubLock::acquire(&folder.path().join("none/hub.db")).unwrap_err();
        assert!(refused.to_string().contains("hub.db"), "{refused}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_hub_whose_lock_file_was_deleted_is_still_in_use() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.db");
        let _held = HubLock::acquire(&path).unwrap();
        fs::remove_file(pid_path(&path)).unwrap();
        let refused = HubLock::acquire(&path).unwrap_err();
        assert!(matches!(refused, StoreError::InUse { pid: None, .. }), "{refused}");
        // Under another name, too.
        let link = folder.path().join("other.db");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(matches!(HubLock::acquire(&link), Err(StoreError::InUse { .. })));
    }

    /// As another process sees it, which knows nothing of `HELD`.
    #[cfg(target_os = "linux")]
    #[test]
    fn the_database_itself_is_locked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.db");
        let held = HubLock::acquire(&path).unwrap();
        let lock = || File::open(&path).unwrap().try_lock();
        assert!(matches!(lock(), Err(TryLockError::WouldBlock)));
        drop(held);
        lock().unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_place_of_the_lock_file_leaves_its_target_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (path, target) = (folder.path().join("hub.db"), folder.path().join("precious"));
        fs::write(&target, "precious").unwrap();
        std::os::unix::fs::symlink(&target, pid_path(&path)).unwrap();
        // Linux takes the lock, others refuse.
        assert_eq!(HubLock::acquire(&path).is_ok(), IN_DATABASE);
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
    }

    /// Else a successor could take the lock in between, and the register would forget it together with its predecessor.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_lock_that_is_dropped_leaves_file_and_register_in_one_step() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.db");
        let lock = HubLock::acquire(&path).unwrap();
        let probe = File::open(&path).unwrap();
        let register = held();
        let dropping = std::thread::spawn(move || drop(lock));
        // However far the other thread has come, it waits for the register with the file locked.
        for _ in 0..2_000 {
            assert!(matches!(probe.try_lock(), Err(TryLockError::WouldBlock)));
            std::thread::yield_now();
        }
        assert!(register.iter().any(|held| Some(*held) == Identity::at(&path)));
        drop(register);
        dropping.join().unwrap();
        assert!(!held().iter().any(|held| Some(*held) == Identity::at(&path)));
        probe.try_lock().unwrap();
        probe.unlock().unwrap();
        HubLock::acquire(&path).unwrap();
    }

    #[test]
    fn of_many_threads_one_has_the_lock_and_the_register_knows_it() {
        use std::sync::atomic::{AtomicU32, Ordering};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.db");
        let (inside, taken) = (AtomicU32::new(0), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        let Ok(lock) = HubLock::acquire(&path) else { continue };
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two have the lock");
                        taken.fetch_add(1, Ordering::SeqCst);
                        let known = held().iter().filter(|held| Some(**held) == lock.identity).count();
                        assert!(lock.identity.is_none() || known == 1, "{known}");
                        std::thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert!(taken.into_inner() > 0);
        HubLock::acquire(&path).unwrap();
    }
}
