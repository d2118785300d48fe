//! What a host says about a trigger, read member by member.
//!
//! Extensions drop, add and rename members from one version to the next. So a member that is missing or of another type is none,
//! and never fails a function.

use super::{
    Input, dotnet_time,
    metadata_value::{read, value},
};
use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::HashMap;

/// The members that belong to one message or event.
#[derive(Debug, Default)]
pub(crate) struct Fields(HashMap<&'static str, Value>);

impl Fields {
    /// The members of these names.
    pub(crate) fn of(input: &mut Input<'_>, names: &[&'static str]) -> Self {
        let members = names
            .iter()
            .filter_map(|name| Some((*name, value(input.take_metadata(name))?)));
        Self(members.collect())
    }

    /// Those of each message of a batch: members with the ending `Array` in their names, in the order of the messages.
    pub(crate) fn of_batch(input: &mut Input<'_>, names: &[&'static str], count: usize) -> Vec<Self> {
        let mut all: Vec<_> = (0..count).map(|_| Self::default()).collect();
        for name in names {
            let Some(Value::Array(values)) = value(input.take_metadata(&format!("{name}Array"))) else {
                continue;
            };
            for (fields, value) in all.iter_mut().zip(values) {
                fields.0.insert(name, value);
            }
        }
        all
    }

    /// A member.
    pub(crate) fn take<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        read(self.0.remove(name)?)
    }

    /// A member that is a date and time.
    pub(crate) fn take_time(&mut self, name: &str) -> Option<DateTime<Utc>> {
        dotnet_time::set(self.0.remove(name)?.as_str()?)
    }
}
