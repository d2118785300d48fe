//! The messages of the host/worker stream, generated from `proto/` (see `tests/wire.rs`). Not a stable interface.

#![allow(missing_docs, unreachable_pub, unnameable_types, unused_qualifications, clippy::all)]

pub use messages::{
    rpc::{typed_data::Data, *},
    *,
};

mod messages {
    include!("rpc/generated/_.rs");
    pub mod rpc {
        include!("rpc/generated/azure_functions_rpc_messages.rs");
    }
}
