//! What the engine knows of an instance between episodes.

use chrono::{DateTime, Utc};

use super::{
    ending::Ending,
    event::{Event, ParentLink},
    message::Message,
};

/// Runtime status of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum RuntimeStatus {
    /// It has run at least one episode.
    Running,
    /// It returned.
    Completed,
    /// An execution made place for the next one; seen in history only.
    ContinuedAsNew,
    /// It failed.
    Failed,
    /// Unused.
    Canceled,
    /// It was terminated.
    Terminated,
    /// It has not run yet.
    Pending,
    /// It is suspended.
    Suspended,
}

impl RuntimeStatus {
    const ALL: [(Self, i32, &'static str); 8] = [
        (Self::Running, 0, "Running"),
        (Self::Completed, 1, "Completed"),
        (Self::ContinuedAsNew, 2, "ContinuedAsNew"),
        (Self::Failed, 3, "Failed"),
        (Self::Canceled, 4, "Canceled"),
        (Self::Terminated, 5, "Terminated"),
        (Self::Pending, 6, "Pending"),
        (Self::Suspended, 7, "Suspended"),
    ];

    /// The wire's number.
    pub(crate) fn number(self) -> i32 {
        // Declared in the order of the numbers.
        self as i32
    }

    /// The wire's name.
    pub(crate) fn name(self) -> &'static str {
        Self::ALL[self as usize].2
    }

    /// From the wire's number.
    pub(crate) fn from_number(number: i32) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|(_, n, _)| *n == number)
            .map(|(status, ..)| status)
    }

    /// From the wire's name, in any case.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|(.., n)| n.eq_ignore_ascii_case(name))
            .map(|(status, ..)| status)
    }

    /// True if nothing more happens by itself.
    pub(crate) fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Canceled | Self::Terminated)
    }
}

/// One orchestration instance with the history of its current execution.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Instance {
    /// Its id.
    pub(crate) instance_id: String,
    /// Its current execution: a GUID without dashes.
    pub(crate) execution_id: String,
    /// Name of the orchestration, as it was started.
    pub(crate) name: String,
    /// Its version; empty if unversioned.
    pub(crate) version: Option<String>,
    /// Who waits for its end.
    pub(crate) parent: Option<ParentLink>,
    /// Executions that continue-as-new ended before this one.
    pub(crate) generation: i32,
    /// Its status; never ContinuedAsNew.
    pub(crate) status: RuntimeStatus,
    /// Input of the current execution: JSON text.
    pub(crate) input: Option<String>,
    /// JSON text: output, or the text of a failure, or the reason of a termination or suspension.
    pub(crate) output: Option<String>,
    /// JSON text.
    pub(crate) custom_status: Option<String>,
    /// What it still waits for, though its code has ended.
    pub(crate) ending: Option<Ending>,
    /// When the current execution was started.
    pub(crate) created: DateTime<Utc>,
    /// History of the current execution; empty before its first episode.
    pub(crate) history: Vec<Event>,
}

impl Instance {
    /// The instance that a start message makes, before its first episode. `None` if the message starts nothing.
    pub(crate) fn pending(start: &Message) -> Option<Self> {
        let started = start.as_start()?;
        Some(Self {
            instance_id: started.instance_id.clone(),
            execution_id: started.execution_id.clone(),
            name: started.name.clone(),
            version: started.version.clone(),
            parent: started.parent.clone(),
            generation: started.generation,
            status: RuntimeStatus::Pending,
            input: started.input.clone(),
            output: None,
            custom_status: None,
            ending: None,
            created: start.event.timestamp,
            history: Vec::new(),
        })
    }
}
