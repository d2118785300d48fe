//! How the name of a new function is given.

use crate::template::name::FunctionName;

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(super) struct NameArgs {
    /// Name of the function.
    #[arg(value_name = "NAME")]
    positional: Option<String>,
    /// Name of the function, the way other tools take it.
    #[arg(short, long = "name", value_name = "NAME")]
    named: Option<String>,
}

impl NameArgs {
    /// Takes this name if none is given.
    pub(super) fn or(mut self, name: &str) -> Self {
        if self.named.is_none() {
            self.positional.get_or_insert_with(|| name.to_owned());
        }
        self
    }

    /// The name as it was given; empty if it was not.
    pub(super) fn given(&self) -> &str {
        self.named.as_deref().or(self.positional.as_deref()).unwrap_or_default()
    }

    pub(super) fn parse(self) -> Result<FunctionName, Box<dyn std::error::Error + Send + Sync>> {
        Ok(self
            .named
            .or(self.positional)
            .unwrap_or_default()
            .parse::<FunctionName>()?)
    }
}
