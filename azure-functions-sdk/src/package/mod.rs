//! What `cargo func pack` makes of a program: looks at what it asks of the system that it is to run on, and writes the files that
//! Azure takes.

pub(crate) mod archive;
pub(crate) mod container;
pub(crate) mod contents;
pub(crate) mod elf;
pub(crate) mod extra_files;
pub(crate) mod platform;
