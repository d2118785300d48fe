//! The future of an operation of a durable client.

use std::{future::Future, pin::Pin};

/// What a typed operation of a client gives back: a future that any thread can run.
pub type ClientFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
