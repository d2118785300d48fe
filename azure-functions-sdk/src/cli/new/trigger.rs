//! The kinds of `cargo func new` that follow from the table of bindings: one for each trigger that takes nothing but arguments of its
//! binding, with an option for each argument that it needs.

use clap::{Arg, ArgMatches, Command, Error, FromArgMatches, Subcommand, error::ErrorKind};

use super::name::NameArgs;
use crate::{
    binding_table::{Argument, ArgumentKind, BINDINGS, Binding, wrong_name},
    template::function::WARMUP,
};

/// What was asked for.
#[derive(Debug)]
pub(super) struct TriggerArgs {
    pub(super) name: NameArgs,
    pub(super) row: &'static Binding,
    pub(super) arguments: Vec<(&'static str, String)>,
}

fn rows() -> impl Iterator<Item = &'static Binding> {
    BINDINGS.iter().copied().filter(|row| !row.new.is_empty())
}

/// The arguments that a new function gives: those that have an example.
fn arguments(row: &'static Binding) -> impl Iterator<Item = &'static Argument> {
    row.arguments.iter().filter(|argument| !argument.example.is_empty())
}

impl Subcommand for TriggerArgs {
    fn augment_subcommands(command: Command) -> Command {
        rows().fold(command, |command, row| {
            let about = format!("A function that is started by {}", row.summary);
            let kind = <NameArgs as clap::Args>::augment_args(Command::new(row.new).about(about));
            // Its name is given.
            let kind = kind.mut_group("NameArgs", |group| group.required(row.new != WARMUP));
            let options = arguments(row).map(|argument| {
                let option = Arg::new(argument.name)
                    .long(argument.name.replace('_', "-"))
                    .value_name("VALUE")
                    .value_parser(|value: &str| good_value(argument, value));
                let help = format!("`{}` of the binding", argument.name);
                match default_of(argument, "NAME") {
                    Some(default) => option.help(format!("{help} [default: {default}]")),
                    None => option.help(help).default_value(argument.example),
                }
            });
            command.subcommand(kind.args(options))
        })
    }

    fn augment_subcommands_for_update(command: Command) -> Command {
        Self::augment_subcommands(command)
    }

    fn has_subcommand(name: &str) -> bool {
        rows().any(|row| row.new == name)
    }
}

/// A default that the name of the function is part of: what no two functions of an app may have the same.
fn default_of(argument: &Argument, name: &str) -> Option<String> {
    matches!(argument.kind, ArgumentKind::ResourceUri).then(|| format!("docs://{name}"))
}

/// It becomes a literal in the user's code.
fn good_value(argument: &Argument, value: &str) -> Result<String, String> {
    if let ArgumentKind::OneOf(words) = argument.kind
        && !words.iter().any(|word| word.eq_ignore_ascii_case(value))
    {
        return Err(format!("write one of: {}", words.join(", ")));
    }
    match wrong_name(argument.kind, value) {
        Some(reason) => Err(reason.to_owned()),
        None if value.chars().any(|c| c.is_control() || c == '"' || c == '\\') => {
            Err("quotes, backslashes and control characters cannot stand here".to_owned())
        }
        None => Ok(value.to_owned()),
    }
}

impl FromArgMatches for TriggerArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let (kind, matches) = matches
            .subcommand()
            .ok_or_else(|| Error::new(ErrorKind::MissingSubcommand))?;
        let row = rows()
            .find(|row| row.new == kind)
            .ok_or_else(|| Error::new(ErrorKind::InvalidSubcommand))?;
        let name = NameArgs::from_arg_matches(matches)?;
        let value = |argument: &Argument| {
            let given = matches.get_one::<String>(argument.name).cloned();
            given.or_else(|| default_of(argument, name.given()))
        };
        let arguments = arguments(row)
            .filter_map(|argument| Some((argument.name, value(argument)?)))
            .collect();
        Ok(Self {
            name: if kind == WARMUP { name.or(WARMUP) } else { name },
            arguments,
            row,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
