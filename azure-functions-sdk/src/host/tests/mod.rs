//! What the tests of the host's parts share: a worker without a process, functions that it describes, and what was logged.

pub(crate) mod captured;
pub(crate) mod described;
pub(crate) mod fake_worker;
