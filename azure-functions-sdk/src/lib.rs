//! `cargo func` as a library: the command line, the embedded local host that it starts, and the test host.
//!
//! An app needs this crate only to test itself: the documentation of the module `testing` (a feature) is the guide.

#[cfg(any(feature = "host", feature = "testing"))]
#[allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "the files are those of `azure-functions`, where all of it is used and public"
)]
mod binding_table;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(any(feature = "sqlite", feature = "testing"))]
#[cfg_attr(
    not(any(feature = "host", feature = "testing")),
    allow(dead_code, reason = "some is only for what stands in for services")
)]
mod dotnet_number;
#[cfg(any(feature = "sqlite", feature = "testing"))]
pub mod durable;
#[cfg(feature = "host")]
pub mod host;
#[cfg(feature = "cli")]
mod package;
#[cfg(feature = "sqlite")]
mod private;
#[cfg(feature = "host")]
pub mod project;
#[cfg(any(feature = "host", feature = "testing"))]
#[cfg_attr(
    not(feature = "host"),
    allow(
        unreachable_pub,
        dead_code,
        reason = "what is public is so in the local host, and some is only for it"
    )
)]
mod services;
#[cfg(feature = "cli")]
pub mod shell;
#[cfg(any(feature = "sqlite", feature = "testing"))]
mod similar;
#[cfg(feature = "cli")]
mod template;
#[cfg(feature = "testing")]
pub mod testing;

/// Only `cargo test --doc` sees it: the code of the README compiles.
#[cfg(all(doctest, feature = "testing"))]
#[doc = include_str!("../../README.md")]
struct Readme;

/// Only `cargo test --doc` sees it: the example of the guide's chapter on testing, which needs the test host, compiles.
#[cfg(all(doctest, feature = "testing"))]
#[doc = include_str!("../../azure-functions/src/guide/testing.md")]
struct GuideToTesting;
