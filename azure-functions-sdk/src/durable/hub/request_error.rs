//! Why what a client asked for was refused, or is not known to have happened.

use crate::durable::{
    engine::{entity::EntityId, runtime_status::RuntimeStatus},
    store::{DamagedRow, StoreError},
};

/// Why a request was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    #[error("no such instance")]
    NotFound,
    /// The instance has ended.
    #[error("the instance has ended: it is {}", .0.name())]
    Ended(RuntimeStatus),
    /// The instance is not in the state that the operation needs.
    #[error("{0}")]
    WrongState(String),
    #[error("An Orchestration instance with the status {} already exists.", .0.name())]
    InUse(RuntimeStatus),
    /// In the words of the extension, as are the others that name a state.
    #[error("This orchestration has status {}, but only orchestrations in the \"Failed\" state can be rewound.", .0.name())]
    NotFailed(RuntimeStatus),
    #[error(
        "The instance '{instance_id}' failed in a critical section and cannot be rewound: its locks on {} ended with it, so \
         that others may have changed what it had seen there; restart it instead.",
        listed(.entities)
    )]
    FailedLocked {
        instance_id: String,
        entities: Vec<EntityId>,
    },
    #[error("{0}")]
    InvalidJson(String),
    #[error("{0}")]
    InvalidId(String),
    /// A value in the query that says what is meant cannot be read.
    #[error("{0}")]
    InvalidQuery(String),
    /// No entity can have this name and key.
    #[error("{0}")]
    InvalidEntity(String),
    #[error("{0}")]
    UnknownFunction(String),
    /// Nothing can be written at present; the request has no effect.
    #[error("{0}")]
    Unavailable(String),
    /// The request may take effect later, or a part of it has.
    #[error("{0}")]
    Unconfirmed(String),
    /// The row of the instance cannot be read.
    #[error("{}", .0.problem())]
    Damaged(DamagedRow),
    /// What is stored makes no sense, or cannot be read.
    #[error("{0}")]
    Broken(String),
}

impl From<StoreError> for RequestError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Closed => Self::Unavailable("The host is shutting down.".to_owned()),
            other => Self::Broken(other.to_string()),
        }
    }
}

impl RequestError {
    /// The error of a request of which this many parts have been done already.
    pub(crate) fn after(self, done: usize) -> Self {
        match self {
            Self::Unavailable(reason) if done > 0 => {
                Self::Unconfirmed(format!("Only a part of this has been done ({done}): {reason}"))
            }
            other => other,
        }
    }
}

fn listed(entities: &[EntityId]) -> String {
    let quoted: Vec<String> = entities.iter().map(|entity| format!("'{entity}'")).collect();
    quoted.join(" and ")
}
