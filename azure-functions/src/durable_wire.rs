//! The two forms in which hosts hand durable functions over, and what only one of them can say.

use std::fmt;

/// The form in which a host hands orchestrations and entities over. Which one an invocation came in shows in what arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Wire {
    /// Messages of the Durable Task protocol, as base64. The default; the durable extension knows it from version 3.15.
    Protobuf,
    /// The JSON of the durable extension for older SDKs.
    Json,
}

impl fmt::Display for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Protobuf => "protobuf",
            Self::Json => "JSON",
        })
    }
}

/// The wire of the host cannot say what was asked for. Nothing was done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: the {wire} wire has no words for that; {instead}")]
#[non_exhaustive]
pub struct Unsupported {
    /// What was asked for, in words.
    pub what: &'static str,
    /// The wire that the invocation came in.
    pub wire: Wire,
    /// What to do.
    pub instead: &'static str,
}

impl Unsupported {
    pub(crate) fn new(what: &'static str, wire: Wire, instead: &'static str) -> Self {
        Self { what, wire, instead }
    }
}
