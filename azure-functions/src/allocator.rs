//! The allocator of the app, by the feature `mimalloc`.
//!
//! The C library's locks a heap that several threads use, and what one thread allocates for a message another may free. Static builds
//! against musl gain most.

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;
