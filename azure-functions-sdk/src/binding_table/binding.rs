//! What a row of the table has.

use super::argument::Argument;

/// One binding.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Binding {
    /// Its type in `function.json`.
    pub(crate) type_name: &'static str,
    /// Which way data flows.
    pub(crate) flow: Flow,
    /// The Rust types that stand for it.
    pub(crate) types: &'static [&'static str],
    /// Whether a `Vec` of the type stands for a batch: `cardinality: many` of a trigger, several values of an output.
    pub(crate) batch: bool,
    /// What `#[binding(...)]` takes.
    pub(crate) arguments: &'static [Argument],
    /// Whether it takes any other argument, too.
    pub(crate) any_argument: bool,
    /// Sets of arguments of which exactly one must be given.
    pub(crate) choices: &'static [&'static [&'static str]],
    /// Pairs of arguments that exclude each other.
    pub(crate) conflicts: &'static [(&'static str, &'static str)],
    /// Members of `function.json` that every binding of this type has.
    pub(crate) fixed: &'static [(&'static str, &'static str)],
    /// The kind of `cargo func new` that writes a function with it, if that takes nothing but arguments of the binding.
    pub(crate) new: &'static str,
    /// What arrives, or what is sent, for the documentation.
    pub(crate) data: &'static str,
    /// What it is for, for the documentation.
    pub(crate) summary: &'static str,
}

/// Which way the data of a binding flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// It starts the function.
    Trigger,
    /// It gives the function something else.
    Input,
    /// It takes what the function returns.
    Output,
}

/// A row that has the rest by default.
pub(super) const fn binding(type_name: &'static str, flow: Flow, summary: &'static str) -> Binding {
    Binding {
        type_name,
        flow,
        types: &[],
        batch: false,
        arguments: &[],
        any_argument: false,
        choices: &[],
        conflicts: &[],
        fixed: &[],
        new: "",
        data: "",
        summary,
    }
}
