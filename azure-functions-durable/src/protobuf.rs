//! The messages of the Durable Task protocol, generated from `proto/` (see `tests/wire.rs` of azure-functions). Not a stable interface.

#![allow(
    missing_docs,
    unreachable_pub,
    unnameable_types,
    unused_qualifications,
    clippy::all,
    clippy::use_self
)]

include!("protobuf/generated/_.rs");
