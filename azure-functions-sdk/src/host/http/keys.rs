//! The host's access keys: generated once, kept in `keys.json` of the data folder, readable by its owner only.
//! Keys are compared in constant time and never shown.

use std::{
    collections::BTreeMap,
    fmt,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};

use super::AuthLevel;
use crate::{
    host::secret::{new_key, same},
    private,
};

/// The name of the system key that the durable HTTP API accepts.
pub const DURABLE_SYSTEM_KEY: &str = "durabletask_extension";

/// The name of the system key that the MCP server of the app accepts.
pub const MCP_SYSTEM_KEY: &str = "mcp_extension";

/// All access keys of one data folder.
pub struct Keys {
    path: PathBuf,
    file: Mutex<KeyFile>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyFile {
    #[serde(default = "new_key")]
    master_key: String,
    #[serde(default)]
    host_keys: BTreeMap<String, String>,
    #[serde(default)]
    system_keys: BTreeMap<String, String>,
    /// By function, in the function's own spelling.
    #[serde(default)]
    function_keys: BTreeMap<String, BTreeMap<String, String>>,
}

/// The keys cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeysError {
    /// The file or its folder is out of reach.
    #[error("cannot use the key file {}: {source}", path.display())]
    Io {
        /// The key file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file is not what we wrote.
    #[error(
        "the key file {} is damaged (line {line}, column {column}): restore it, or delete it to have new keys generated",
        path.display()
    )]
    Damaged {
        /// The key file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
}

impl Keys {
    /// Opens `keys.json` in the data folder, which is created with the keys that are missing.
    ///
    /// # Errors
    /// The file cannot be read, written, or understood.
    pub fn open(data_dir: &Path) -> Result<Self, KeysError> {
        let path = data_dir.join("keys.json");
        let failed = |source| KeysError::Io {
            path: path.clone(),
            source,
        };
        private::data_folder(data_dir).map_err(failed)?;
        let (mut file, mut changed) = match std::fs::read_to_string(&path) {
            Ok(text) => {
                // The parser's message could quote a key: only the place is kept.
                let file: KeyFile = serde_json::from_str(&text).map_err(|error| KeysError::Damaged {
                    path: path.clone(),
                    line: error.line(),
                    column: error.column(),
                })?;
                restrict(&path).map_err(failed)?;
                (file, false)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let file = KeyFile {
                    master_key: new_key(),
                    host_keys: BTreeMap::new(),
                    system_keys: BTreeMap::new(),
                    function_keys: BTreeMap::new(),
                };
                (file, true)
            }
            Err(source) => return Err(failed(source)),
        };
        // An empty key would open the door to everyone.
        if file.master_key.is_empty() {
            file.master_key = new_key();
            changed = true;
        }
        changed |= ensure(&mut file.host_keys, "default");
        changed |= ensure(&mut file.system_keys, DURABLE_SYSTEM_KEY);
        changed |= ensure(&mut file.system_keys, MCP_SYSTEM_KEY);
        let keys = Self {
            path,
            file: Mutex::new(file),
        };
        if changed {
            keys.write(&keys.lock())?;
        }
        Ok(keys)
    }

    /// Where the keys are kept: what to tell a user who needs one.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The key for the `code` parameter of durable management URLs.
    pub fn durable_system_key(&self) -> String {
        self.lock()
            .system_keys
            .get(DURABLE_SYSTEM_KEY)
            .cloned()
            .unwrap_or_default()
    }

