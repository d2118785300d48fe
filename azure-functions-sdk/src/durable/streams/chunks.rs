//! The answer to an episode in parts, which workers send when it is large: one call after another with the same token, all but
//! the last `isPartial`, numbered from zero. Only the first has the custom status.

use azure_functions_durable::protobuf::OrchestratorResponse;
use prost::Message;

use super::answer::Lost;

/// What the parts of one answer may have together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Most {
    pub(super) bytes: usize,
    /// Actions, or what they have of one kind, such as tags: an entry takes two bytes on the wire, and many more in memory.
    pub(super) entries: usize,
}

/// Entries of one kind that an answer may have: more than any turn has. Of an answer in parts, those of the kind of which a part has most
/// count, whichever that is.
pub(crate) const MOST_ENTRIES: usize = 1_000_000;

/// See [`Most`].
pub(super) const LARGEST_ANSWER: Most = Most {
    bytes: 256 * 1024 * 1024,
    entries: MOST_ENTRIES,
};

/// A part cannot be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "part {given} of the answer came where part {expected} was expected; abandon the work item, and it is given out again"
)]
pub(crate) struct ChunkError {
    given: i32,
    expected: i32,
}

/// The parts that have come.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    so_far: Option<OrchestratorResponse>,
    next: i32,
    bytes: usize,
    entries: usize,
}

impl Chunks {
    /// Adds a part, with so many entries of the kind of which it has most; gives the whole answer with the last one.
    pub(super) fn add(
        &mut self,
        response: OrchestratorResponse,
        entries: usize,
        most: &Most,
    ) -> Result<Option<Result<OrchestratorResponse, Lost>>, ChunkError> {
        let is_last = !response.is_partial;
        let index = response.chunk_index.unwrap_or(self.next);
        // Its answer was lost, so it came once more. The last part cannot: the item has ended with it.
        if index < self.next && !is_last {
            return Ok(None);
        }
        if index != self.next {
            return Err(ChunkError {
                given: index,
                expected: self.next,
            });
        }
        self.next = self.next.saturating_add(1);
        self.bytes = self.bytes.saturating_add(response.encoded_len());
        self.entries = self.entries.saturating_add(entries);
        let too_large = match (self.bytes > most.bytes, self.entries > most.entries) {
            (true, _) => Some(format!("its answer has more than {} bytes", most.bytes)),
            (false, true) => Some(format!("its answer has more than {} entries", most.entries)),
            (false, false) => None,
        };
        if let Some(text) = too_large {
            self.so_far = None;
            return Ok(Some(Err(Lost::Unusable(text))));
        }
        match &mut self.so_far {
            None => self.so_far = Some(response),
            Some(first) => first.actions.extend(response.actions),
        }
        Ok(if is_last { self.so_far.take().map(Ok) } else { None })
    }
}
