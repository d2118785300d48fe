//! The functions linked into this binary, checked once, in the order of their names.

use crate::{
    app::{
        needs::{self, MissingStates},
        startup::Startup,
    },
    binding::signature::Parameter,
    bindings::mcp::{self, rules},
    durable::{CalledKind, KnownFunctions},
    durable_wire::Wire,
    registry::{DurableKind, Function, Handler, place},
    retry_policy::RetryPolicy,
    rpc::{RpcFunctionMetadata, StatusResult, status_result::Status},
    runtime::LANGUAGE,
    state::Need,
};
use serde_json::{Map, Value};
use std::{collections::HashMap, sync::OnceLock};
use uuid::Uuid;

/// All functions of the app.
#[derive(Debug)]
pub(crate) struct Functions {
    functions: Vec<&'static Function>,
    by_name: HashMap<String, usize>,
    known: OnceLock<KnownFunctions>,
}

/// The app cannot run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum FunctionsError {
    /// Nothing registered.
    #[error(
        "this binary contains no functions: put #[func] on a function, and name the module or crate that holds it in main.rs \
         (`mod functions;` for a module, `use my_funcs as _;` for a library crate), because the linker drops what nothing names"
    )]
    Empty,
    /// Names are compared ignoring case.
    #[error(
        "two {what} are named `{name}` (the host ignores case): {first} and {second}; rename one, or give it another \
         name with {attribute}"
    )]
    Duplicate {
        what: &'static str,
        name: String,
        first: String,
        second: String,
        attribute: &'static str,
    },
    /// A host would not start, and not say where to look.
    #[error("the function `{name}` ({place}) cannot be an MCP {kind}: {reason}")]
    Mcp {
        name: &'static str,
        place: String,
        kind: &'static str,
        reason: String,
    },
    /// Functions take what the app does not have.
    #[error(transparent)]
    States(#[from] MissingStates),
}

impl Functions {
    /// Collects what `#[func]` registered.
    pub(crate) fn linked() -> Result<Self, FunctionsError> {
        Self::new(inventory::iter::<Function>.into_iter().collect())
    }

    /// As [`linked`](Self::linked), of an app that starts with these states.
    pub(crate) fn linked_with(startup: &Startup) -> Result<Self, FunctionsError> {
        let this = Self::linked()?;
        needs::check(&this.functions, startup)?;
        Ok(this)
    }

    fn new(mut functions: Vec<&'static Function>) -> Result<Self, FunctionsError> {
        // The order in which the linker hands them out means nothing; a stable one makes every listing stable.
        functions.sort_by_key(|f| (f.name.to_lowercase(), f.file, f.line));
        let mut by_name = HashMap::with_capacity(functions.len());
        for (index, function) in functions.iter().enumerate() {
            if let Some(first) = by_name.insert(function.name.to_lowercase(), index) {
                return Err(duplicate(functions[first], function));
            }
        }
        if functions.is_empty() {
            return Err(FunctionsError::Empty);
        }
        check_mcp(&functions)?;
        Ok(Self {
            functions,
            by_name,
            known: OnceLock::new(),
        })
    }

    /// What its functions need of the app, each type once.
    pub(crate) fn needs(&self) -> Vec<&'static Need> {
        needs::of_all(&self.functions)
    }

    /// All functions, sorted by name.
    pub(crate) fn functions(&self) -> &[&'static Function] {
        &self.functions
    }

    /// A function by its name, ignoring case.
    pub(crate) fn find(&self, name: &str) -> Option<&'static Function> {
        self.by_name.get(&name.to_lowercase()).map(|i| self.functions[*i])
    }

    /// What orchestrations may call, by the names that the task hub knows. Cheap to clone.
    pub(crate) fn known_functions(&self) -> &KnownFunctions {
        self.known.get_or_init(|| {
            let durable = self.functions.iter().filter_map(|f| f.durable());
            KnownFunctions::new(durable.map(|(kind, name)| match kind {
                DurableKind::Orchestration => (CalledKind::Orchestration, name),
                DurableKind::Activity => (CalledKind::Activity, name),
                DurableKind::Entity => (CalledKind::Entity, name),
            }))
        })
    }

    /// The names, for a message.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.functions.iter().map(|f| f.name).collect()
    }
}

