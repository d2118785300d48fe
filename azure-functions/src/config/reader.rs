//! Reads settings into a type.
//!
//! serde stops at the first thing that is wrong. So that one error names everything, reading begins again after each, with a stand-in for
//! the setting that was missing or wrong.

use crate::config::{
    error::{ConfigError, Problem},
    tree::Node,
};
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Expected, IntoDeserializer, MapAccess,
    SeqAccess, Unexpected, VariantAccess, Visitor,
};
use std::{cell::RefCell, collections::HashMap, fmt};

/// Texts that stand in for a setting: one after another, until the type of the setting takes one.
const STAND_INS: [&str; 9] = [
    "",
    "0",
    "http://localhost/",
    "127.0.0.1",
    "127.0.0.1:1",
    "00000000-0000-0000-0000-000000000000",
    "2000-01-01T00:00:00Z",
    "00:00:01",
    "1s",
];

/// Reads all settings of a type.
pub(super) fn read<T: DeserializeOwned>(root: &Node) -> Result<T, ConfigError> {
    let attempt = Attempt::default();
    loop {
        let reader = Reader {
            attempt: &attempt,
            path: String::new(),
            source: Source::Node(root),
        };
        let fault = match T::deserialize(reader) {
            Ok(value) if attempt.error.borrow().is_empty() => return Ok(value),
            Ok(_) => return Err(attempt.error.take()),
            Err(fault) => fault.at(""),
        };
        let name = fault.path.unwrap_or_default();
        if attempt.stands_in_below(&name) {
            // What is wrong with a section may be what stands in it, and nothing of it is the user's fault.
            return Err(attempt.error.take());
        }
        attempt.error.borrow_mut().add(&name, fault.problem);
        let mut stand_ins = attempt.stand_ins.borrow_mut();
        match stand_ins.get_mut(&name) {
            Some(index) if *index + 1 < STAND_INS.len() => *index += 1,
            // What is wrong as a whole has no stand-in, and a type may take none of ours: what has been found must do.
            Some(_) => return Err(attempt.error.take()),
            None if name.is_empty() => return Err(attempt.error.take()),
            None => drop(stand_ins.insert(name, 0)),
        }
    }
}

/// What is known from the attempts so far: what is wrong, and what stands in for it.
#[derive(Default)]
struct Attempt {
    error: RefCell<ConfigError>,
    /// By the names of the settings that they stand for.
    stand_ins: RefCell<HashMap<String, usize>>,
}

impl Attempt {
    /// Whether something stands in for a setting of this section.
    fn stands_in_below(&self, section: &str) -> bool {
        let stand_ins = self.stand_ins.borrow();
        let below = |name: &String| {
            let rest = name.strip_prefix(section);
            rest.is_some_and(|rest| rest.starts_with("__") || (section.is_empty() && !rest.is_empty()))
        };
        stand_ins.keys().any(below)
    }
}

/// One setting or section.
struct Reader<'a> {
    attempt: &'a Attempt,
    path: String,
    source: Source<'a>,
}

#[derive(Clone, Copy)]
enum Source<'a> {
    Node(&'a Node),
    /// An element of a list that stands in one setting.
    Text(&'a str),
    /// Nothing, in whose place this text stands.
    StandIn(&'static str),
}

impl<'a> Reader<'a> {
    fn text(&self) -> Result<&'a str, Fault> {
        match self.source {
            Source::Text(text) | Source::StandIn(text) => Ok(text),
            Source::Node(node) => match &node.text {
                Some(text) => Ok(text),
                None => Err(Fault::new(Problem::Missing)),
            },
        }
    }

    fn stands_in(&self) -> bool {
        matches!(self.source, Source::StandIn(_))
    }

    /// The number of the text that stands in.
    fn stand_in(&self) -> Option<usize> {
        match self.source {
            Source::StandIn(text) => STAND_INS.iter().position(|stand_in| *stand_in == text),
            Source::Node(_) | Source::Text(_) => None,
        }
    }

    /// A setting within, or what stands in for it.
    fn within(&self, name: &str) -> Option<Self> {
        let path = join(&self.path, name);
        let source = match self.attempt.stand_ins.borrow().get(&path) {
            Some(index) => Source::StandIn(STAND_INS[*index]),
            None => match self.source {
                Source::Node(node) => Source::Node(node.child(name)?),
                Source::Text(_) | Source::StandIn(_) => return None,
            },
        };
        Some(Self {
            attempt: self.attempt,
            path,
            source,
        })
    }

    /// `stand_ins` are two numbers: a type may refuse the first, as those do that are not zero.
    fn number<N: std::str::FromStr>(&self, stand_ins: [N; 2], expected: impl fmt::Display) -> Result<N, Fault> {
        if let Some(index) = self.stand_in() {
            let [first, second] = stand_ins;
            return Ok(if index == 0 { first } else { second });
        }
        let number = self.text()?.trim().parse();
        number.map_err(|_| Fault::expected(expected))
    }

    /// Nothing at all: neither a text nor anything within.
    fn is_missing(&self) -> bool {
        matches!(self.source, Source::Node(node) if node.text.is_none() && !node.has_children())
    }

    fn elements(self) -> Vec<Self> {
        let attempt = self.attempt;
        let element = |(name, source): (String, Source<'a>)| Self {
            attempt,
            path: name,
            source,
        };
        match self.source {
            Source::StandIn(_) => Vec::new(),
            Source::Node(node) if node.has_children() => {
                let elements = node.elements().into_iter();
                elements.filter_map(|(name, _)| self.within(name)).collect()
            }
            Source::Node(Node { text: None, .. }) => Vec::new(),
            Source::Node(Node { text: Some(text), .. }) if text.trim().is_empty() => Vec::new(),
            Source::Node(Node { text: Some(text), .. }) => {
                let items = text.split(',').map(str::trim);
                items
                    .map(|text| (self.path.clone(), Source::Text(text)))
                    .map(element)
                    .collect()
            }
            Source::Text(_) => vec![self],
        }
    }
}

fn join(path: &str, name: &str) -> String {
    match path {
        "" => name.replace(':', "__"),
        path => format!("{path}__{}", name.replace(':', "__")),
    }
}

fn is_same_name(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

fn listed(variants: &[&str]) -> String {
    let variants: Vec<_> = variants.iter().map(|variant| format!("`{variant}`")).collect();
    variants.join(", ")
}

macro_rules! integers {
    ($($method:ident $visit:ident $type:ident),+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            let expected = format_args!("a whole number from {} to {}", $type::MIN, $type::MAX).to_string();
            visitor.$visit(self.number::<$type>([0, 1], expected)?)
        }
    )+};
}

