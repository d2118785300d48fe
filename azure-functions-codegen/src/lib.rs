//! The `#[func]` attribute of `azure-functions`.
