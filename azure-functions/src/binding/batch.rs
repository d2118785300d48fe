//! Several values at once: a `Vec` as the trigger's data, or as an output.

use super::{BindingData, BindingSpec, FromBinding, Input, IntoBinding};
use crate::{BindingError, binding_json::unreadable};
use serde_json::value::RawValue;

/// A trigger that can come as a batch: a parameter of type `Vec<Self>`, with `cardinality: many` in the metadata.
#[diagnostic::on_unimplemented(
    message = "`Vec<{Self}>` cannot be a parameter of an Azure function",
    label = "this trigger has no batches",
    note = "to make it the input of an activity, return `ActivityOutput` or write `#[func(activity)]`"
)]
pub trait FromBatch: FromBinding {
    /// Makes the parameter from what the host sent.
    ///
    /// # Errors
    /// If the data does not fit.
    fn from_batch(input: Input<'_>) -> Result<Vec<Self>, BindingError>;
}

/// An output that can have several values: `Vec<Self>`.
#[diagnostic::on_unimplemented(
    message = "`Vec<{Self}>` cannot be the output of an Azure function",
    label = "this output has one value",
    note = "to return a value of an activity, write `#[func(activity)]`"
)]
pub trait IntoBatch: IntoBinding {
    /// Makes what the host gets.
    ///
    /// # Errors
    /// If a value cannot be sent.
    fn into_batch(values: Vec<Self>) -> Result<BindingData, BindingError>;
}

#[diagnostic::do_not_recommend]
impl<T: FromBatch> FromBinding for Vec<T> {
    const SPEC: BindingSpec = T::SPEC.many();

    fn from_binding(input: Input<'_>) -> Result<Self, BindingError> {
        T::from_batch(input)
    }
}

#[diagnostic::do_not_recommend]
impl<T: IntoBatch> IntoBinding for Vec<T> {
    const SPEC: BindingSpec = T::SPEC.many();

    fn into_binding(self) -> Result<BindingData, BindingError> {
        T::into_batch(self)
    }
}

/// The items of a batch, whichever way the host sends it: as a list of the protocol, or as a JSON array.
///
/// # Errors
/// If it is neither, nor one item.
pub(crate) fn items(data: BindingData) -> Result<Vec<BindingData>, BindingError> {
    Ok(match data {
        BindingData::None => Vec::new(),
        BindingData::ByteStrings(items) => items.into_iter().map(BindingData::Bytes).collect(),
        BindingData::Strings(items) => items.into_iter().map(BindingData::String).collect(),
        BindingData::Models(items) => items.into_iter().map(BindingData::Model).collect(),
        BindingData::Integers(items) => items.into_iter().map(BindingData::Integer).collect(),
        BindingData::Doubles(items) => items.into_iter().map(BindingData::Double).collect(),
        data => match data.as_text() {
            Some(text) if text.trim_start().starts_with('[') => {
                let items: Vec<&RawValue> = serde_json::from_str(&text).map_err(unreadable)?;
                items.into_iter().map(item).collect::<Result<_, _>>()?
            }
            // One that was started by hand, for example.
            _ => vec![data],
        },
    })
}

/// As [`items`], without the null ones: entities and documents that are not there.
///
/// # Errors
/// See [`items`].
pub(crate) fn present(data: BindingData) -> Result<Vec<BindingData>, BindingError> {
    let is_present = |item: &BindingData| !item.as_text().is_none_or(|text| matches!(text.trim(), "" | "null"));
    let mut items = items(data)?;
    items.retain(is_present);
    Ok(items)
}

fn item(json: &RawValue) -> Result<BindingData, BindingError> {
    match json.get() {
        "null" => Ok(BindingData::None),
        text if text.starts_with('"') => serde_json::from_str(text).map(BindingData::String).map_err(unreadable),
        text => Ok(BindingData::Json(text.to_owned())),
    }
}
