//! A function's signature as `#[func]` hands it over, in constants.

use super::{BindingSpec, Role};

/// A parameter of a function.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name in the source, for messages.
    pub name: &'static str,
    /// Name of the binding.
    pub binding: &'static str,
    /// What its type says.
    pub spec: BindingSpec,
    /// Whether the function takes a reference.
    pub by_reference: bool,
    /// What `#[binding(...)]` gives.
    pub arguments: &'static [Given],
}

/// What `#[binding(name = "$return", ...)]` gives to an output.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// Position in the tuple.
    pub index: usize,
    /// The arguments.
    pub arguments: &'static [Given],
}

/// An output, as a return type declares it.
#[derive(Clone, Copy, Debug)]
pub struct DeclaredOutput {
    /// Name of the binding.
    pub name: &'static str,
    /// What its type says.
    pub spec: BindingSpec,
    /// What `#[binding(...)]` gives in the type itself; none, if that stands on the function.
    pub arguments: Option<&'static [Given]>,
}

/// Name of the binding whose value is what the host calls the return value.
pub(crate) const RETURN: &str = "$return";

impl DeclaredOutput {
    /// The output at this place of a tuple, the first of which is the return value.
    pub(crate) const fn in_tuple(index: usize, spec: BindingSpec) -> Self {
        const NAMES: [&str; 8] = [
            RETURN, "output1", "output2", "output3", "output4", "output5", "output6", "output7",
        ];
        Self {
            name: NAMES[index],
            spec,
            arguments: None,
        }
    }

    /// The output of this name in a struct. The answer to an HTTP request and the result of an activity are the return value.
    pub const fn in_field(name: &'static str, spec: BindingSpec, arguments: &'static [Given]) -> Self {
        Self {
            name: if spec.is_return_value() { RETURN } else { name },
            spec,
            arguments: Some(arguments),
        }
    }

    /// Whether it is the return value.
    pub(crate) const fn is_return_value(&self) -> bool {
        super::text::equal(self.name, RETURN)
    }

    /// Whether it has a binding.
    pub(crate) const fn is_bound(&self) -> bool {
        matches!(self.spec.role, Role::Output)
    }
}

/// An argument of `#[binding(...)]` with its value.
#[derive(Clone, Copy, Debug)]
pub struct Given {
    /// Its name in the source.
    pub name: &'static str,
    /// Its value.
    pub value: Literal,
    /// What is wrong with it, if it is meant to be a schedule.
    pub wrong_schedule: Option<&'static str>,
    /// What is wrong with it, if it is meant to be a route.
    pub wrong_route: Option<&'static str>,
}

/// A constant that stands for a literal.
#[derive(Clone, Copy, Debug)]
pub struct Constant<T>(pub T);

macro_rules! constant {
    ($($ty:ty => |$value:ident| $literal:expr),* $(,)?) => {
        $(impl Constant<$ty> {
            /// Its value.
            pub const fn literal(self) -> Literal {
                let $value = self.0;
                $literal
            }
        })*
    };
}

constant! {
    &'static str => |value| Literal::Text(value),
    bool => |value| Literal::Flag(value),
    i32 => |value| Literal::Integer(value as i64),
    u32 => |value| Literal::Integer(value as i64),
    i64 => |value| Literal::Integer(value),
    f64 => |value| Literal::Number(value),
}

/// A literal.
#[derive(Clone, Copy, Debug)]
pub enum Literal {
    /// `"text"`.
    Text(&'static str),
    /// `true`.
    Flag(bool),
    /// `-3`.
    Integer(i64),
    /// `0.5`.
    Number(f64),
    /// `["a", "b"]`.
    List(&'static [Self]),
}
