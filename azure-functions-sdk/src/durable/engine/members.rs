//! Members of a small JSON object, looked up whatever the case of their names.

use std::{borrow::Cow, fmt};

use chrono::TimeDelta;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::time::parse_span;

/// The members in the order of the text; of several with one name, the last counts.
#[derive(Debug)]
pub(super) struct Members<'t>(Vec<(Cow<'t, str>, &'t RawValue)>);

impl<'t> Members<'t> {
    /// `None` if it is not an object.
    pub(super) fn parse(json: &'t RawValue) -> Option<Self> {
        Self::parse_text(json.get())
    }

    /// `None` if it is not an object.
    pub(super) fn parse_text(json: &'t str) -> Option<Self> {
        serde_json::Deserializer::from_str(json)
            .deserialize_map(MembersVisitor)
            .ok()
    }

    /// All members.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &'t RawValue)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), *value))
    }

    /// A member that is there and not null.
    pub(super) fn get(&self, name: &str) -> Option<&'t RawValue> {
        let found = self.0.iter().rev().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| *value).filter(|value| value.get() != "null")
    }

    /// A number, or the text of one.
    pub(super) fn number(&self, name: &str) -> Result<Option<f64>, ()> {
        let Some(value) = self.get(name) else { return Ok(None) };
        value.get().trim_matches('"').parse::<f64>().map(Some).map_err(drop)
    }

    /// A string.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.get(name)?.get()).ok()
    }

    /// A .NET `TimeSpan`.
    pub(super) fn span(&self, name: &str) -> Option<TimeDelta> {
        parse_span(&self.text(name)?)
    }
}

struct MembersVisitor;

impl<'t> Visitor<'t> for MembersVisitor {
    type Value = Members<'t>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'t>>(self, mut map: M) -> Result<Members<'t>, M::Error> {
        let mut members = Vec::new();
        while let Some(entry) = map.next_entry::<Cow<'t, str>, &'t RawValue>()? {
            members.push(entry);
        }
        Ok(Members(members))
    }
}
