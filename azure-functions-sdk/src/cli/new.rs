//! `cargo func new`.

use std::process::ExitCode;

use super::CommandResult;
use crate::{
    host::timers::{Schedule, Zone},
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

/// Reads a schedule as the host will; what depends on a setting is known only then.
fn schedule(text: &str) -> Result<String, String> {
    let text = text.trim();
    // It becomes a literal in the user's code.
    if !text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || " */,-.:%_".contains(c))
    {
        return Err("a schedule has only letters, digits, and * / , - : %".into());
    }
    if text.contains('%') {
        return Ok(text.into());
    }
    // A bare number is an interval of so many days to the host, but more likely a mistake: `#[func]` refuses it too.
    if !text.contains([' ', ':', '.']) {
        return Err(FORMS.into());
    }
    match Schedule::parse(text, Zone::UTC) {
        Ok(_) => Ok(text.into()),
        Err(error) => Err(format!("{error}; {FORMS}")),
    }
}

const FORMS: &str = "write six fields (second minute hour day month weekday), five without the second, an interval such as \
                     00:05:00, or %SETTING%";

#[cfg(test)]
mod tests {
    use super::schedule;

    #[test]
    fn schedules_are_six_fields_or_five_or_an_interval_or_a_setting() {
        for good in [
            "0 */5 * * * *",
            "*/5 * * * *",
            "0 0 9-17 * * Mon-Fri",
            "%EVERY%",
            "00:05:00",
            "1.00:00:00",
        ] {
            assert_eq!(schedule(good).as_deref(), Ok(good));
        }
        for bad in [
            "often",
            "",
            "5",
            "* * * *",
            "0 0 0 * * \"",
            "0 0 24 * * *",
            "24:00:00",
            "00:00:00",
        ] {
            assert!(schedule(bad).is_err(), "{bad}");
        }
        assert!(schedule("* * * *").unwrap_err().contains("five without the second"));
    }
}
