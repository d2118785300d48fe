//! How the crates are built, read off their sources: no files in a circle, and what
//! ARCHITECTURE.md says of floors and paths.

mod circles;
mod floors;
mod imports;
mod map;
mod reader;

use imports::Imports;
use std::{path::PathBuf, sync::LazyLock};

/// The crates of the workspace, without the examples.
const CRATES: [&str; 4] = [
    "azure-functions",
    "azure-functions-codegen",
    "azure-functions-durable",
    "azure-functions-sdk",
];

fn workspace() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The crates, read once for all tests.
static READ: LazyLock<Vec<(&str, Imports)>> = LazyLock::new(|| {
    let read = |name| (name, Imports::of(&workspace().join(name).join("src")));
    CRATES.into_iter().map(read).collect()
});
