//! The return type, as far as its text tells.

use crate::{errors::Errors, known, table::Binding};
use syn::{ReturnType, Type};

/// What a function returns.
pub(crate) struct Returned {
    /// The type; none if the function returns nothing.
    pub(crate) ty: Option<Type>,
    /// The outputs inside `Result` and tuple: one, unless it is a tuple of outputs.
    pub(crate) outputs: Vec<Output>,
    /// Whether an activity or orchestration returns its value as it is: the code around the call makes an output of it.
    pub(crate) is_plain: bool,
}

/// One output.
pub(crate) struct Output {
    pub(crate) ty: Type,
    pub(crate) kind: Kind,
    /// The binding that a type of its name stands for, and the name.
    pub(crate) binding: Option<(&'static Binding, &'static str)>,
}

/// What an output is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Nothing,
    Http,
    Activity,
    Orchestration,
    Entity,
    /// Surely data, and no output.
    Data,
    /// An alias, or a type that only the compiler knows.
    Unknown,
}

impl Returned {
    /// Reads the type that a function returns; one `of_known_kind` is an activity or an orchestration, and may return any value.
    pub(crate) fn read(output: &ReturnType, of_known_kind: bool, errors: &mut Errors) -> Self {
        let ReturnType::Type(_, ty) = output else {
            return Self {
                ty: None,
                outputs: Vec::new(),
                is_plain: false,
            };
        };
        let inner = known::inside(ty, "Result").unwrap_or(ty);
        let outputs = match inner {
            Type::Tuple(tuple) if of_known_kind && is_value(tuple) => vec![Output {
                ty: inner.clone(),
                kind: Kind::Data,
                binding: None,
            }],
            Type::Tuple(tuple) if tuple.elems.len() > 8 => {
                errors.at(
                    &tuple.elems[8],
                    "an Azure function has at most eight outputs: call activities, or return a list",
                );
                Vec::new()
            }
            Type::Tuple(tuple) if !tuple.elems.is_empty() => tuple.elems.iter().map(Output::read).collect(),
            // Refused elsewhere.
            Type::ImplTrait(_) | Type::Reference(_) => Vec::new(),
            Type::Never(never) => {
                errors.at(never, "an Azure function must return: remove `-> !`");
                Vec::new()
            }
            inner => vec![Output::read(inner)],
        };
        for output in &outputs {
            if known::last_segment(&output.ty).is_some_and(|segment| segment.ident == "Result") && outputs.len() > 1 {
                errors.at(
                    &output.ty,
                    "a function fails as a whole: write `Result<(A, B), E>` instead of `(Result<A, E>, B)`",
                );
            }
        }
        let is_plain = of_known_kind && matches!(&*outputs, [only] if matches!(only.kind, Kind::Data | Kind::Unknown));
        Self {
            ty: Some((**ty).clone()),
            outputs,
            is_plain,
        }
    }

    /// Whether the function returns nothing at all.
    pub(crate) fn is_nothing(&self) -> bool {
        match &self.ty {
            None => true,
            Some(_) => self.outputs.len() == 1 && self.outputs[0].kind == Kind::Nothing,
        }
    }

    /// Whether an output has a type of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.outputs.iter().any(|output| {
            let ty = known::inside(&output.ty, "Option").unwrap_or(&output.ty);
            known::last_segment(ty).is_some_and(|segment| segment.ident == name)
        })
    }
}

/// Whether a tuple is one value, and no list of outputs: those begin with `()` or with an output that is known by its name.
fn is_value(tuple: &syn::TypeTuple) -> bool {
    !tuple.elems.is_empty()
        && tuple
            .elems
            .iter()
            .all(|ty| matches!(Output::read(ty).kind, Kind::Data | Kind::Unknown))
}

impl Output {
    /// Reads a type.
    pub(crate) fn read(ty: &Type) -> Self {
        let inner = known::inside(ty, "Option").unwrap_or(ty);
        let name = known::last_segment(inner).map(|segment| segment.ident.to_string());
        let kind = match (inner, name.as_deref()) {
            (Type::Tuple(tuple), _) if tuple.elems.is_empty() => Kind::Nothing,
            (_, Some("ActivityOutput")) => Kind::Activity,
            (_, Some("OrchestrationOutput")) => Kind::Orchestration,
            (_, Some("EntityOutput")) => Kind::Entity,
            (ty, Some("HttpResponse" | "Json")) if !known::is_own(ty) => Kind::Http,
            (ty, _) if known::is_data(ty) => Kind::Data,
            _ => Kind::Unknown,
        };
        Self {
            ty: ty.clone(),
            kind,
            binding: (kind == Kind::Unknown).then(|| known::output(inner)).flatten(),
        }
    }
}
