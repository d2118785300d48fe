//! A pulled plug: all that the disk has of a hub then are the bytes that were synced. What SQLite syncs is noted on its way to the
//! operating system, and a hub is opened on that alone.

#![expect(unsafe_code, reason = "a VFS is given to SQLite as C functions")]

use std::{
    collections::HashMap,
    ffi::{CStr, c_char, c_int, c_void},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

use rusqlite::ffi::{
    self, SQLITE_OK, sqlite3_file, sqlite3_filename, sqlite3_io_methods, sqlite3_vfs, sqlite3_vfs_find,
    sqlite3_vfs_register,
};

use super::{SqliteStore, tests::new};
use crate::durable::{
    engine::runtime_status::RuntimeStatus,
    store::{Commit, Durability, InstanceKey, InstanceRow, Store},
};

type Open = unsafe extern "C" fn(*mut sqlite3_vfs, sqlite3_filename, *mut sqlite3_file, c_int, *mut c_int) -> c_int;

type Delete = unsafe extern "C" fn(*mut sqlite3_vfs, *const c_char, c_int) -> c_int;

/// The VFS below, which does the work; by address, since SQLite's own never goes.
static REAL: OnceLock<(usize, Open, Delete)> = OnceLock::new();
static NOTES: Mutex<Option<Notes>> = Mutex::new(None);

/// What is known of the files in the folders that are watched.
#[derive(Default)]
struct Notes {
    folders: Vec<PathBuf>,
    /// The paths of open files and their own methods, by the addresses of SQLite's structures.
    open: HashMap<usize, (PathBuf, sqlite3_io_methods)>,
    /// What each file held when it was synced last.
    synced: HashMap<PathBuf, Vec<u8>>,
}

fn notes() -> MutexGuard<'static, Option<Notes>> {
    NOTES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes from now on what is synced of the files in a folder. Files elsewhere are SQLite's own affair.
fn watch(folder: &Path) {
    let mut notes = notes();
    let notes = notes.get_or_insert_with(|| {
        register();
        Notes::default()
    });
    notes.folders.push(folder.to_owned());
}

fn register() {
    // SAFETY: the default VFS is there from the start and never goes; the copy is leaked, so it stays as long.
    unsafe {
        let real = sqlite3_vfs_find(std::ptr::null());
        let open = (*real).xOpen.expect("every VFS opens files");
        let delete = (*real).xDelete.expect("every VFS deletes files");
        REAL.set((real as usize, open, delete)).expect("registered once");
        let mut noting = *real;
        noting.pNext = std::ptr::null_mut();
        noting.zName = c"noting".as_ptr();
        noting.xOpen = Some(open_and_note);
        noting.xDelete = Some(delete_and_note);
        let noting = Box::into_raw(Box::new(noting));
        assert_eq!(sqlite3_vfs_register(noting, 1), SQLITE_OK);
    }
}

/// Opens a file; syncs of one that is watched are noted.
unsafe extern "C" fn open_and_note(
    _vfs: *mut sqlite3_vfs,
    name: sqlite3_filename,
    file: *mut sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    let Some((real, open, _)) = REAL.get() else {
        return ffi::SQLITE_CANTOPEN;
    };
    // SAFETY: SQLite's own arguments, for the VFS that they would have gone to.
    let opened = unsafe { open(*real as *mut sqlite3_vfs, name, file, flags, out_flags) };
    if opened != SQLITE_OK || name.is_null() {
        return opened;
    }
    // SAFETY: a name is a C string.
    let path = unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned();
    let path = PathBuf::from(path);
    if let Some(notes) = notes().as_mut()
        && notes.folders.iter().any(|folder| path.starts_with(folder))
    {
        // SAFETY: the file was opened, so it has methods, which are valid as long as SQLite is.
        let own = unsafe { *(*file).pMethods };
        let noting = Box::new(sqlite3_io_methods {
            xSync: Some(sync_and_note),
            ..own
        });
        // SAFETY: the table is leaked, so it stays as long as the file, and has the functions of the file's own.
        unsafe { (*file).pMethods = Box::into_raw(noting) };
        notes.open.insert(file as usize, (path, own));
    }
    opened
}

/// Deletes a file, of which the disk has nothing then: SQLite has the folder synced where that matters.
unsafe extern "C" fn delete_and_note(_vfs: *mut sqlite3_vfs, name: *const c_char, sync: c_int) -> c_int {
    let Some((real, _, delete)) = REAL.get() else {
        return ffi::SQLITE_IOERR_DELETE;
    };
    // SAFETY: SQLite's own arguments, for the VFS that they would have gone to.
    let deleted = unsafe { delete(*real as *mut sqlite3_vfs, name, sync) };
    if let Some(notes) = notes().as_mut() {
        // SAFETY: a name is a C string.
        let path = unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned();
        notes.synced.remove(Path::new(&path));
    }
    deleted
}

/// Syncs a file, and notes what it holds.
unsafe extern "C" fn sync_and_note(file: *mut sqlite3_file, flags: c_int) -> c_int {
    let mut notes = notes();
    let Some(Notes { open, synced, .. }) = notes.as_mut() else {
        return ffi::SQLITE_IOERR_FSYNC;
    };
    let Some((path, own)) = open.get(&(file as usize)) else {
        return ffi::SQLITE_IOERR_FSYNC;
    };
    let Some(sync) = own.xSync else {
        return ffi::SQLITE_IOERR_FSYNC;
    };
    // SAFETY: SQLite's own arguments, for the function that they would have gone to.
    let result = unsafe { sync(file, flags) };
    if result == SQLITE_OK {
        synced.insert(path.clone(), content(own, file));
    }
    result
}

/// By the file's own methods: to open it once more and close it again would take SQLite's locks away.
fn content(methods: &sqlite3_io_methods, file: *mut sqlite3_file) -> Vec<u8> {
    let (size, read) = (methods.xFileSize.unwrap(), methods.xRead.unwrap());
    let mut length = 0;
    // SAFETY: the file is open, and the buffer is as long as is said.
    unsafe {
        assert_eq!(size(file, &raw mut length), SQLITE_OK);
        let mut bytes = vec![0; usize::try_from(length).unwrap()];
        let amount = c_int::try_from(length).unwrap();
        if amount > 0 {
            assert_eq!(read(file, bytes.as_mut_ptr().cast::<c_void>(), amount, 0), SQLITE_OK);
        }
        bytes
    }
}

/// A store on what the disk has of the hub in a folder.
fn after_the_cut(folder: &Path) -> (tempfile::TempDir, SqliteStore) {
    let left = tempfile::tempdir().unwrap();
    let notes = notes();
    for (path, bytes) in &notes.as_ref().unwrap().synced {
        if path.starts_with(folder) {
            std::fs::write(left.path().join(path.file_name().unwrap()), bytes).unwrap();
        }
    }
    drop(notes);
    let store = SqliteStore::open(&left.path().join("hub.db"), Durability::Process).unwrap();
    (left, store)
}

const COMMITS: i64 = 24;
/// So many fill the log twice.
const LARGE: usize = 3_000_000;

/// How many of the commits are there when the plug is pulled behind each of some of them.
fn kept(durability: Durability) -> Vec<(i64, i64)> {
    let folder = tempfile::tempdir().unwrap();
    // As SQLite has it.
    let path = folder.path().canonicalize().unwrap();
    watch(&path);
    let store = SqliteStore::open(&path.join("hub.db"), durability).unwrap();
    let mut kept = Vec::new();
    let input = |number: i64| match number % 2 {
        0 => "x".repeat(LARGE),
        _ => "5".to_owned(),
    };
    for number in 1..=COMMITS {
        let row = InstanceRow {
            input: Some(input(number)),
            ..new(number, &number.to_string(), RuntimeStatus::Running)
        };
        store
            .write(&[Commit {
                created: vec![row],
                history: vec![(1000 + number, InstanceKey(number), "h".into())],
                ..Commit::default()
            }])
            .unwrap();
        if number % 3 > 0 {
            continue;
        }
        let (_left, store) = after_the_cut(&path);
        let whole = |number: &i64| {
            let row = store.find(&number.to_string()).unwrap();
            row.is_some_and(|row| row.input == Some(input(*number)))
                && store.history(InstanceKey(*number)).unwrap() == ["h"]
        };
        let there = (1..=number).filter(whole).count();
        let there = i64::try_from(there).unwrap();
        assert!((1..=there).all(|number| whole(&number)), "what is lost is the newest");
        kept.push((there, number));
    }
    kept
}

#[test]
fn a_pulled_plug_loses_nothing_that_was_committed() {
    for (there, committed) in kept(Durability::Full) {
        assert_eq!(there, committed);
    }
}

/// What the notes are worth: without a sync of each commit, some are lost, the newest, and the hub opens nonetheless.
#[test]
fn a_pulled_plug_loses_commits_that_only_the_system_has() {
    assert!(
        kept(Durability::Process)
            .iter()
            .any(|(there, committed)| there < committed)
    );
}
