//! `functions`: the metadata of every function, as one JSON array.

use super::failure::{Failure, print};
use crate::{
    durable::Wire,
    functions::{Functions, bindings},
};
use serde_json::{Value, json};

pub(super) fn run(app: &Functions, wire: Wire) -> Result<(), Failure> {
    print(&format!("{:#}\n", describe(app, wire)))
}

fn describe(app: &Functions, wire: Wire) -> Value {
    let functions = app.functions().iter().map(|f| {
        json!({
            "name": f.name,
            "file": f.file,
            "line": f.line,
            "bindings": bindings(f, wire),
        })
    });
    functions.collect()
}
