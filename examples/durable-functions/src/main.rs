//! The durable example app.

fn main() {}
