//! Files and folders for their owner only: what a host keeps holds the inputs and outputs of functions, and keys.
//!
//! New ones are made so; those of earlier builds, or with a mode that was changed, are tightened when they are opened. What a
//! link leads to, and what is no file or folder, belongs to others: it stays as it is.
//! Where the system knows no modes, nothing is done.

use std::{
    fs::{DirBuilder, OpenOptions},
    io,
    path::Path,
};

/// Makes a folder, and those above it that are missing. One that is there already is tightened if it holds nothing but
/// what `is_ours` says: it may be a folder that its user shares with others.
pub(crate) fn folder(path: &Path, is_ours: impl Fn(&str) -> bool) -> io::Result<()> {
    if path.as_os_str().is_empty() {
        return Ok(());
    }
    if !path.is_dir() {
        return private_folders().create(path);
    }
    let all_ours =
        std::fs::read_dir(path)?.all(|entry| entry.is_ok_and(|entry| entry.file_name().to_str().is_some_and(&is_ours)));
    if all_ours {
        tighten(path, 0o700);
    }
    Ok(())
}

/// The data folder of a host.
pub(crate) fn data_folder(path: &Path) -> io::Result<()> {
    folder(path, |name| {
        let ends = [".db", ".db-wal", ".db-shm", ".db.lock"];
        ["keys.json", "built.txt", "built-release.txt"].contains(&name)
            || name == "timers"
            || name.starts_with(".tmp")
            || ends.iter().any(|end| name.ends_with(end))
    })
}

/// How a private file is opened, or made if the options say so.
pub(crate) fn options() -> OpenOptions {
    #[cfg_attr(not(unix), allow(unused_mut, reason = "there are no modes"))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// A new private file.
#[cfg(any(test, feature = "host"))]
pub(crate) fn create_new(path: &Path) -> io::Result<std::fs::File> {
    options().write(true).create_new(true).open(path)
}

/// Tightens a file, if it is there.
pub(crate) fn file(path: &Path) {
    tighten(path, 0o600);
}

fn private_folders() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

#[cfg(unix)]
fn tighten(path: &Path, mode: u32) {
    use rustix::fs::OFlags;
    use std::{
        fs::Permissions,
        os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    };
    // One descriptor for the look and the change; a pipe is not waited for.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    #[allow(
        clippy::cast_possible_wrap,
        reason = "the bits of open(2), which takes a signed number"
    )]
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits() as i32)
        .open(path);
    let Ok((file, metadata)) = opened.and_then(|file| file.metadata().map(|metadata| (file, metadata))) else {
        return;
    };
    let is_ours = metadata.is_file() || metadata.is_dir();
    if !is_ours || metadata.permissions().mode() & 0o077 == 0 {
        return;
    }
    if let Err(error) = file.set_permissions(Permissions::from_mode(mode)) {
        log::warn!(
            "other users of this machine can read {}, and its mode cannot be changed: {error}",
            path.display()
        );
    }
}

#[cfg(not(unix))]
fn tighten(_: &Path, _: u32) {}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn loosen(path: &Path) {
        let mode = if path.is_dir() { 0o755 } else { 0o644 };
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_folder_is_made_for_its_owner_and_tightened_if_it_holds_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let data = root.path().join("made/data");
        data_folder(&data).unwrap();
        assert_eq!((mode(&data), mode(&root.path().join("made"))), (0o700, 0o700));
        for name in ["keys.json", "Hub.db", "Hub.db-wal", "Hub.db.lock"] {
            std::fs::write(data.join(name), "").unwrap();
        }
        loosen(&data);
        data_folder(&data).unwrap();
        assert_eq!(mode(&data), 0o700);
        // A folder of the app, say.
        std::fs::write(data.join("Cargo.toml"), "").unwrap();
        loosen(&data);
        data_folder(&data).unwrap();
        assert_eq!(mode(&data), 0o755);
    }

    #[test]
    fn a_file_is_made_for_its_owner_and_tightened() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("file");
        file(&path);
        create_new(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
        loosen(&path);
        file(&path);
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn what_a_link_leads_to_keeps_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("hub.db-wal"));
        std::fs::write(&target, "theirs").unwrap();
        std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o644)).unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        file(&link);
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&target), 0o644);
        // A device, directly: everybody on the machine needs it.
        let before = mode(Path::new("/dev/null"));
        file(Path::new("/dev/null"));
        assert_eq!(mode(Path::new("/dev/null")), before);
    }
}
