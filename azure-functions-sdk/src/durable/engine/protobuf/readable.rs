//! What a worker gives must be such as can be read back.

use super::response::UnusableAnswer;
use crate::durable::json;

/// What is JSON must be such as can be read back: one value that cannot be read would spoil every list that it is in.
pub(super) fn readable(what: &'static str, text: Option<&str>) -> Result<(), UnusableAnswer> {
    match text.map(json::check_if_json) {
        Some(Err(error)) => Err(UnusableAnswer::Unreadable(what, error.to_string())),
        _ => Ok(()),
    }
}
