//! The messages of the host/worker stream, generated from the same `.proto` files as the worker's half.

#![allow(
    missing_docs,
    unreachable_pub,
    unnameable_types,
    unused_qualifications,
    dead_code,
    unused_imports,
    clippy::all
)]

pub use generated::{
    rpc::{typed_data::Data, *},
    *,
};

mod generated {
    include!("generated/_.rs");
    pub mod rpc {
        include!("generated/azure_functions_rpc_messages.rs");
    }
}
