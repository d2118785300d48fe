//! The trigger of the function that warms a new instance of the app up.

use crate::{
    BindingError,
    binding::{BindingSpec, FromBinding, Input, IntoTrigger, TriggerData, table},
};

/// A new instance of the app, which is to be warmed up before it gets work. It starts the function once in each process.
///
/// The function must be called `warmup`: a host never starts one of another name, and says nothing. Its binding takes no arguments.
///
/// ```
/// use azure_functions::{bindings::WarmupTrigger, func};
///
/// #[func]
/// fn warmup(_trigger: WarmupTrigger) {
///     log::info!("filling the cache");
/// }
///
/// // A test calls the function.
/// warmup(WarmupTrigger::default());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WarmupTrigger {}

impl FromBinding for WarmupTrigger {
    const SPEC: BindingSpec = BindingSpec::of(&table::WARMUP_TRIGGER);

    /// The data is an empty object.
    fn from_binding(_: Input<'_>) -> Result<Self, BindingError> {
        Ok(Self {})
    }
}

impl IntoTrigger for WarmupTrigger {
    fn into_trigger(self) -> Result<TriggerData, BindingError> {
        Ok(TriggerData::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{binding::recorded::Recorded, bindings::shown::shows, rpc::Data};

    #[test]
    fn a_warm_up_brings_nothing() {
        // As the Functions host 4.1037 sent it: the same under the name of the binding in the metadata.
        let data = || Data::Json("{}".to_owned());
        let warmup = Recorded::by_hand("trigger", data(), &[("trigger", data())]).take::<WarmupTrigger>();
        assert_eq!(warmup.unwrap(), WarmupTrigger {});
    }

    shows!(WARMUP_TRIGGER, Decoding: a_warm_up_brings_nothing);
}
