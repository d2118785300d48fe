//! What a package holds.

use std::path::PathBuf;

/// What the platform calls the program.
pub(crate) const PROGRAM: &str = "app";

/// What goes into a package.
#[derive(Debug)]
pub(crate) struct Contents<'a> {
    pub(crate) host_json: &'a [u8],
    pub(crate) program: &'a [u8],
    pub(crate) extra: &'a [ExtraFile],
}

/// A file besides those.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ExtraFile {
    /// Its name in the package: its path below the app's folder, with `/`.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
}