fn duplicate(first: &Function, second: &Function) -> FunctionsError {
    let entities = [first, second].map(|function| matches!(function.handler, Handler::Entity { .. }));
    let (what, attribute) = match entities {
        // An entity may be a function, too.
        [true, true] => (
            "entities",
            "#[entity(name = \"...\")] (#[func(name = \"...\")] if it is a function)",
        ),
        [false, false] => ("functions", "#[func(name = \"...\")]"),
        _ => (
            "functions",
            "#[func(name = \"...\")], or with #[entity(name = \"...\")] if it is an entity",
        ),
    };
    FunctionsError::Duplicate {
        what,
        name: second.name.to_owned(),
        first: place(first),
        second: place(second),
        attribute,
    }
}

/// Tools, resources and prompts that would keep a host from starting.
fn check_mcp(functions: &[&'static Function]) -> Result<(), FunctionsError> {
    let mut known: HashMap<(rules::Kind, String), &Function> = HashMap::new();
    for function in functions {
        let may_be =
            |parameter: &Parameter| parameter.spec.any_argument || parameter.spec.type_name().starts_with("mcp");
        if !function.parameters.iter().any(may_be) {
            continue;
        }
        for binding in (function.bindings)() {
            if let Some((kind, reason)) = mcp::mistake(&binding) {
                return Err(FunctionsError::Mcp {
                    name: function.name,
                    place: place(function),
                    kind: kind.word(),
                    reason,
                });
            }
            let Some(identity) = rules::identity(&binding) else {
                continue;
            };
            if let Some(first) = known.get(&identity) {
                let (kind, name) = identity;
                let (what, attribute) = match kind {
                    rules::Kind::Tool => ("MCP tools", "`tool_name`"),
                    rules::Kind::Resource => ("MCP resources", "`uri`"),
                    rules::Kind::Prompt => ("MCP prompts", "`prompt_name`"),
                };
                return Err(FunctionsError::Duplicate {
                    what,
                    name,
                    first: place(first),
                    second: place(function),
                    attribute,
                });
            }
            known.insert(identity, function);
        }
    }
    Ok(())
}

/// Id of a function: the same in every process and after every restart, different for every name.
pub(crate) fn function_id(function: &Function) -> String {
    let name = format!("azure-functions/{}", function.name.to_lowercase());
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).to_string()
}

/// The bindings of a function as a host gets them that is asked for this wire.
pub(crate) fn bindings(function: &Function, wire: Wire) -> Vec<Map<String, Value>> {
    let mut bindings = (function.bindings)();
    for binding in &mut bindings {
        wire.announce(binding);
    }
    bindings
}

