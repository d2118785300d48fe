//! `cargo func new`.

use std::{path::Path, process::ExitCode};

mod name;
mod trigger;

use super::command_result::CommandResult;
use crate::{
    host::{
        DEFAULT_PORT,
        timers::{Schedule, Zone, names_a_setting},
    },
    project::{HostJson, LocalSettings, Settings},
    shell::Shell,
    template::function::{self, Kind},
};
use name::NameArgs;

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
    /// A function that starts orchestrations over HTTP (a durable client).
    Client(NameArgs),
    #[command(flatten)]
    Trigger(trigger::TriggerArgs),
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum AuthLevel {
    Anonymous,
    Function,
    Admin,
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
            KindArgs::Client(name) => (name, Kind::Client),
            KindArgs::Trigger(trigger) => {
                let trigger::TriggerArgs { name, row, arguments } = trigger;
                (name, Kind::Trigger { row, arguments })
            }
        };
        let name = name.parse()?;
        let added = function::add(&std::env::current_dir()?, &name, &kind)?;
        shell.status("Created", added.file.display());
        shell.status(
            "Changed",
            format_args!("{}: pub mod {};", added.list.display(), name.identifier),
        );
        if let Some(manifest) = &added.manifest {
            shell.status(
                "Changed",
                format_args!(
                    "{}: a feature of azure-functions that the function needs",
                    manifest.display()
                ),
            );
        }
        if let Some(root) = &added.unlisted {
            shell.warn(format_args!(
                "the app will not find the function: `{}` lacks the line `mod functions;`, add it",
                root.display()
            ));
        }
        let local = Local::of(added.file.ancestors().nth(3).unwrap_or(Path::new("")));
        let Local { host, .. } = &local;
        shell.note(match kind {
            Kind::Http { .. } => format!("next: cargo func run, then curl \"{host}/{}?name=you\"", local.route(&name.name)),
            Kind::Timer { schedule } if names_a_setting(&schedule) => {
                let name = schedule.split('%').nth(1).unwrap_or_default();
                format!("next: cargo func settings add {name} VALUE, which makes a schedule of `{schedule}`; then cargo func run")
            }
            Kind::Trigger { row, .. } if row.new.starts_with("mcp-") => {
                format!("next: cargo func run; for clients of MCP, the app is at http://{host}/runtime/webhooks/mcp")
            }
            Kind::Trigger { .. } => format!(
                "next: cargo func run; to start it by hand: curl -d '{{\"input\": \"hello\"}}' {host}/admin/functions/{}",
                name.name
            ),
            Kind::Timer { .. } => {
                format!("next: cargo func run; to fire it at once: curl -d {{}} {host}/admin/functions/{}", name.name)
            }
            Kind::Orchestration => format!(
                "next: cargo func run, then curl -d '\"you\"' -H 'Content-Type: application/json' {host}/runtime/webhooks/durabletask/orchestrators/{}",
                name.name
            ),
            Kind::Entity => format!(
                "next: cargo func run, then curl -d 5 -H 'Content-Type: application/json' \"{host}/runtime/webhooks/durabletask/entities/{}/key?op=add\"",
                name.name
            ),
            Kind::Client => format!(
                "next: cargo func run, then curl -d '\"you\"' -H 'Content-Type: application/json' {host}/{}/ORCHESTRATION",
                local.route(&name.identifier)
            ),
            Kind::Activity => format!("next: let output = context.call::<super::{0}::{0}>(input).await?;", name.identifier),
        });
        Ok(ExitCode::SUCCESS)
    }
}

/// Where the app is called when it runs on this machine.
struct Local {
    host: String,
    route_prefix: String,
}

impl Local {
    /// As the files in the app's folder say; where they cannot be read, as they are made. `cargo func run` tells what is wrong.
    fn of(app: &Path) -> Self {
        let settings = LocalSettings::read(&app.join("local.settings.json")).unwrap_or_default();
        let host_json = HostJson::read(&app.join("host.json"), &Settings::of_process(&settings));
        Self {
            host: format!("localhost:{}", settings.host().port.unwrap_or(DEFAULT_PORT)),
            route_prefix: host_json.map_or_else(|_| "api".to_owned(), |host| host.http.route_prefix),
        }
    }

    fn route(&self, function: &str) -> String {
        match self.route_prefix.as_str() {
            "" => function.to_owned(),
            prefix => format!("{prefix}/{function}"),
        }
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
    use super::*;

    #[test]
    fn a_new_timer_has_a_schedule_that_the_macro_takes() {
        for line in include_str!("../../../azure-functions-codegen/tests/schedules.txt").lines() {
            let (verdict, text) = line.split_once('|').unwrap();
            let read = schedule(text);
            assert_eq!(read.is_ok(), verdict == "good", "`{text}`: {read:?}");
        }
    }

    #[test]
    fn the_next_step_has_the_port_and_the_route_prefix_of_the_app() {
        let folder = tempfile::tempdir().unwrap();
        let route = || {
            let local = Local::of(folder.path());
            format!("{}/{}", local.host, local.route("greet"))
        };
        assert_eq!(route(), "localhost:7071/api/greet");
        let settings = r#"{"IsEncrypted": false, "Host": {"LocalHttpPort": 8080}}"#;
        std::fs::write(folder.path().join("local.settings.json"), settings).unwrap();
        let host = |prefix: &str| {
            let text = format!(r#"{{"version": "2.0", "extensions": {{"http": {{"routePrefix": "{prefix}"}}}}}}"#);
            std::fs::write(folder.path().join("host.json"), text).unwrap();
        };
        host("v1/shop");
        assert_eq!(route(), "localhost:8080/v1/shop/greet");
        host("");
        assert_eq!(route(), "localhost:8080/greet");
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
