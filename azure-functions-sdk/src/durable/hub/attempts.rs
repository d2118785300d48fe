//! What has become of an item that workers of streams were given: who is asked last for it, and how many streams ended with it.

/// Times that a work item may end a worker process that ran nothing else, or the stream of a worker that ran others beside it, before the
/// item fails.
pub(super) const MAX_DEATHS: u32 = 10;

/// So many workers are remembered.
const ASKED_LAST: usize = 32;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Attempts {
    asked_last: Vec<u64>,
    lost: u32,
}

/// What follows when the stream of a worker has ended that had the item.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It is given out again at once.
    AtOnce,
    /// Again, after a pause: it may be what ends workers, and would end one after the other.
    Later(String),
    /// It fails, for this reason.
    Fails(String),
}

impl Attempts {
    /// The worker of this number gave it back.
    pub(super) fn abandoned(&mut self, worker: u64) {
        if self.asked_last.len() >= ASKED_LAST {
            self.asked_last.remove(0);
        }
        self.asked_last.push(worker);
    }

    /// The stream of the worker of this number has ended while it had the item.
    pub(super) fn lost_with(&mut self, worker: u64) -> Next {
        self.abandoned(worker);
        self.lost += 1;
        match self.lost {
            1 => Next::AtOnce,
            lost if lost < MAX_DEATHS => Next::Later(format!(
                "the streams of {lost} workers have ended while they had it; at {MAX_DEATHS} it fails"
            )),
            lost => Next::Fails(format!(
                "the streams of {lost} workers ended while they had it. Either it ends the process, or the work item is larger than \
                 the messages that the worker takes (4 MiB by default)"
            )),
        }
    }

    /// The workers that are asked last for it.
    pub(super) fn asked_last(&self) -> &[u64] {
        &self.asked_last
    }
}
