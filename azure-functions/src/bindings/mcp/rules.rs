//! What an app's MCP tools, resources and prompts must not be: a Functions host on which one of them breaks a rule does not start at all.
//!
//! The crates `azure-functions` and `azure-functions-sdk` have this file, each its own copy: the worker refuses such a function before it
//! talks to a host, and the local host refuses it in place of the real one. A test compares the two. So nothing here knows more than a
//! binding's members, which are looked up in any case, as the host does.
//!
//! The rule for the URI of a resource is in the table of bindings: the macro knows it, too.
//!
//! Source: the MCP extension 1.6, and recordings of what a host said.

use serde_json::{Map, Value};

/// What clients of MCP use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Tool,
    Resource,
    Prompt,
}

impl Kind {
    /// What the binding with these members announces, if it is a trigger of the MCP extension.
    pub(crate) fn of(binding: &Map<String, Value>) -> Option<Self> {
        let kind = text(binding, "type")?;
        let kinds = [Self::Tool, Self::Resource, Self::Prompt];
        kinds
            .into_iter()
            .find(|known| known.trigger().eq_ignore_ascii_case(kind))
    }

    /// The type of the binding.
    pub(crate) const fn trigger(self) -> &'static str {
        match self {
            Self::Tool => "mcpToolTrigger",
            Self::Resource => "mcpResourceTrigger",
            Self::Prompt => "mcpPromptTrigger",
        }
    }

    /// The member by which clients know it, which no two of a kind share.
    pub(crate) const fn name_member(self) -> &'static str {
        match self {
            Self::Tool => "toolName",
            Self::Resource => "uri",
            Self::Prompt => "promptName",
        }
    }

    /// What it is called in a sentence.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Resource => "resource",
            Self::Prompt => "prompt",
        }
    }

    /// The members that are JSON, in a text.
    const fn json_members(self) -> &'static [(&'static str, Wanted)] {
        match self {
            Self::Tool => &[
                ("inputSchema", Wanted::Schema("takes")),
                ("outputSchema", Wanted::Schema("gives back")),
                ("toolProperties", Wanted::Properties),
                ("metadata", Wanted::Object),
            ],
            Self::Resource => &[("metadata", Wanted::Object)],
            Self::Prompt => &[
                ("promptArguments", Wanted::Arguments),
                ("icons", Wanted::List),
                ("metadata", Wanted::Object),
            ],
        }
    }
}

/// What the JSON of a member must be.
enum Wanted {
    /// The schema of what a tool takes, or gives back.
    Schema(&'static str),
    Properties,
    Arguments,
    List,
    Object,
}

impl Wanted {
    /// What is wrong with the value of a member.
    fn mistake(&self, member: &str, value: &Value) -> Option<String> {
        let objects = || {
            let items = value.as_array()?;
            items.iter().map(Value::as_object).collect::<Option<Vec<_>>>()
        };
        match self {
            Self::Schema(what) => wrong_schema(value).map(|wrong| {
                format!("what the tool {what} is no JSON object: {wrong}; use a struct with named fields, or a map")
            }),
            Self::Object => (!value.is_object()).then(|| format!("`{member}` is not a JSON object")),
            Self::Properties | Self::Arguments | Self::List => match objects() {
                None => Some(format!("`{member}` is not a JSON array of objects")),
                Some(items) => items.into_iter().find_map(|item| self.wrong_item(item)),
            },
        }
    }

    /// What is wrong with an object in a list.
    fn wrong_item(&self, item: &Map<String, Value>) -> Option<String> {
        let has = |name| member(item, name).is_some_and(Value::is_string);
        match self {
            Self::Properties if !has("propertyName") || !has("propertyType") => {
                Some("each of the `toolProperties` has a propertyName and a propertyType".to_owned())
            }
            // The extension ignores a type, and clients give texts only.
            Self::Arguments if matches!(text(item, "type"), Some("object" | "array")) => {
                let name = text(item, "name").unwrap_or_default();
                Some(format!(
                    "its argument `{name}` is a list or an object, and a prompt takes texts, numbers and flags"
                ))
            }
            _ => None,
        }
    }
}

/// What the tool, resource or prompt is known by, and no other of the kind may be known by.
pub(crate) fn identity(binding: &Map<String, Value>) -> Option<(Kind, String)> {
    let kind = Kind::of(binding)?;
    let name = text(binding, kind.name_member())?;
    let name = match kind {
        // Whatever its variables are called: two URIs that differ in them only match the same.
        Kind::Resource => anonymous(name),
        Kind::Tool | Kind::Prompt => name.to_owned(),
    };
    Some((kind, name.to_lowercase()))
}

/// Why the binding cannot be a tool, resource or prompt, in half a sentence.
pub(crate) fn mistake(binding: &Map<String, Value>) -> Option<(Kind, String)> {
    let kind = Kind::of(binding)?;
    if kind == Kind::Tool && uses_worker_schema(binding) && text(binding, "inputSchema").is_none() {
        return Some((kind, "it has `useWorkerInputSchema` and no `inputSchema`".to_owned()));
    }
    let reason =
        kind.json_members()
            .iter()
            .find_map(|(name, wanted)| match serde_json::from_str(text(binding, name)?) {
                Ok(value) => wanted.mistake(name, &value),
                Err(error) => Some(format!("`{name}` is not JSON: {error}")),
            });
    Some((kind, reason?))
}

/// Whether the schema of a tool is its `inputSchema`.
pub(crate) fn uses_worker_schema(binding: &Map<String, Value>) -> bool {
    is_true(binding, "useWorkerInputSchema")
}

/// Whether a member is true, which may be a text.
pub(crate) fn is_true(binding: &Map<String, Value>, name: &str) -> bool {
    match member(binding, name) {
        Some(Value::Bool(flag)) => *flag,
        Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
        _ => false,
    }
}

fn member<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let mut members = members.iter();
    members
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

/// A member that is text; empty text counts as absent.
fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    member(members, name)?.as_str().filter(|text| !text.is_empty())
}

fn wrong_schema(schema: &Value) -> Option<String> {
    match schema.get("type") {
        Some(Value::String(kind)) if kind == "object" => {}
        Some(kind) => return Some(format!("its schema has the type {kind}")),
        None => return Some("its schema has no type".to_owned()),
    }
    let is_missing_or = |name, is: fn(&Value) -> bool| schema.get(name).is_none_or(is);
    if !is_missing_or("properties", Value::is_object) {
        return Some("the `properties` of its schema are no object".to_owned());
    }
    (!is_missing_or("required", Value::is_array)).then(|| "`required` of its schema is no list".to_owned())
}

/// A URI whose variables have no names.
fn anonymous(uri: &str) -> String {
    let mut rest = uri;
    let mut text = String::new();
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        text.push_str("{}");
        rest = after.split_once('}').map_or("", |(_, after)| after);
    }
    text + rest
}
