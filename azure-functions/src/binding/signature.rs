//! A function's signature as `#[func]` hands it over, in constants.

use super::BindingSpec;

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
