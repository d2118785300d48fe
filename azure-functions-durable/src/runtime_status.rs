//! The states an orchestration instance can be in, as the durable HTTP API names them.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// The state of an orchestration instance.
///
/// On the wire it is the exact, case-sensitive name. A name that this version does not know is read as
/// [`Unknown`](Self::Unknown), so that a newer host never makes a status unreadable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum OrchestrationRuntimeStatus {
    /// The instance has started and waits for something, or has work to do.
    Running,
    /// The orchestration returned; its output is final.
    Completed,
    /// The instance is about to start over with a new input. Short-lived: usually seen as `Running`.
    ContinuedAsNew,
    /// The orchestration ended with an error; its output is the message.
    Failed,
    /// The instance was cancelled. Hosts hardly ever use it.
    Canceled,
    /// The instance was terminated by a client; its output is the reason.
    Terminated,
    /// The instance is created and its first episode has not been committed yet.
    Pending,
    /// The instance takes no steps until it is resumed.
    Suspended,
    /// A state that this version of the crate does not know.
    #[default]
    Unknown,
}

impl OrchestrationRuntimeStatus {
    /// Every state, in the order of the numbers the host gives them, [`Unknown`](Self::Unknown) last.
    pub const ALL: [Self; 9] = [
        Self::Running,
        Self::Completed,
        Self::ContinuedAsNew,
        Self::Failed,
        Self::Canceled,
        Self::Terminated,
        Self::Pending,
        Self::Suspended,
        Self::Unknown,
    ];

    /// The states in which an instance stays until it is purged, rewound or restarted.
    pub const TERMINAL: [Self; 4] = [Self::Completed, Self::Failed, Self::Canceled, Self::Terminated];

    /// Whether the instance has ended: `Completed`, `Failed`, `Canceled` or `Terminated`.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Canceled | Self::Terminated)
    }

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "Running",
            Self::Completed => "Completed",
            Self::ContinuedAsNew => "ContinuedAsNew",
            Self::Failed => "Failed",
            Self::Canceled => "Canceled",
            Self::Terminated => "Terminated",
            Self::Pending => "Pending",
            Self::Suspended => "Suspended",
            Self::Unknown => "Unknown",
        }
    }

    /// The number that the Durable Task framework gives this state; -1 for [`Unknown`](Self::Unknown).
    pub const fn code(self) -> i32 {
        match self {
            Self::Running => 0,
            Self::Completed => 1,
            Self::ContinuedAsNew => 2,
            Self::Failed => 3,
            Self::Canceled => 4,
            Self::Terminated => 5,
            Self::Pending => 6,
            Self::Suspended => 7,
            Self::Unknown => -1,
        }
    }

    /// The state with this number; [`Unknown`](Self::Unknown) for a number that no state has.
    pub fn from_code(code: i64) -> Self {
        Self::ALL
            .into_iter()
            .find(|status| i64::from(status.code()) == code)
            .unwrap_or_default()
    }
}

impl fmt::Display for OrchestrationRuntimeStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text is not the exact name of a runtime status.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{name}` is no runtime status; use one of Running, Completed, ContinuedAsNew, Failed, Canceled, Terminated, \
     Pending, Suspended (exactly so: upper and lower case matter)"
)]
pub struct ParseRuntimeStatusError {
    name: String,
}

impl FromStr for OrchestrationRuntimeStatus {
    type Err = ParseRuntimeStatusError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == name)
            .ok_or_else(|| ParseRuntimeStatusError { name: name.to_owned() })
    }
}

impl Serialize for OrchestrationRuntimeStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for OrchestrationRuntimeStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        Ok(match &value {
            serde_json::Value::String(name) => name.parse().unwrap_or_default(),
            serde_json::Value::Number(code) => code.as_i64().map(Self::from_code).unwrap_or_default(),
            _ => Self::Unknown,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::OrchestrationRuntimeStatus as Status;
    use serde_json::json;

    #[test]
    fn row_088_every_status_round_trips_by_its_exact_name_and_number() {
        assert_eq!(
            Status::ALL.map(Status::as_str),
            [
                "Running",
                "Completed",
                "ContinuedAsNew",
                "Failed",
                "Canceled",
                "Terminated",
                "Pending",
                "Suspended",
                "Unknown"
            ]
        );
        for status in Status::ALL {
            let wire = serde_json::to_value(status).unwrap();
            assert_eq!(wire, json!(status.to_string()));
            assert_eq!(serde_json::from_value::<Status>(wire).unwrap(), status);
            assert_eq!(status.as_str().parse::<Status>().unwrap(), status);
            assert_eq!(Status::from_code(status.code().into()), status);
        }
        assert_eq!(Status::ALL.map(Status::code), [0, 1, 2, 3, 4, 5, 6, 7, -1]);
    }

    #[test]
    fn a_status_this_version_does_not_know_reads_as_unknown() {
        for wire in [json!("Hibernating"), json!("running"), json!(42), json!(null)] {
            assert_eq!(serde_json::from_value::<Status>(wire).unwrap(), Status::Unknown);
        }
        assert!(
            "running"
                .parse::<Status>()
                .unwrap_err()
                .to_string()
                .contains("`running`")
        );
    }

    #[test]
    fn exactly_four_statuses_are_terminal() {
        let terminal: Vec<_> = Status::ALL.into_iter().filter(|s| s.is_terminal()).collect();
        assert_eq!(terminal, Status::TERMINAL);
    }
}
