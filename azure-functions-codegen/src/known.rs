//! The binding types that the attribute knows by name, so that it can point at a mistake before types are known.
//!
//! A type that is missing here works all the same: the rules of `azure_functions::binding` check it a little later, and
//! their messages are a little plainer.

use syn::{PathArguments, Type};

/// The way to a trigger that is not among them.
pub(crate) const OTHER_TRIGGERS: &str = "another trigger, a queue's for example, is a type of your own that implements \
                                         `azure_functions::binding::FromBinding`: see the documentation of \
                                         `azure_functions::binding`, and `queue_message.rs` in the example `patterns`";

/// A type of parameter.
pub(crate) struct Known {
    pub(crate) name: &'static str,
    pub(crate) role: Role,
    pub(crate) arguments: &'static [(&'static str, Kind)],
    pub(crate) required: &'static [&'static str],
}

/// The part it plays.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Http,
    /// A trigger unless there is another HTTP trigger.
    HttpBody,
    Timer,
    Activity,
    Orchestration,
    Entity,
    HttpPart,
    Input,
    /// Given by the app itself.
    Shared,
}

/// What an argument takes.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Text,
    Flag,
    OneOf(&'static [&'static str]),
    SomeOf(&'static [&'static str]),
    Schedule,
    Route,
}

const HTTP: &[(&str, Kind)] = &[
    ("auth_level", Kind::OneOf(&["anonymous", "function", "admin"])),
    (
        "methods",
        Kind::SomeOf(&["get", "post", "put", "delete", "patch", "head", "options", "trace"]),
    ),
    ("route", Kind::Route),
];

const CLIENT: &[(&str, Kind)] = &[
    ("task_hub", Kind::Text),
    ("connection", Kind::Text),
    ("type", Kind::OneOf(&["durableClient", "orchestrationClient"])),
];

const KNOWN: &[Known] = &[
    known("HttpRequest", Role::Http, HTTP),
    known("Json", Role::HttpBody, HTTP),
    known("Route", Role::HttpPart, &[]),
    Known {
        required: &["schedule"],
        ..known(
            "TimerInfo",
            Role::Timer,
            &[
                ("schedule", Kind::Schedule),
                ("run_on_startup", Kind::Flag),
                ("use_monitor", Kind::Flag),
            ],
        )
    },
    known("DurableActivityContext", Role::Activity, &[("activity", Kind::Text)]),
    known(
        "DurableOrchestrationContext",
        Role::Orchestration,
        &[("orchestration", Kind::Text)],
    ),
    known("DurableEntityContext", Role::Entity, &[("entity", Kind::Text)]),
    known("DurableOrchestrationClient", Role::Input, CLIENT),
    known("DurableClient", Role::Input, CLIENT),
    known("OrchestrationClient", Role::Input, CLIENT),
    known("State", Role::Shared, &[]),
    known("Config", Role::Shared, &[]),
];

const fn known(name: &'static str, role: Role, arguments: &'static [(&'static str, Kind)]) -> Known {
    Known {
        name,
        role,
        arguments,
        required: &[],
    }
}

impl Known {
    /// The entry for a type, by its last path segment.
    pub(crate) fn find(ty: &Type) -> Option<&'static Self> {
        let segment = last_segment(ty)?;
        let known = KNOWN.iter().find(|known| segment.ident == known.name)?;
        // Without a type in it, it is a type of the user's own with a common name.
        (known.role != Role::Shared || inside(ty, known.name).is_some()).then_some(known)
    }
}

impl Role {
    /// Starts a function whatever else there is.
    pub(crate) fn is_trigger(self) -> bool {
        matches!(
            self,
            Self::Http | Self::Timer | Self::Activity | Self::Orchestration | Self::Entity
        )
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