/// What the host learns about a function.
pub(crate) fn metadata(function: &Function, app_directory: &str, wire: Wire) -> RpcFunctionMetadata {
    RpcFunctionMetadata {
        name: function.name.to_owned(),
        function_id: function_id(function),
        directory: app_directory.to_owned(),
        // Never opened, but hosts refuse a function without one.
        script_file: function.file.to_owned(),
        entry_point: format!("{}::{}", function.module, function.name),
        language: LANGUAGE.to_owned(),
        raw_bindings: bindings(function, wire)
            .into_iter()
            .map(|b| Value::Object(b).to_string())
            .collect(),
        retry_options: function.retry.as_ref().map(RetryPolicy::options),
        status: Some(StatusResult {
            status: Status::Success.into(),
            ..StatusResult::default()
        }),
        ..RpcFunctionMetadata::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        binding::FromBinding, bindings::GenericTrigger, invocation::Outputs, registry::EntityHandler,
        retry_policy::RetryDelay,
    };
    use serde_json::json;
    use std::time::Duration;

    static ONE: Function = function("Greet", 3);
    static SAME: Function = function("greet", 9);

    const fn function(name: &'static str, line: u32) -> Function {
        Function {
            name,
            module: "app::functions",
            file: "src/functions.rs",
            line,
            bindings: || vec![],
            parameters: &[],
            retry: None,
            handler: Handler::Blocking(|_| Ok(Outputs::default())),
        }
    }

    #[test]
    fn two_functions_of_one_name_are_refused_with_both_places() {
        let error = Functions::new(vec![&SAME, &ONE]).unwrap_err().to_string();
        assert!(error.contains("src/functions.rs:3 and src/functions.rs:9"), "{error}");
    }

    #[test]
    fn two_entities_of_one_name_are_told_the_attribute_of_entities() {
        static ENTITY: Function = Function {
            parameters: &[],
            handler: Handler::Entity {
                trigger: "context",
                run: EntityHandler::Blocking(|_| Ok(Outputs::default())),
            },
            ..function("greet", 20)
        };
        static OTHER: Function = Function { line: 30, ..ENTITY };
        let error = |functions| Functions::new(functions).unwrap_err().to_string();
        let both = error(vec![&ENTITY, &OTHER]);
        assert!(
            both.starts_with("two entities are named") && both.contains("name with #[entity(name = \"...\")]"),
            "{both}"
        );
        let mixed = error(vec![&ENTITY, &ONE]);
        assert!(
            mixed.starts_with("two functions") && mixed.contains("#[entity(name") && mixed.contains("#[func(name"),
            "{mixed}"
        );
        assert!(!error(vec![&SAME, &ONE]).contains("entity"));
    }

    #[test]
    fn two_tools_of_one_name_and_bad_schemas_are_refused_before_a_host_is() {
        const PARAMETERS: &[Parameter] = &[Parameter {
            name: "call",
            binding: "call",
            spec: <GenericTrigger as FromBinding>::SPEC,
            by_reference: false,
            arguments: &[],
        }];
        fn trigger(name: &str, schema: &str) -> Vec<Map<String, Value>> {
            let binding = json!({"type": "mcpToolTrigger", "toolName": name, "inputSchema": schema});
            binding.as_object().cloned().into_iter().collect()
        }
        static TOOL: Function = Function {
            bindings: || trigger("Add", r#"{"type":"object"}"#),
            parameters: PARAMETERS,
            ..function("one", 5)
        };
        static SAME_TOOL: Function = Function {
            bindings: || trigger("add", r#"{"type":"object"}"#),
            parameters: PARAMETERS,
            ..function("two", 6)
        };
        static NO_OBJECT: Function = Function {
            bindings: || trigger("list", r#"{"type":"array"}"#),
            parameters: PARAMETERS,
            ..function("three", 7)
        };
        let error = |functions| Functions::new(functions).unwrap_err().to_string();
        let both = error(vec![&TOOL, &SAME_TOOL]);
        assert!(
            both.starts_with("two MCP tools are named `add`")
                && both.ends_with("src/functions.rs:6; rename one, or give it another name with `tool_name`"),
            "{both}"
        );
        let wrong = error(vec![&TOOL, &NO_OBJECT]);
        assert!(
            wrong.starts_with(
                "the function `three` (src/functions.rs:7) cannot be an MCP tool: what the tool takes is no JSON object"
            ),
            "{wrong}"
        );
        assert!(Functions::new(vec![&TOOL, &ONE]).is_ok());
    }

    #[test]
    fn an_app_without_functions_is_told_how_to_link_them() {
        let error = Functions::new(vec![]).unwrap_err().to_string();
        assert!(
            error.contains("mod functions;") && error.contains("use my_funcs as _;"),
            "{error}"
        );
    }

    #[test]
    fn a_retry_policy_is_told_to_the_host() {
        static RETRIED: Function = Function {
            retry: Some(RetryPolicy {
                max_retry_count: 3,
                delay: RetryDelay::Fixed(Duration::from_secs(5)),
            }),
            ..function("retried", 1)
        };
        let options = metadata(&RETRIED, "/app", Wire::Json).retry_options.unwrap();
        assert_eq!(
            (options.max_retry_count, options.delay_interval.unwrap().seconds),
            (3, 5)
        );
        assert_eq!(metadata(&ONE, "/app", Wire::Json).retry_options, None);
    }

    #[test]
    fn ids_are_stable_and_ignore_case() {
        assert_eq!(function_id(&ONE), function_id(&SAME));
        assert_eq!(function_id(&ONE), "79d3154b-8ecb-59b9-abad-b07f58966d6e");
    }
}
