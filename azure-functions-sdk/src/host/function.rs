//! The functions of the app as the host knows them: name, bindings, what is wrong with them.

pub use crate::services::binding::{Binding, Direction};
use std::{collections::HashMap, sync::Arc};

/// One function of the app.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Function {
    /// Place in the table.
    pub index: usize,
    /// Name, unique in the app without regard to case.
    pub name: String,
    /// Id that the worker gave it.
    pub id: String,
    /// `script_file` of the metadata.
    pub script_file: String,
    /// `entry_point` of the metadata.
    pub entry_point: String,
    /// `directory` of the metadata.
    pub directory: String,
    /// Bindings in the order of the metadata.
    pub bindings: Vec<Binding>,
    /// Switched off by `AzureWebJobs.NAME.Disabled`, by the allow-list of `host.json`, or by the worker.
    pub disabled: bool,
    /// Why the function cannot run, in one sentence.
    pub error: Option<String>,
    /// Log categories of the function, made once.
    pub(crate) category: String,
    pub(crate) user_category: String,
    /// Where the trigger is in `bindings`.
    pub(crate) trigger: Option<usize>,
}

impl Function {
    pub(crate) fn new(name: String, id: String, bindings: Vec<Binding>) -> Self {
        Self {
            index: 0,
            category: format!("Function.{name}"),
            user_category: format!("Function.{name}.User"),
            trigger: bindings.iter().position(Binding::is_trigger),
            name,
            id,
            script_file: String::new(),
            entry_point: String::new(),
            directory: String::new(),
            bindings,
            disabled: false,
            error: None,
        }
    }

    /// The binding that starts the function; a function without one has an `error`.
    #[must_use]
    pub fn trigger(&self) -> Option<&Binding> {
        self.bindings.get(self.trigger?)
    }

    /// Whether the function is started by this type of trigger.
    #[must_use]
    pub fn is_triggered_by(&self, kind: &str) -> bool {
        self.trigger().is_some_and(|trigger| trigger.is(kind))
    }

    /// Whether the function can run now.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        !self.disabled && self.error.is_none()
    }
}

/// All functions of the app, those with errors included, in the order of the worker's metadata.
#[derive(Clone, Debug, Default)]
pub struct FunctionTable {
    functions: Vec<Arc<Function>>,
    by_name: HashMap<String, usize>,
}

impl FunctionTable {
    pub(crate) fn new(functions: Vec<Function>) -> Self {
        let functions: Vec<_> = functions
            .into_iter()
            .enumerate()
            .map(|(index, function)| Arc::new(Function { index, ..function }))
            .collect();
        let mut by_name = HashMap::with_capacity(functions.len());
        for function in &functions {
            by_name
                .entry(function.name.to_ascii_lowercase())
                .or_insert(function.index);
        }
        Self { functions, by_name }
    }

    /// The functions.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<Function>> {
        self.functions.iter()
    }

    /// How many functions there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.functions.len()
    }

    /// Whether the app has no function at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.functions.is_empty()
    }

    /// The function of that name, in any case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Function>> {
        self.by_name
            .get(&name.to_ascii_lowercase())
            .map(|index| &self.functions[*index])
    }

    /// The function that `function`, perhaps of an earlier worker's table, is here: by place if it is still the same, else
    /// by name.
    pub(crate) fn same_as(&self, function: &Function) -> Option<&Arc<Function>> {
        match self.functions.get(function.index) {
            Some(here) if here.name == function.name => Some(here),
            _ => self.get(&function.name),
        }
    }
}
