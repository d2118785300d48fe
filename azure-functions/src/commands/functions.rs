//! `functions`: the metadata of every function, as one JSON array.

use super::Failure;
use crate::worker::App;
use serde_json::{Value, json};
use std::io::{self, Write as _};

pub(super) fn run(app: &App) -> Result<(), Failure> {
    let text = format!("{:#}\n", describe(app));
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::work(format!("cannot print: {error}"))),
        _ => Ok(()),
    }
}

fn describe(app: &App) -> Value {
    let functions = app.functions().iter().map(|f| {
        json!({
            "name": f.name,
            "file": f.file,
            "line": f.line,
            "bindings": (f.bindings)(),
        })
    });
    functions.collect()
}
