//! What `function.json` may hold: a JSON schema, written by hand from what a real host said about 87 functions and from the
//! documentation of the extensions. It does not follow from the table of bindings, so it can contradict it.

use jsonschema::Validator;
use serde_json::{Value, json};

const SCHEMA: &str = include_str!("function.schema.json");

/// What a real host said about functions with one fault each.
const INDEXING: &str = include_str!("../../src/host/tests/recorded/indexing.json");

/// What no schema of one file can know: settings, other functions, the function's name, what a schedule or a route means, and what is
/// the default of a member.
const BEYOND: [&str; 13] = [
    "q-unknown-connection",
    "q-missing-setting",
    "name with space",
    "1digit",
    "h-same-route2",
    "t-bad-schedule",
    "c-no-connection",
    "c-unknown-connection",
    "c-bad-connection",
    "c-same-lease",
    "c-missing-setting",
    "c-create",
    "host-0",
];

/// Checks what `function.json` files hold.
pub(crate) struct Schema {
    file: Validator,
    /// By the name of their definition.
    bindings: Vec<(String, Value)>,
    schema: Value,
}

impl Schema {
    pub(crate) fn read() -> Self {
        let schema: Value = serde_json::from_str(SCHEMA).unwrap();
        let definitions = schema["$defs"].as_object().unwrap();
        Self {
            file: jsonschema::validator_for(&schema).unwrap(),
            bindings: definitions.clone().into_iter().collect(),
            schema,
        }
    }

    /// What is wrong with a function that has these bindings.
    pub(crate) fn mistakes(&self, bindings: &Value) -> Vec<String> {
        if self.file.is_valid(&json!({ "bindings": bindings })) {
            return Vec::new();
        }
        let bindings = bindings.as_array().map(Vec::as_slice).unwrap_or_default();
        let mut found: Vec<_> = bindings.iter().flat_map(|binding| self.mistakes_of(binding)).collect();
        if found.is_empty() {
            found.push("not one trigger".to_owned());
        }
        found
    }

    /// Of one binding: those of the definition for its type and direction.
    fn mistakes_of(&self, binding: &Value) -> Vec<String> {
        let allows = |definition: &Value, member: &str| {
            let allowed = definition["properties"][member]["enum"].as_array();
            allowed.is_some_and(|allowed| allowed.contains(&binding[member]))
        };
        let mut found = self
            .bindings
            .iter()
            .filter(|(_, definition)| allows(definition, "type"));
        let Some((name, _)) = found.find(|(_, definition)| allows(definition, "direction")) else {
            return vec![format!("no binding of this type and direction: {binding}")];
        };
        let mut schema = self.schema.clone();
        schema
            .as_object_mut()
            .unwrap()
            .retain(|member, _| member.starts_with('$'));
        schema["$ref"] = format!("#/$defs/{name}").into();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let errors = validator.iter_errors(binding);
        errors.map(|error| format!("{name}: {error}: {binding}")).collect()
    }
}

#[test]
fn the_schema_refuses_what_the_real_host_refuses() {
    let schema = Schema::read();
    let recorded: Value = serde_json::from_str(INDEXING).unwrap();
    let mut wrong = Vec::new();
    for (name, recorded) in recorded.as_object().unwrap() {
        let bindings = recorded["bindings"].as_array().unwrap().iter();
        // Some are text, as a worker sends them; one is no JSON at all.
        let bindings = bindings.map(|binding| match binding.as_str() {
            Some(text) => serde_json::from_str(text).unwrap_or(Value::Null),
            None => binding.clone(),
        });
        let is_refused = !schema.mistakes(&bindings.collect()).is_empty();
        let expected = !BEYOND.contains(&name.as_str());
        if !recorded["error"].is_null() && is_refused != expected {
            wrong.push(format!(
                "{name}: refused {is_refused}, the host said {}",
                recorded["error"]
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