macro_rules! floats {
    ($($method:ident $visit:ident $type:ident),+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            let number = self.number::<$type>([0.0, 1.0], "a number")?;
            match number.is_finite() {
                true => visitor.$visit(number),
                false => Err(Fault::expected("a number that is finite")),
            }
        }
    )+};
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Fault;

    integers!(
        deserialize_i8 visit_i8 i8, deserialize_i16 visit_i16 i16, deserialize_i32 visit_i32 i32, deserialize_i64 visit_i64 i64,
        deserialize_i128 visit_i128 i128, deserialize_u8 visit_u8 u8, deserialize_u16 visit_u16 u16, deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64, deserialize_u128 visit_u128 u128
    );
    floats!(deserialize_f32 visit_f32 f32, deserialize_f64 visit_f64 f64);

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.stands_in() {
            return visitor.visit_bool(false);
        }
        let text = self.text()?.trim();
        match text {
            "1" => visitor.visit_bool(true),
            "0" => visitor.visit_bool(false),
            text if text.eq_ignore_ascii_case("true") => visitor.visit_bool(true),
            text if text.eq_ignore_ascii_case("false") => visitor.visit_bool(false),
            _ => Err(Fault::expected("`true` or `false`")),
        }
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.stands_in() {
            true => visitor.visit_char('0'),
            false => visitor.visit_str(self.text()?),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_str(self.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_str(self.text()?)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_bytes(self.text()?.as_bytes())
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_bytes(self.text()?.as_bytes())
    }

    /// A setting without a text is none.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let is_empty = match self.source {
            Source::Node(node) => !node.has_children() && node.text.as_deref().is_none_or(str::is_empty),
            Source::Text(text) => text.is_empty(),
            Source::StandIn(_) => true,
        };
        match is_empty {
            true => visitor.visit_none(),
            false => visitor.visit_some(self),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_seq(Elements(self.elements().into_iter()))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Fault> {
        if self.is_missing() {
            return Err(Fault::new(Problem::Missing));
        }
        if let Source::StandIn(_) = self.source {
            let Self { attempt, path, source } = self;
            let element = |_| Self {
                attempt,
                path: path.clone(),
                source,
            };
            let elements: Vec<_> = (0..length).map(element).collect();
            return visitor.visit_seq(Elements(elements.into_iter()));
        }
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let names: Vec<String> = match self.source {
            Source::Node(node) => node.children().map(|(name, _)| name.to_owned()).collect(),
            Source::Text(_) | Source::StandIn(_) => Vec::new(),
        };
        visitor.visit_map(Fields::new(&self, names))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if self.stands_in() {
            self.attempt.error.borrow_mut().is_a_section(&self.path);
        }
        // Names and aliases that differ in case only are one setting.
        let mut names: Vec<String> = Vec::new();
        for field in fields {
            if !names.iter().any(|name| is_same_name(name, field)) {
                names.push((*field).to_owned());
            }
        }
        visitor.visit_map(Fields::new(&self, names))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let known = |name: &str| {
            let exactly = variants.iter().find(|variant| **variant == name);
            exactly
                .or_else(|| variants.iter().find(|variant| is_same_name(variant, name)))
                .copied()
        };
        if let Some(index) = self.stand_in() {
            let name = variants.get(index).or(variants.first()).copied().unwrap_or_default();
            return visitor.visit_enum(Variant { name, content: None });
        }
        if let Source::Node(node) = self.source
            && node.text.is_none()
        {
            // A section within a section: `Store__Blob__Container` is the variant `Blob` of the setting `Store`.
            let names: Vec<&str> = node.children().filter_map(|(name, _)| known(name)).collect();
            return match names[..] {
                [name] => {
                    let content = self.within(name);
                    visitor.visit_enum(Variant { name, content })
                }
                [] if self.is_missing() => Err(Fault::new(Problem::Missing)),
                _ => Err(Fault::expected(format_args!(
                    "a section with one of {}",
                    listed(variants)
                ))),
            };
        }
        let text = self.text()?.trim();
        let name = known(text).unwrap_or(text);
        visitor.visit_enum(Variant { name, content: None })
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.source {
            Source::Node(node) if node.text.is_none() => self.deserialize_map(visitor),
            _ => visitor.visit_str(self.text()?),
        }
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_str(self.text()?)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }
}

