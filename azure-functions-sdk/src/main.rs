//! `cargo func`.

fn main() {}
