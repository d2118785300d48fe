//! What of the command line and the environment asks for the worker of a Durable Task server.

use azure_functions_durable::{ServerAddress, ServerAddressError};

/// Address of the server.
const ADDRESS: &str = "--durable-task";
/// Name of the task hub.
const TASK_HUB: &str = "--task-hub";
/// The scheduler's connection string.
pub(crate) const CONNECTION_STRING: &str = "DURABLE_TASK_SCHEDULER_CONNECTION_STRING";

/// The arguments cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ArgumentError {
    /// What stands behind `--durable-task`, or in the variable, is no address.
    #[error("{place}: {error}")]
    Address {
        place: &'static str,
        #[source]
        error: ServerAddressError,
    },
    /// Nothing stands behind it.
    #[error("`{0}` needs a value behind it")]
    Value(&'static str),
    /// `--task-hub` without a server.
    #[error("`--task-hub` needs a server: give `--durable-task ADDRESS`, or set {CONNECTION_STRING}")]
    NoServer,
    /// Something else.
    #[error("`{0}` is not understood beside `--durable-task`")]
    Unknown(String),
}

/// The server to work for. `None`: these are no arguments of such a worker. `setting` is the value of the variable.
pub(crate) fn parse(arguments: &[String], setting: Option<&str>) -> Option<Result<ServerAddress, ArgumentError>> {
    let setting = setting.filter(|setting| !setting.trim().is_empty());
    let begins = arguments
        .iter()
        .any(|argument| [ADDRESS, TASK_HUB].iter().any(|name| is_named(argument, name)));
    let only_setting = arguments.is_empty() && setting.is_some();
    (begins || only_setting).then(|| complete(arguments, setting))
}

fn is_named(argument: &str, name: &str) -> bool {
    argument
        .strip_prefix(name)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
}

fn complete(arguments: &[String], setting: Option<&str>) -> Result<ServerAddress, ArgumentError> {
    let (mut address, mut task_hub) = (None, None);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let (name, into) = match argument {
            argument if is_named(argument, ADDRESS) => (ADDRESS, &mut address),
            argument if is_named(argument, TASK_HUB) => (TASK_HUB, &mut task_hub),
            argument => return Err(ArgumentError::Unknown(argument.clone())),
        };
        let value = match argument.split_once('=') {
            Some((_, value)) => Some(value),
            None => rest.next().map(String::as_str),
        };
        let value = value.filter(|value| !value.trim().is_empty());
        *into = Some(value.ok_or(ArgumentError::Value(name))?);
    }
    let (place, text) = match (address, setting) {
        (Some(address), _) => (ADDRESS, address),
        (None, Some(setting)) => (CONNECTION_STRING, setting),
        (None, None) => return Err(ArgumentError::NoServer),
    };
    let address: ServerAddress = text.parse().map_err(|error| ArgumentError::Address { place, error })?;
    Ok(match task_hub {
        Some(name) => address.with_task_hub(name),
        None => address,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str, setting: Option<&str>) -> Option<Result<(String, Option<String>), String>> {
        let arguments: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
        let parsed = parse(&arguments, setting)?;
        Some(match parsed {
            Ok(address) => Ok((address.origin().to_owned(), address.task_hub().map(str::to_owned))),
            Err(error) => Err(error.to_string()),
        })
    }

    #[test]
    fn the_argument_counts_more_than_the_variable_and_the_hub_of_the_arguments_more_than_that_of_the_variable() {
        const SETTING: Option<&str> = Some("Endpoint=http://s:1;Authentication=None;TaskHub=a");
        let address = |origin: &str, hub: Option<&str>| Some(Ok((origin.to_owned(), hub.map(str::to_owned))));
        assert_eq!(parsed("", SETTING), address("http://s:1", Some("a")));
        assert_eq!(parsed("--task-hub b", SETTING), address("http://s:1", Some("b")));
        assert_eq!(parsed("--durable-task h:2", SETTING), address("http://h:2", None));
        assert_eq!(
            parsed("--durable-task=http://h:2 --task-hub=b", None),
            address("http://h:2", Some("b"))
        );
    }

    #[test]
    fn other_words_are_not_for_this_worker() {
        const SETTING: Option<&str> = Some("Endpoint=http://s:1;Authentication=None");
        assert!(parsed("", None).is_none());
        assert!(parsed("", Some(" ")).is_none());
        assert!(parsed("functions", SETTING).is_none());
        assert!(parsed("--durable-tasks x", None).is_none());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = |line| parsed(line, None).unwrap().unwrap_err();
        assert_eq!(error("--durable-task"), "`--durable-task` needs a value behind it");
        assert!(error("--task-hub x").contains("needs a server"));
        assert_eq!(
            error("--durable-task h:1 now"),
            "`now` is not understood beside `--durable-task`"
        );
        assert!(error("--durable-task nowhere").starts_with("--durable-task: the address of the Durable Task server"));
    }
}