/// The settings of a section that are there.
struct Fields<'a> {
    fields: std::vec::IntoIter<(String, Reader<'a>)>,
    next: Option<Reader<'a>>,
}

impl<'a> Fields<'a> {
    fn new(section: &Reader<'a>, names: Vec<String>) -> Self {
        let fields = names.into_iter().filter_map(|name| {
            let reader = section.within(&name)?;
            Some((name, reader))
        });
        Self {
            fields: fields.collect::<Vec<_>>().into_iter(),
            next: None,
        }
    }
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some((name, reader)) = self.fields.next() else {
            return Ok(None);
        };
        self.next = Some(reader);
        seed.deserialize(name.into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let Some(reader) = self.next.take() else {
            return Err(Fault::new(Problem::Unreadable(None)));
        };
        let path = reader.path.clone();
        seed.deserialize(reader).map_err(|fault| fault.at(&path))
    }
}

struct Elements<'a>(std::vec::IntoIter<Reader<'a>>);

impl<'de> SeqAccess<'de> for Elements<'_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some(reader) = self.0.next() else { return Ok(None) };
        let path = reader.path.clone();
        seed.deserialize(reader).map(Some).map_err(|fault| fault.at(&path))
    }
}

/// The name of a variant, and its section if it has one.
struct Variant<'n, 'a> {
    name: &'n str,
    content: Option<Reader<'a>>,
}

impl<'a> Variant<'_, 'a> {
    fn content(self) -> Result<Reader<'a>, Fault> {
        let name = self.name;
        let without = || Fault::expected(format_args!("a section, with the settings of `{name}` within it"));
        self.content.ok_or_else(without)
    }
}

impl<'de> EnumAccess<'de> for Variant<'_, '_> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Fault> {
        let variant = seed.deserialize(self.name.into_deserializer())?;
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, '_> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        let content = self.content()?;
        let path = content.path.clone();
        seed.deserialize(content).map_err(|fault| fault.at(&path))
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Fault> {
        let content = self.content()?;
        let path = content.path.clone();
        content
            .deserialize_tuple(length, visitor)
            .map_err(|fault| fault.at(&path))
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Fault> {
        let content = self.content()?;
        let path = content.path.clone();
        content
            .deserialize_struct("", fields, visitor)
            .map_err(|fault| fault.at(&path))
    }
}

/// Something wrong. What a type says about a value is not kept: the value may be a secret, and stand in it.
#[derive(Debug)]
struct Fault {
    /// The name of the setting, once it is known.
    path: Option<String>,
    /// The field that is missing in what is read at `path`.
    field: Option<&'static str>,
    problem: Problem,
}

impl Fault {
    fn new(problem: Problem) -> Self {
        Self {
            path: None,
            field: None,
            problem,
        }
    }

    /// Says where it is, unless that is known.
    fn at(mut self, path: &str) -> Self {
        if self.path.is_none() {
            self.path = Some(match self.field {
                Some(field) => join(path, field),
                None => path.to_owned(),
            });
        }
        self
    }

    fn expected(expected: impl fmt::Display) -> Self {
        Self::new(Problem::Unreadable(Some(expected.to_string())))
    }
}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::new(Problem::Unreadable(None))
    }

    fn missing_field(field: &'static str) -> Self {
        Self {
            field: Some(field),
            ..Self::new(Problem::Missing)
        }
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::expected(expected)
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::expected(expected)
    }

    fn invalid_length(_: usize, expected: &dyn Expected) -> Self {
        Self::expected(expected)
    }

    fn unknown_variant(_: &str, variants: &'static [&'static str]) -> Self {
        Self::expected(format_args!("one of {}", listed(variants)))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self {
            field: Some(field),
            ..Self::expected("set under one of its names only")
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a setting cannot be read")
    }
}

impl std::error::Error for Fault {}
