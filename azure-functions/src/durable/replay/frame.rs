//! Frames and groups: which part of the user's future is being polled, and which part an answer wakes.
//!
//! A *frame* is one poll of the root future or of a combinator's child. A *group* is a combinator: it has children, a
//! queue of those that an answer has woken, and the frame it was last polled in, so that a wake walks up to whoever
//! drives. Groups are reused, so a reference carries a generation.

use std::collections::VecDeque;

/// Reference to a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GroupId {
    index: u32,
    generation: u32,
}

/// What is being polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    Root,
    Child { group: GroupId, child: u32 },
}

#[derive(Debug)]
struct OpenFrame {
    frame: Frame,
    waits: bool,
}

#[derive(Debug)]
struct Group {
    generation: u32,
    parent: Frame,
    ready: VecDeque<u32>,
    queued: Vec<bool>,
}

/// The open frames and all groups.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    open: Vec<OpenFrame>,
    groups: Vec<Group>,
    free: Vec<u32>,
}

impl Frames {
    pub(crate) fn push(&mut self, frame: Frame) {
        self.open.push(OpenFrame { frame, waits: false });
    }

    /// Closes the innermost frame; whether it waits.
    pub(crate) fn pop(&mut self) -> bool {
        self.open.pop().is_some_and(|f| f.waits)
    }

    /// The innermost frame; outside a poll there is only the root.
    pub(crate) fn current(&self) -> Frame {
        self.open.last().map_or(Frame::Root, |f| f.frame)
    }

    pub(crate) fn waits(&self) -> bool {
        self.open.last().is_some_and(|f| f.waits)
    }

    pub(crate) fn wait(&mut self) {
        if let Some(frame) = self.open.last_mut() {
            frame.waits = true;
        }
    }

    pub(crate) fn new_group(&mut self) -> GroupId {
        let index = self.free.pop().unwrap_or_else(|| {
            self.groups.push(Group {
                generation: 0,
                parent: Frame::Root,
                ready: VecDeque::new(),
                queued: Vec::new(),
            });
            // No episode has that many combinators at once.
            u32::try_from(self.groups.len() - 1).unwrap_or(u32::MAX)
        });
        GroupId {
            index,
            generation: self.groups[index as usize].generation,
        }
    }

    pub(crate) fn free_group(&mut self, id: GroupId) {
        if let Some(group) = self.live(id) {
            group.generation = group.generation.wrapping_add(1);
            group.ready.clear();
            group.queued.clear();
            self.free.push(id.index);
        }
    }

    fn live(&mut self, id: GroupId) -> Option<&mut Group> {
        self.groups
            .get_mut(id.index as usize)
            .filter(|g| g.generation == id.generation)
    }

    /// The group is being polled in the current frame: futures move between combinators, so this is told at every poll.
    pub(crate) fn adopt(&mut self, id: GroupId) {
        let parent = self.current();
        if let Some(group) = self.live(id) {
            group.parent = parent;
        }
    }

    /// The child that was woken first among those not polled since.
    pub(crate) fn pop_ready(&mut self, id: GroupId) -> Option<usize> {
        let group = self.live(id)?;
        let child = group.ready.pop_front()? as usize;
        group.queued[child] = false;
        Some(child)
    }

    /// Queues the frame's child at its group, and so on up to the root.
    pub(crate) fn wake(&mut self, mut frame: Frame) {
        while let Frame::Child { group, child } = frame {
            let Some(group) = self.live(group) else { return };
            let place = child as usize;
            if group.queued.len() <= place {
                group.queued.resize(place + 1, false);
            }
            if !group.queued[place] {
                group.queued[place] = true;
                group.ready.push_back(child);
            }
            frame = group.parent;
        }
    }
}
