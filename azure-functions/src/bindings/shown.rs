//! Which tests show what of which binding: the tests' modules say so, and `tests/bindings.md` lists them.

use crate::binding::table::{Binding, Flow};

/// A test that shows something of a binding.
pub(crate) struct Shown {
    pub(crate) binding: &'static Binding,
    pub(crate) what: What,
    /// Where it stands.
    pub(crate) module: &'static str,
    pub(crate) name: &'static str,
}

/// What a test shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// How what a host sends is read.
    Decoding,
    /// How what a function returns is sent.
    Encoding,
}

inventory::collect!(Shown);

impl What {
    /// What there is to show of a binding, beside its `function.json`.
    pub(crate) fn of(flow: Flow) -> Self {
        match flow {
            Flow::Trigger | Flow::Input => Self::Decoding,
            Flow::Output => Self::Encoding,
        }
    }
}

/// Says that tests of this module show something of a row of the table: `shows!(QUEUE, Encoding: one_message, several_messages)`.
macro_rules! shows {
    ($row:ident, $what:ident: $($test:ident),+ $(,)?) => {
        $(
            inventory::submit! {
                $crate::bindings::shown::Shown {
                    binding: &$crate::binding::table::$row,
                    what: $crate::bindings::shown::What::$what,
                    module: module_path!(),
                    name: stringify!($test),
                }
            }
            // What is listed is there.
            const _: fn() = $test;
        )+
    };
}

pub(crate) use shows;
