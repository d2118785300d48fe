//! The zip that Azure's `native` runtime takes: `host.json` and the program at the root, with the mode bits that let it start.

use std::{
    fs,
    io::{self, Seek, Write},
    path::{Path, PathBuf},
};

use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::contents::{Contents, ExtraFile, PROGRAM};

/// The Core Tools give everybody everything of an executable; without the bits the platform cannot start it.
const EXECUTABLE: u32 = 0o777;
const DATA: u32 = 0o644;

/// Why there is no zip.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ArchiveError {
    #[error("`{}` cannot be read", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("`{}` cannot be written", .path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("`{name}` cannot be put into the zip")]
    Entry {
        name: String,
        source: zip::result::ZipError,
    },
}

/// Writes the zip, which appears as a whole or not at all; its size in bytes.
pub(crate) fn write(path: &Path, contents: &Contents<'_>) -> Result<u64, ArchiveError> {
    let failed = |source| ArchiveError::Write {
        path: path.to_owned(),
        source,
    };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder).map_err(failed)?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    write_to(file.as_file_mut(), contents)?;
    let size = file.as_file().metadata().map_err(failed)?.len();
    readable(file.as_file()).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(size)
}

/// A temporary file is its owner's alone; a zip is an ordinary file.
fn readable(file: &fs::File) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.set_permissions(fs::Permissions::from_mode(DATA))?;
    }
    let _ = file;
    Ok(())
}

/// The same contents make the same bytes: no time is written.
fn write_to(file: impl Write + Seek, contents: &Contents<'_>) -> Result<(), ArchiveError> {
    let mut zip = ZipWriter::new(file);
    let mut add = |name: &str, mode: u32, data: &[u8]| {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .unix_permissions(mode);
        let added = zip.start_file(name, options).and_then(|()| Ok(zip.write_all(data)?));
        added.map_err(|source| ArchiveError::Entry {
            name: name.to_owned(),
            source,
        })
    };
    add("host.json", DATA, contents.host_json)?;
    add(PROGRAM, EXECUTABLE, contents.program)?;
    for ExtraFile { name, path } in contents.extra {
        let data = fs::read(path).map_err(|source| ArchiveError::Read {
            path: path.clone(),
            source,
        })?;
        add(name, DATA, &data)?;
    }
    let finished = zip.finish();
    finished.map(|_| ()).map_err(|source| ArchiveError::Entry {
        name: "the list of its files".to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    #[test]
    fn the_program_is_executable_and_everything_is_at_the_root() {
        let contents = Contents {
            host_json: b"{}",
            program: b"\x7fELF",
            extra: &[],
        };
        let mut bytes = Cursor::new(Vec::new());
        write_to(&mut bytes, &contents).unwrap();
        let mut again = Cursor::new(Vec::new());
        write_to(&mut again, &contents).unwrap();
        assert_eq!(bytes, again, "nothing of it depends on when it is written");
        let mut zip = zip::ZipArchive::new(bytes).unwrap();
        let entries: Vec<_> = (0..zip.len())
            .map(|index| {
                let file = zip.by_index(index).unwrap();
                (file.name().unwrap().into_owned(), file.unix_mode())
            })
            .collect();
        let expected = [("host.json", 0o100_644), ("app", 0o100_777)];
        assert_eq!(entries, expected.map(|(name, mode)| (name.to_owned(), Some(mode))));
    }
}
