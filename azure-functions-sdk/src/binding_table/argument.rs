//! The arguments of bindings: their names, and what their values must be.

/// An argument of `#[binding(...)]`.
#[derive(Clone, Copy, Debug)]
pub struct Argument {
    pub(crate) name: &'static str,
    pub(crate) key: Option<&'static str>,
    pub(crate) kind: ArgumentKind,
    pub(crate) required: bool,
    pub(crate) fallback: Fallback,
    pub(crate) example: &'static str,
}

/// What stands for an argument that `#[binding(...)]` does not give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fallback {
    /// Nothing.
    None,
    /// The function's name.
    FunctionName,
    /// The function's doc comment.
    FunctionDocs,
}

/// What an argument's value must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ArgumentKind {
    Text,
    Flag,
    Integer,
    Number,
    OneOf(&'static [&'static str]),
    SomeOf(&'static [&'static str]),
    Texts,
    Schedule,
    Route,
    QueueName,
    /// `container/blob`.
    BlobPath,
    /// `container/pattern`, or a container alone.
    BlobPattern,
    /// An absolute URI, which may have `{variables}`.
    ResourceUri,
    /// The name of a table.
    TableName,
    /// The type of a trigger without a row of its own.
    TriggerType,
    /// The type of another binding without one.
    BindingType,
    Any,
}

impl ArgumentKind {
    /// Whether [`wrong_name`](super::wrong_name()) has a rule for its values, which are texts.
    pub(crate) const fn has_a_rule(self) -> bool {
        matches!(
            self,
            Self::QueueName
                | Self::BlobPath
                | Self::BlobPattern
                | Self::ResourceUri
                | Self::TableName
                | Self::TriggerType
                | Self::BindingType
        )
    }

    /// Whether its values are texts.
    pub(crate) const fn is_text(self) -> bool {
        self.has_a_rule() || matches!(self, Self::Text | Self::OneOf(_) | Self::Schedule | Self::Route)
    }
}

impl Argument {
    pub(super) const fn new(name: &'static str, kind: ArgumentKind) -> Self {
        Self {
            name,
            key: None,
            kind,
            required: false,
            fallback: Fallback::None,
            example: "",
        }
    }

    /// Takes text. The name is in snake case; in `function.json` it is in camel case.
    pub const fn text(name: &'static str) -> Self {
        Self::new(name, ArgumentKind::Text)
    }

    /// Takes `true` or `false`.
    pub const fn flag(name: &'static str) -> Self {
        Self::new(name, ArgumentKind::Flag)
    }

    /// Takes an integer.
    pub const fn integer(name: &'static str) -> Self {
        Self::new(name, ArgumentKind::Integer)
    }

    /// Takes a number.
    pub const fn number(name: &'static str) -> Self {
        Self::new(name, ArgumentKind::Number)
    }

    /// Takes one of these texts.
    pub const fn one_of(name: &'static str, values: &'static [&'static str]) -> Self {
        Self::new(name, ArgumentKind::OneOf(values))
    }

    /// Takes some of these texts: `["a", "b"]`, or `"a|b"`. It is a list in `function.json`.
    pub const fn some_of(name: &'static str, values: &'static [&'static str]) -> Self {
        Self::new(name, ArgumentKind::SomeOf(values))
    }

    /// Takes a list of texts.
    pub const fn texts(name: &'static str) -> Self {
        Self::new(name, ArgumentKind::Texts)
    }

    /// Takes a timer's schedule: an NCRONTAB expression, a time span, or `%SETTING%`.
    pub const fn schedule(name: &'static str) -> Self {
        Self::new(name, ArgumentKind::Schedule)
    }

    /// Takes an HTTP route template.
    pub const fn route(name: &'static str) -> Self {
        Self::new(name, ArgumentKind::Route)
    }

    /// Takes the name of a storage queue, which may hold `%SETTING%` and `{expressions}`.
    pub const fn queue_name(name: &'static str) -> Self {
        Self::new(name, ArgumentKind::QueueName)
    }

    /// Takes the path of a blob, `container/blob`, which may hold `%SETTING%` and `{expressions}`.
    pub const fn blob_path(name: &'static str) -> Self {
        Self::new(name, ArgumentKind::BlobPath)
    }

    /// Takes the pattern of a blob trigger: `container/blob` with `{variables}`, or a container alone.
    pub const fn blob_pattern(name: &'static str) -> Self {
        Self::new(name, ArgumentKind::BlobPattern)
    }

    /// Takes the name of a storage table, which may hold `%SETTING%` and `{expressions}`.
    pub const fn table_name(name: &'static str) -> Self {
        Self::new(name, ArgumentKind::TableName)
    }

    /// Takes any literal or a list of them.
    pub const fn any(name: &'static str) -> Self {
        Self::new(name, ArgumentKind::Any)
    }

    /// Must be given.
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// What the argument is if it is not given.
    pub(crate) const fn or(mut self, fallback: Fallback) -> Self {
        self.fallback = fallback;
        self
    }

    /// What `cargo func new` writes.
    pub(crate) const fn example(mut self, example: &'static str) -> Self {
        self.example = example;
        self
    }

    /// Its name in `function.json`, if that is not the name in camel case.
    pub const fn key(mut self, key: &'static str) -> Self {
        self.key = Some(key);
        self
    }
}

impl Argument {
    /// Its name in `function.json`.
    pub(crate) fn member(&self) -> String {
        self.key.map_or_else(|| camel_case(self.name), str::to_owned)
    }
}

/// `queue_name` becomes `queueName`.
pub(crate) fn camel_case(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    let mut upper = false;
    for letter in name.chars() {
        if letter == '_' {
            upper = !text.is_empty();
        } else if upper {
            text.extend(letter.to_uppercase());
            upper = false;
        } else {
            text.push(letter);
        }
    }
    text
}
