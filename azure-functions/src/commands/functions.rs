//! `functions`: the metadata of every function, as one JSON array.

use super::failure::{Failure, print};
use crate::functions::Functions;
use serde_json::{Value, json};

pub(super) fn run(app: &Functions) -> Result<(), Failure> {
    print(&format!("{:#}\n", describe(app)))
}

fn describe(app: &Functions) -> Value {
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
