//! The states of an instance, as the durable protocol numbers and names them.

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

    /// Those in which nothing more happens by itself.
    pub(crate) const TERMINAL: [Self; 4] = [Self::Completed, Self::Failed, Self::Canceled, Self::Terminated];

    /// True if nothing more happens by itself.
    pub(crate) fn is_terminal(self) -> bool {
        Self::TERMINAL.contains(&self)
    }
}