    /// Makes sure that each of these functions has a `default` key.
    ///
    /// # Errors
    /// New keys cannot be written; they hold until the host ends.
    pub fn add_functions<'a>(&self, functions: impl IntoIterator<Item = &'a str>) -> Result<(), KeysError> {
        let mut file = self.lock();
        let mut changed = false;
        for function in functions {
            let known = file
                .function_keys
                .keys()
                .find(|known| known.eq_ignore_ascii_case(function))
                .cloned();
            let keys = file
                .function_keys
                .entry(known.unwrap_or_else(|| function.to_owned()))
                .or_default();
            changed |= ensure(keys, "default");
        }
        if changed { self.write(&file) } else { Ok(()) }
    }

    /// What a key is good for when it comes with a call of `function` (`None`: of no function).
    /// Always looks at all keys, whichever matches.
    pub fn level(&self, key: &str, function: Option<&str>) -> KeyMatch {
        let file = self.lock();
        let any = |keys: &BTreeMap<String, String>| keys.values().fold(false, |found, known| found | same(known, key));
        let of_function = function.is_some_and(|function| {
            let keys = file
                .function_keys
                .iter()
                .filter(|(name, _)| name.eq_ignore_ascii_case(function));
            keys.fold(false, |found, (_, keys)| found | any(keys))
        });
        let is = |name: &str| file.system_keys.get(name).is_some_and(|known| same(known, key));
        let (durable, mcp) = (is(DURABLE_SYSTEM_KEY), is(MCP_SYSTEM_KEY));
        let system = any(&file.system_keys);
        let host = any(&file.host_keys);
        let level = if same(&file.master_key, key) {
            AuthLevel::Admin
        } else if system {
            AuthLevel::System
        } else if host || of_function {
            AuthLevel::Function
        } else {
            AuthLevel::Anonymous
        };
        KeyMatch { level, durable, mcp }
    }

    /// Names and values of the host keys, for the holder of the master key.
    pub(super) fn host_keys(&self) -> BTreeMap<String, String> {
        self.lock().host_keys.clone()
    }

    /// Likewise for the system keys.
    pub(super) fn system_keys(&self) -> BTreeMap<String, String> {
        self.lock().system_keys.clone()
    }

    /// Likewise for the keys of one function.
    pub(super) fn function_keys(&self, function: &str) -> BTreeMap<String, String> {
        let file = self.lock();
        let keys = file
            .function_keys
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(function));
        keys.map(|(_, keys)| keys.clone()).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, KeyFile> {
        // A panic elsewhere leaves the keys whole: they are only ever added to.
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the file at once, so that a crash leaves the old or the new one. `tempfile` creates with mode 0600.
    fn write(&self, file: &KeyFile) -> Result<(), KeysError> {
        let write = || -> io::Result<()> {
            let folder = self.path.parent().unwrap_or(Path::new("."));
            let mut new = tempfile::NamedTempFile::new_in(folder)?;
            serde_json::to_writer_pretty(&mut new, file)?;
            new.write_all(b"\n")?;
            new.as_file().sync_all()?;
            new.persist(&self.path).map_err(|error| error.error)?;
            restrict(&self.path)
        };
        write().map_err(|source| KeysError::Io {
            path: self.path.clone(),
            source,
        })
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("path", &self.path).finish_non_exhaustive()
    }
}

/// What a key that came with a request is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyMatch {
    /// The level that it grants; anonymous if it is no key at all.
    pub level: AuthLevel,
    /// Whether it is the system key of the durable HTTP API.
    pub durable: bool,
    /// Whether it is the system key of the MCP server.
    pub mcp: bool,
}

fn ensure(keys: &mut BTreeMap<String, String>, name: &str) -> bool {
    let missing = keys.get(name).is_none_or(String::is_empty);
    if missing {
        keys.insert(name.to_owned(), new_key());
    }
    missing
}

#[cfg(unix)]
fn restrict(path: &Path) -> io::Result<()> {
    use std::{fs::Permissions, os::unix::fs::PermissionsExt as _};
    std::fs::set_permissions(path, Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn restrict(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn the_file_is_for_its_owner_only_even_if_it_was_not() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let mode = |keys: &Keys| std::fs::metadata(keys.path()).unwrap().permissions().mode() & 0o777;
        let keys = Keys::open(&folder.path().join("data")).unwrap();
        assert_eq!(mode(&keys), 0o600);
        std::fs::set_permissions(keys.path(), std::fs::Permissions::from_mode(0o644)).unwrap();
        let again = Keys::open(&folder.path().join("data")).unwrap();
        assert_eq!(mode(&again), 0o600);
        assert_eq!(again.durable_system_key(), keys.durable_system_key());
    }

    #[test]
    fn keys_are_long_random_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::open(folder.path()).unwrap();
        keys.add_functions(["Hello"]).unwrap();
        let hello = keys.function_keys("hello")["default"].clone();
        assert!(hello.len() == 64 && hello.bytes().all(|b| b.is_ascii_hexdigit()));
        assert_ne!(hello, keys.host_keys()["default"]);
        let again = Keys::open(folder.path()).unwrap();
        again.add_functions(["HELLO", "other"]).unwrap();
        assert_eq!(again.function_keys("Hello")["default"], hello);
        assert!(!format!("{again:?}").contains(&hello));
    }

    #[test]
    fn a_key_is_good_for_its_own_function_only() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::open(folder.path()).unwrap();
        keys.add_functions(["a", "b"]).unwrap();
        let a = &keys.function_keys("a")["default"];
        assert_eq!(keys.level(a, Some("A")).level, AuthLevel::Function);
        assert_eq!(keys.level(a, Some("b")).level, AuthLevel::Anonymous);
        assert_eq!(keys.level(a, None).level, AuthLevel::Anonymous);
        assert_eq!(keys.level("", Some("a")).level, AuthLevel::Anonymous);
        let durable = keys.level(&keys.durable_system_key(), None);
        assert_eq!(
            durable,
            KeyMatch {
                level: AuthLevel::System,
                durable: true,
                mcp: false
            }
        );
    }

    #[test]
    fn a_damaged_file_is_never_quoted() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("keys.json"), "{\"masterKey\": \"hunter2\",\n oops }").unwrap();
        let message = Keys::open(folder.path()).unwrap_err().to_string();
        assert!(message.contains("is damaged (line 2, column 2)"), "{message}");
        assert!(!message.contains("hunter2"));
    }
}
