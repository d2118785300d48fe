//! The table in the guide's chapter about bindings is that of the code.

use crate::binding::table::{Argument, BINDINGS, Binding, Flow};
use std::{fs, path::Path};

const BEGIN: &str = "<!-- table -->\n";
const END: &str = "<!-- end -->\n";

fn table() -> String {
    let mut text = String::from("| Type | `function.json` | It is | Arguments | Data |\n|---|---|---|---|---|\n");
    for row in BINDINGS {
        let types: Vec<_> = row.types.iter().map(|name| format!("`{name}`")).collect();
        let batch = match (row.batch, row.flow) {
            (false, _) => "",
            (true, Flow::Output) => "; several as a `Vec`",
            (true, _) => "; a batch as a `Vec`",
        };
        let flow = match row.flow {
            Flow::Trigger => "trigger",
            Flow::Input => "input",
            Flow::Output => "output",
        };
        text += &format!(
            "| {}{batch} | {} | {flow}: {} | {} | {} |\n",
            types.join(", "),
            match row.type_name {
                "" => "the `type`".to_owned(),
                name => format!("`{name}`"),
            },
            row.summary,
            arguments(row),
            row.data
        );
    }
    text
}

fn arguments(row: &Binding) -> String {
    let choice = |name: &str| row.choices.iter().position(|choice| choice.contains(&name));
    let shown = |argument: &Argument| match argument.required {
        true => format!("**`{}`**", argument.name),
        false => format!("`{}`", argument.name),
    };
    let choices: Vec<_> = row
        .choices
        .iter()
        .map(|choice| {
            choice
                .iter()
                .map(|name| format!("**`{name}`**"))
                .collect::<Vec<_>>()
                .join(" and ")
        })
        .collect();
    let others = row.arguments.iter().filter(|argument| choice(argument.name).is_none());
    let choices = (!choices.is_empty()).then(|| choices.join(" *or* "));
    let any = row.any_argument.then(|| "any other".to_owned());
    let all = choices.into_iter().chain(others.map(shown)).chain(any);
    all.collect::<Vec<_>>().join(", ")
}

#[test]
fn the_guide_lists_every_binding_of_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/guide/bindings.md");
    let text = fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let wanted = format!("{before}{BEGIN}{}{END}{after}", table());
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &wanted).unwrap();
    }
    assert!(
        fs::read_to_string(&path).unwrap() == wanted,
        "src/guide/bindings.md is not up to date: BLESS=1 writes its table anew"
    );
}
