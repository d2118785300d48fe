//! The command line: one file per subcommand, each an `Args` struct and what it does.
//!
//! Exit codes: 0 done, 1 failed, 2 the command line makes no sense, 3 a replayed orchestration is non-deterministic.

mod build;
mod built;
mod command_result;
mod durable;
mod host;
mod host_client;
mod invoke;
mod new;
mod new_app;
mod pack;
mod publish;
mod replay;
mod run;
mod settings;

use std::{ffi::OsString, process::ExitCode};

use clap::{
    CommandFactory, Parser, Subcommand,
    builder::styling::{AnsiColor, Styles},
    error::{ContextKind, ContextValue},
};

use crate::shell::{ColorChoice, Shell};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::BrightGreen.on_default().bold())
    .usage(AnsiColor::BrightGreen.on_default().bold())
    .literal(AnsiColor::BrightCyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// Make Azure Functions apps in Rust and run them on an embedded local host.
#[derive(Debug, Parser)]
#[command(name = "cargo func", bin_name = "cargo func", version, styles = STYLES, subcommand_required = true)]
#[command(after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 a replayed orchestration is non-deterministic.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Print results, warnings and errors only.
    #[arg(short, long, global = true)]
    quiet: bool,
    /// When to use colours: auto, always, or never.
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "WHEN",
        default_value_t,
        hide_possible_values = true
    )]
    color: ColorChoice,
}

#[derive(Debug, Subcommand)]
enum Command {
    NewApp(new_app::Args),
    New(new::Args),
    #[command(visible_alias = "start")]
    Run(run::Args),
    Invoke(invoke::Args),
    Replay(replay::Args),
    Pack(pack::Args),
    #[command(hide = true)]
    Publish(publish::Args),
    #[command(subcommand)]
    Durable(durable::Command),
    #[command(subcommand)]
    Settings(settings::Command),
    Host(host::Args),
}

/// Runs the command line; `args` begin with the program's name, then, when cargo starts us, `func`.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = without_cargo_argument(args);
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        // `--help` and `--version` are such "errors" too; clap knows which stream and which code each needs.
        Err(error) => with_subcommands(error, &args).exit(),
    };
    let shell = Shell::new(cli.quiet, cli.color);
    let result = match cli.command {
        Command::NewApp(args) => args.run(shell),
        Command::New(args) => args.run(shell),
        Command::Run(args) => args.run(shell),
        Command::Host(args) => args.run(shell),
        Command::Invoke(args) => args.run(shell),
        Command::Replay(args) => args.run(shell),
        Command::Pack(args) => args.run(shell),
        Command::Publish(args) => args.run(),
        Command::Durable(command) => command.run(shell),
        Command::Settings(command) => command.run(shell),
    };
    let code = result.unwrap_or_else(|error| {
        shell.error(error.as_ref());
        ExitCode::FAILURE
    });
    shell.flush();
    code
}

/// Lists what there is to choose from where a subcommand is unknown: clap names only those that are spelt nearly so.
fn with_subcommands(mut error: clap::Error, args: &[OsString]) -> clap::Error {
    let Some(ContextValue::String(unknown)) = error.get(ContextKind::InvalidSubcommand) else {
        return error;
    };
    let root = Cli::command();
    let mut parent = &root;
    for arg in args.iter().skip(1).take_while(|arg| *arg != unknown.as_str()) {
        parent = parent.find_subcommand(arg).unwrap_or(parent);
    }
    let names: Vec<_> = parent
        .get_subcommands()
        .filter(|command| !command.is_hide_set() && command.get_name() != "help")
        .map(clap::Command::get_name)
        .collect();
    let list = format!("the subcommands are: {}", names.join(", "));
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![list.into()]));
    error
}

/// `cargo func X` starts `cargo-func func X`.
fn without_cargo_argument(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut args: Vec<_> = args.into_iter().collect();
    if args.get(1).is_some_and(|first| first == "func") {
        args.remove(1);
    }
    args
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(without_cargo_argument(line.split(' ').map(OsString::from)))
    }

    #[test]
    fn clap_finds_no_contradiction_in_the_commands() {
        Cli::command().debug_assert();
    }

    #[test]
    fn works_with_and_without_the_argument_that_cargo_adds() {
        for line in [
            "cargo-func func run app",
            "cargo-func run app",
            "cargo-func start app",
            "cargo-func host start app",
        ] {
            let args = match parse(line).unwrap().command {
                Command::Run(args) => args,
                Command::Host(host::Args {
                    command: Some(host::HostCommand::Start(args)),
                    ..
                }) => args,
                other => panic!("{line}: {other:?}"),
            };
            assert_eq!(args.path.to_str(), Some("app"), "{line}");
        }
    }

    #[test]
    fn both_hosts_are_told_alike_how_safe_a_hub_is() {
        use crate::durable::Durability;
        for (option, expected) in [
            ("", Durability::Process),
            (" --durability process", Durability::Process),
            (" --durability full", Durability::Full),
        ] {
            for host in ["run", "host", "host start"] {
                let line = format!("cargo-func {host}{option}");
                let safety = match parse(&line).unwrap().command {
                    Command::Run(args) => args.safety,
                    Command::Host(host::Args {
                        command: Some(host::HostCommand::Start(args)),
                        ..
                    }) => args.safety,
                    Command::Host(args) => args.safety,
                    other => panic!("{line}: {other:?}"),
                };
                assert_eq!(safety.durability, expected, "{line}");
            }
        }
        for host in ["run", "host"] {
            let refused = parse(&format!("cargo-func {host} --durability half")).unwrap_err();
            let text = refused.to_string();
            assert!(text.contains("use `process` or `full`"), "{text}");
        }
    }

    #[test]
    fn arguments_after_two_dashes_are_for_cargo() {
        let Command::Run(args) = parse("cargo-func run --port 8080 -- --features x --bin y")
            .unwrap()
            .command
        else {
            panic!();
        };
        assert_eq!(
            (args.port, args.cargo_args.join(" ").as_str()),
            (Some(8080), "--features x --bin y")
        );
        assert_eq!(args.path.to_str(), Some("."));
    }
}
