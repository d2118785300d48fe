//! The binding types that the attribute knows by name, so that it can point at a mistake before types are known: those of the table,
//! and a few more.
//!
//! A type that is missing here works all the same: the rules of `azure_functions::binding` check it a little later, and
//! their messages are a little plainer. So does one of the app's own that has the name of a known one, if its path says that it is
//! the app's: `crate::Json`, `self::Value`.

use crate::table::{self, Binding, Flow};
use syn::{PathArguments, Type};

/// The way to a trigger that is not among them.
pub(crate) const OTHER_TRIGGERS: &str = "the triggers are listed in `azure_functions::guide::bindings`; one that is missing there is a \
                                         type of your own that implements `azure_functions::binding::FromBinding`";

/// A type of parameter.
#[derive(Clone, Copy)]
pub(crate) struct Known {
    pub(crate) name: &'static str,
    pub(crate) role: Role,
    /// Its row in the table, if it has a binding.
    pub(crate) binding: Option<&'static Binding>,
}

/// The part it plays.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Http,
    /// A trigger unless there is another HTTP trigger.
    HttpBody,
    Activity,
    Orchestration,
    Entity,
    /// Any other trigger.
    Trigger,
    HttpPart,
    Input,
    /// Given by the app itself.
    Shared,
}

/// What the table does not have: parts of a request, and what has no binding.
const OTHERS: &[Known] = &[
    Known {
        name: "Json",
        role: Role::HttpBody,
        binding: Some(&table::HTTP_TRIGGER),
    },
    unbound("Route", Role::HttpPart),
    unbound("State", Role::Shared),
    unbound("Config", Role::Shared),
];

const fn unbound(name: &'static str, role: Role) -> Known {
    Known {
        name,
        role,
        binding: None,
    }
}

impl Known {
    /// The entry for a type, by its last path segment.
    pub(crate) fn find(ty: &Type) -> Option<Self> {
        if let Some(known) = OTHERS.iter().find(|known| is(ty, known.name)) {
            // Without a type in it, it is a type of the user's own with a common name.
            return (known.role != Role::Shared || inside(ty, known.name).is_some()).then_some(*known);
        }
        let (binding, name) = row(ty, |flow| flow != Flow::Output)?;
        let role = match binding.type_name {
            "httpTrigger" => Role::Http,
            "activityTrigger" => Role::Activity,
            "orchestrationTrigger" => Role::Orchestration,
            "entityTrigger" => Role::Entity,
            _ if binding.flow == Flow::Trigger => Role::Trigger,
            _ => Role::Input,
        };
        Some(Self {
            name,
            role,
            binding: Some(binding),
        })
    }
}

impl Role {
    /// Starts a function whatever else there is.
    pub(crate) fn is_trigger(self) -> bool {
        matches!(
            self,
            Self::Http | Self::Activity | Self::Orchestration | Self::Entity | Self::Trigger
        )
    }
}

/// The row of the table for a type of a returned value, and what the row calls the type.
pub(crate) fn output(ty: &Type) -> Option<(&'static Binding, &'static str)> {
    row(ty, |flow| flow == Flow::Output)
}

/// The row for a type, or for a batch of it, and what the row calls the type.
fn row(ty: &Type, flows: impl Fn(Flow) -> bool) -> Option<(&'static Binding, &'static str)> {
    let ty = inside(ty, "Option").unwrap_or(ty);
    let (ty, in_batch) = match inside(ty, "Vec") {
        Some(inner) => (inner, true),
        None => (ty, false),
    };
    table::BINDINGS
        .iter()
        .filter(|binding| flows(binding.flow) && (binding.batch || !in_batch))
        .find_map(|binding| {
            let mut names = binding.types.iter();
            let name = names.find(|name| is_named(ty, name) && (is_durable(binding) || !is_own(ty)))?;
            Some((*binding, *name))
        })
}

fn is(ty: &Type, name: &str) -> bool {
    is_named(ty, name) && !is_own(ty)
}

fn is_named(ty: &Type, name: &str) -> bool {
    last_segment(ty).is_some_and(|segment| segment.ident == name)
}

/// No app has a type of its own with the name of a context, and what the function is depends on it: one that the app exports again counts.
fn is_durable(binding: &Binding) -> bool {
    [
        "orchestrationTrigger",
        "activityTrigger",
        "entityTrigger",
        "durableClient",
    ]
    .contains(&binding.type_name)
}

/// Whether the path of a type begins in the app's own crate.
pub(crate) fn is_own(ty: &Type) -> bool {
    match ty {
        Type::Path(path) if path.qself.is_none() && path.path.segments.len() > 1 => {
            let first = &path.path.segments[0].ident;
            first == "crate" || first == "self" || first == "super"
        }
        Type::Group(group) => is_own(&group.elem),
        Type::Paren(paren) => is_own(&paren.elem),
        _ => false,
    }
}

/// What to write if a type is the app's own and has a name that stands for another one; empty where no app names a type so.
pub(crate) fn hint_for_own(ty: &Type) -> String {
    let ty = inside(ty, "Option").unwrap_or(ty);
    let common = ["Json", "Value", "HashMap", "BTreeMap", "HashSet", "BTreeSet"];
    let is_alone = matches!(ty, Type::Path(path) if path.path.segments.len() == 1);
    match common.iter().find(|name| is_alone && is(ty, name)) {
        Some(name) => format!("; if `{name}` is a type of your own, write its path, as in `crate::{name}`"),
        None => String::new(),
    }
}

/// The last segment of a path type.
pub(crate) fn last_segment(ty: &Type) -> Option<&syn::PathSegment> {
    match ty {
        Type::Path(path) if path.qself.is_none() => path.path.segments.last(),
        Type::Group(group) => last_segment(&group.elem),
        Type::Paren(paren) => last_segment(&paren.elem),
        _ => None,
    }
}

/// The first type argument of a path type whose last segment has this name.
pub(crate) fn inside<'a>(ty: &'a Type, name: &str) -> Option<&'a Type> {
    let segment = last_segment(ty).filter(|segment| segment.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return None;
    };
    arguments.args.iter().find_map(|argument| match argument {
        syn::GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

/// Whether a type is surely data and no binding: a type of the standard library, a tuple, or a JSON value.
pub(crate) fn is_data(ty: &Type) -> bool {
    match ty {
        Type::Tuple(tuple) => !tuple.elems.is_empty(),
        Type::Array(_) | Type::Slice(_) => true,
        Type::Reference(reference) => is_data(&reference.elem),
        _ if is_own(ty) => false,
        _ => last_segment(ty).is_some_and(|segment| {
            [
                "String", "str", "bool", "char", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64",
                "u128", "usize", "f32", "f64", "Value", "HashMap", "BTreeMap", "HashSet", "BTreeSet",
            ]
            .iter()
            .any(|name| segment.ident == name)
        }),
    }
}

/// Whether an attribute is `#[binding]`, with any path before it.
pub(crate) fn is_binding_attribute(path: &syn::Path) -> bool {
    path.segments.last().is_some_and(|segment| segment.ident == "binding")
}
