//! What follows when a commit is on disk: the token that goes with it through the writer's queue.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::{live_entity::Delivery, waiting::Activity};
use crate::durable::store::{InstanceKey, RowId};

/// To the client: its change is on disk, or why it never will be.
pub(crate) type Reply = oneshot::Sender<Result<(), Arc<str>>>;
/// Where the client waits for the reply.
pub(crate) type Written = oneshot::Receiver<Result<(), Arc<str>>>;

/// What follows when a commit is on disk.
#[derive(Debug)]
pub(crate) enum Committed {
    /// Nothing.
    Nothing,
    /// A client waits for it.
    Reply(Reply),
    /// A client waits for it, and these instances are gone.
    Purged {
        reply: Reply,
        rows: Vec<(String, InstanceKey)>,
    },
    /// An episode: its activities may run now, and entities get its messages.
    Episode {
        key: InstanceKey,
        life: RowId,
        activities: Vec<Activity>,
        deliveries: Vec<Delivery>,
    },
    /// A client waits for it, and entities get messages.
    Signals { reply: Reply, deliveries: Vec<Delivery> },
    /// A turn of an entity.
    Turn {
        entity: Arc<str>,
        deliveries: Vec<Delivery>,
    },
}
