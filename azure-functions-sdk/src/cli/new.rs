//! `cargo func new`.

use std::process::ExitCode;

use super::CommandResult;
use crate::{
    host::timers::{Schedule, Zone, names_a_setting},
    shell::Shell,
    template::{
        function::{self, Kind},
        name::FunctionName,
    },
};

/// Add a function to the app in this folder.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    kind: KindArgs,
}

#[derive(Debug, clap::Subcommand)]
enum KindArgs {
    /// A function that answers HTTP requests.
    Http {
        #[command(flatten)]
        name: NameArgs,
        /// Who may call it: anyone, holders of a function key, or of the master key.
        #[arg(short, long, value_enum, value_name = "LEVEL", default_value = "function")]
        auth_level: AuthLevel,
    },
    /// A function that runs on a schedule.
    Timer {
        #[command(flatten)]
        name: NameArgs,
        /// When it runs: six fields (second minute hour day month weekday), five without the second, an interval such as
        /// 00:05:00, or %SETTING%.
        #[arg(short, long, value_name = "NCRONTAB", default_value = "0 */5 * * * *", value_parser = schedule)]
        schedule: String,
    },
    /// A durable orchestration.
    Orchestration(NameArgs),
    /// An activity: a step of an orchestration.
    Activity(NameArgs),
    /// A durable entity: something with a state of its own.
    Entity(NameArgs),
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct NameArgs {
    /// Name of the function.
    #[arg(value_name = "NAME")]
    positional: Option<String>,
    /// Name of the function, the way other tools take it.
    #[arg(short, long = "name", value_name = "NAME")]
    named: Option<String>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum AuthLevel {
    Anonymous,
    Function,
    Admin,
}

impl NameArgs {
    fn parse(self) -> Result<FunctionName, Box<dyn std::error::Error + Send + Sync>> {
        Ok(self
            .named
            .or(self.positional)
            .unwrap_or_default()
            .parse::<FunctionName>()?)
    }
}

impl Args {
    pub(super) fn run(self, shell: Shell) -> CommandResult {
        let (name, kind) = match self.kind {
            KindArgs::Http { name, auth_level } => {
                let auth_level = match auth_level {
                    AuthLevel::Anonymous => Some("anonymous"),
                    // What a host assumes.
                    AuthLevel::Function => None,
                    AuthLevel::Admin => Some("admin"),
                };
                (name, Kind::Http { auth_level })
            }
            KindArgs::Timer { name, schedule } => (name, Kind::Timer { schedule }),
            KindArgs::Orchestration(name) => (name, Kind::Orchestration),
            KindArgs::Activity(name) => (name, Kind::Activity),
            KindArgs::Entity(name) => (name, Kind::Entity),
        };
        let name = name.parse()?;
        let added = function::add(&std::env::current_dir()?, &name, &kind)?;
        shell.status("Created", added.file.display());
        shell.status(
            "Changed",
            format_args!("{}: pub mod {};", added.list.display(), name.identifier),
        );
        if let Some(root) = &added.unlisted {
            shell.warn(format_args!(
                "the app will not find the function: `{}` lacks the line `mod functions;`, add it",
                root.display()
            ));
        }
        shell.note(match kind {
            Kind::Http { .. } => format!("next: cargo func run, then curl \"localhost:7071/api/{}?name=you\"", name.name),
            Kind::Timer { schedule } if names_a_setting(&schedule) => {
                let name = schedule.split('%').nth(1).unwrap_or_default();
                format!("next: cargo func settings add {name} VALUE, which makes a schedule of `{schedule}`; then cargo func run")
            }
            Kind::Timer { .. } => {
                format!("next: cargo func run; to fire it at once: curl -d {{}} localhost:7071/admin/functions/{}", name.name)
            }
            Kind::Orchestration => format!(
                "next: cargo func run, then curl -d '\"you\"' -H 'Content-Type: application/json' localhost:7071/runtime/webhooks/durabletask/orchestrators/{}",
                name.name
            ),
            Kind::Entity => format!(
                "next: cargo func run, then curl -d 5 -H 'Content-Type: application/json' \"localhost:7071/runtime/webhooks/durabletask/entities/{}/key?op=add\"",
                name.name
            ),
            Kind::Activity => format!("next: let output = context.call_activity(\"{}\", input).await?;", name.name),
        });
        Ok(ExitCode::SUCCESS)
    }
}

/// Reads a schedule as `#[func]` and the host will; what depends on a setting is known only then.
fn schedule(text: &str) -> Result<String, String> {
    let text = text.trim();
    if !names_a_setting(text) {
        Schedule::parse(text, Zone::UTC).map_err(|error| error.to_string())?;
    } else if !text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || " */,-.:%_".contains(c))
    {
        // It becomes a literal in the user's code.
        return Err("a schedule that names a setting has only letters, digits, and * / , - . : _ %".into());
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use super::schedule;

    #[test]
    fn a_new_timer_has_a_schedule_that_the_macro_takes() {
        for line in include_str!("../../../azure-functions-codegen/tests/schedules.txt").lines() {
            let (verdict, text) = line.split_once('|').unwrap();
            let read = schedule(text);
            assert_eq!(read.is_ok(), verdict == "good", "`{text}`: {read:?}");
        }
    }

    #[test]
    fn what_is_no_schedule_says_what_to_write() {
        assert_eq!(
            schedule("0 */0 * * * *").unwrap_err(),
            "`0 */0 * * * *` is not a schedule: `0` is no step for the minute: it is a number above 0"
        );
        assert!(schedule("* * * *").unwrap_err().contains("five without the second"));
        assert!(schedule("%A\"%").unwrap_err().contains("only letters"));
    }
}
