//! What a worker process was running when it ended, and in which order it runs again.
//!
//! The end of a process does not say which of its work items caused it. So each that was in flight becomes a *suspect*, and
//! only the end of a process that ran nothing else counts against one. Suspects run again in *trials*: those that were in
//! flight at the most ends come first, half of them at a time, and nothing else begins until they have ended, or have run
//! for longer than they had when the process ended. A trial that ends the process is halved, until what ends it runs alone.
//! Trials that follow each other for a minute make way for everything else for as long.
//!
//! What ends its process only after it has run for longer than the longest trial never runs alone as long as there is other
//! work: then it is not found out, and is run again without end.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};

use super::{attempts::MAX_DEATHS, waiting::Activity};
use crate::durable::{
    store::{InstanceKey, RowId},
    work::WorkerDeath,
};

/// How much longer a suspect must run than it had when a process ended, beside a quarter of that time.
const MARGIN: Duration = Duration::from_secs(1);
/// The longest trial of a suspect of one death; it doubles with each.
const FIRST_TRIAL: Duration = Duration::from_secs(10);
const LONGEST_TRIAL: Duration = Duration::from_secs(300);
/// A suspect of so many deaths that still has not run alone keeps callers of other functions waiting.
const DEATHS_IN_COMPANY: u32 = 3;
/// How long they wait at most.
const LONGEST_SOLITUDE: Duration = Duration::from_secs(10);
/// How long trials may hold everything else up before it has a turn of the same length; it doubles with each.
const FIRST_PATIENCE: TimeDelta = TimeDelta::minutes(1);
const LONGEST_PATIENCE: TimeDelta = TimeDelta::hours(1);

/// What runs on a worker.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Item {
    /// The episode of an instance.
    Episode(InstanceKey),
    /// An activity, by its row.
    Activity(RowId),
    /// The turn of an entity.
    Entity(Arc<str>),
}

/// A suspect that waits for its trial.
#[derive(Debug)]
pub(super) enum Suspect {
    Episode(InstanceKey),
    Activity(Activity),
    Entity(Arc<str>),
}

/// What follows for an item when the process that ran it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It had no part in it: it runs again as if nothing had been.
    Innocent,
    /// It may have: it waits for its trial.
    Suspect,
    /// So often that it fails.
    Guilty,
}

/// How many items of each kind may begin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) episodes: usize,
    pub(super) activities: usize,
    pub(super) entities: usize,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Quarantine {
    records: HashMap<Item, Record>,
    waiting: Vec<Suspect>,
    /// What runs, with the process that it has reached.
    running: HashMap<Item, Option<u64>>,
    /// What still has to be heard of after the end of its process.
    unheard: BTreeSet<Item>,
    /// What nothing may begin beside.
    trial: BTreeMap<Item, Trial>,
    trials: u64,
    holding: Holding,
}

/// What is known of a suspect.
#[derive(Debug, Default)]
struct Record {
    /// Processes that ended when they ran nothing else.
    alone: u32,
    /// Processes that ended in a trial of this one.
    in_trial: u32,
    /// Processes that ended while they ran it.
    present: u32,
    /// How long it had run then, at most.
    longest: Duration,
    /// Operations of an entity that still run one by one.
    cautious: usize,
}

#[derive(Clone, Copy, Debug)]
struct Trial {
    /// Tells the trials of one item apart.
    number: u64,
    solitude: Option<Duration>,
}

/// How long everything else has waited, and may wait.
#[derive(Debug, Default)]
struct Holding {
    since: Option<DateTime<Utc>>,
    patience: Option<TimeDelta>,
    /// Everything else has its turn until then.
    open_until: Option<DateTime<Utc>>,
}

impl Suspect {
    pub(super) fn item(&self) -> Item {
        match self {
            Self::Episode(key) => Item::Episode(*key),
            Self::Activity(activity) => Item::Activity(activity.row),
            Self::Entity(id) => Item::Entity(Arc::clone(id)),
        }
    }
}

impl Record {
    /// Those of the highest rank have their trial first.
    fn rank(&self) -> (u32, u32, u32) {
        (self.alone, self.in_trial, self.present)
    }

    /// How long it must run before others may begin.
    fn probation(&self) -> Duration {
        let cap = FIRST_TRIAL * 2u32.saturating_pow(self.present.saturating_sub(1).min(8));
        (self.longest * 5 / 4 + MARGIN).min(cap).min(LONGEST_TRIAL)
    }
}

impl Quarantine {
    /// An item begins that no trial is needed for.
    pub(super) fn begins(&mut self, item: Item) {
        self.running.insert(item, None);
    }

    /// An item has reached a process. For one on trial: the number of the trial, and how long it takes.
    pub(super) fn reached(&mut self, item: &Item, process: u64) -> Option<(u64, Duration)> {
        *self.running.get_mut(item)? = Some(process);
        let trial = self.trial.get(item)?;
        Some((trial.number, self.records.get(item)?.probation()))
    }

    /// The process that ran an item has ended. `operations`: how many of an entity were in flight.
    pub(super) fn died(&mut self, item: &Item, death: &WorkerDeath, operations: usize) -> Verdict {
        // Everything else that was in flight reports it, too; no trial begins before all are there to choose from.
        if self.unheard.is_empty()
            && let Some(Some(process)) = self.running.get(item).copied()
        {
            let same = self.running.iter().filter(|(_, its)| **its == Some(process));
            self.unheard = same.map(|(item, _)| item.clone()).collect();
        }
        if death.by_host {
            return match self.is_suspect(item) {
                true => Verdict::Suspect,
                false => Verdict::Innocent,
            };
        }
        let on_trial = self.trial.contains_key(item);
        let record = self.records.entry(item.clone()).or_default();
        record.present += 1;
        record.in_trial += u32::from(on_trial);
        record.alone += u32::from(death.alone);
        record.longest = record.longest.max(death.ran);
        record.cautious = record.cautious.max(operations);
        if record.alone >= MAX_DEATHS {
            Verdict::Guilty
        } else {
            Verdict::Suspect
        }
    }

    /// A suspect waits for its trial.
    pub(super) fn wait(&mut self, suspect: Suspect) {
        self.records.entry(suspect.item()).or_default();
        self.waiting.push(suspect);
    }

    /// An item does not run any more. Unless it waits for a trial, or is an entity with more operations to run one by one,
    /// it is no suspect any more either.
    pub(super) fn leaves(&mut self, item: &Item) {
        self.running.remove(item);
        self.trial.remove(item);
        self.unheard.remove(item);
        if self.records.is_empty() {
            return;
        }
        let waits = self.waiting.iter().any(|suspect| suspect.item() == *item);
        if !waits && self.records.get(item).is_some_and(|record| record.cautious == 0) {
            self.records.remove(item);
        }
    }

    /// A suspected entity has run so many operations, and the process is still there.
    pub(super) fn operations_ended(&mut self, item: &Item, count: usize) {
        if let Some(record) = self.records.get_mut(item) {
            record.cautious = record.cautious.saturating_sub(count);
            record.alone = 0;
        }
    }

    /// Whether operations of an entity still have to run one by one.
    pub(super) fn is_cautious(&self, item: &Item) -> bool {
        self.records.get(item).is_some_and(|record| record.cautious > 0)
    }

    /// An entity has nothing more to do.
    pub(super) fn rests(&mut self, item: &Item) {
        if let Some(record) = self.records.get_mut(item) {
            record.cautious = 0;
        }
    }

    pub(super) fn is_suspect(&self, item: &Item) -> bool {
        self.records.contains_key(item)
    }

    /// How many processes ended that ran this item and nothing else.
    pub(super) fn deaths(&self, item: &Item) -> u32 {
        self.records.get(item).map_or(0, |record| record.alone)
    }

    /// How long everything else is to be kept away from the worker while this item runs.
    pub(super) fn solitude(&self, item: &Item) -> Option<Duration> {
        self.trial.get(item)?.solitude
    }

    /// A trial has taken its time; false if it was over before.
    pub(super) fn passed(&mut self, item: &Item, number: u64) -> bool {
        let is_it = self.trial.get(item).is_some_and(|trial| trial.number == number);
        if is_it {
            self.trial.remove(item);
        }
        is_it
    }

    /// The suspects that begin their trial now.
    pub(super) fn next_trial(&mut self, mut room: Room) -> Vec<Suspect> {
        if self.waiting.is_empty() || !self.trial.is_empty() || !self.unheard.is_empty() {
            return Vec::new();
        }
        let rank = |suspect: &Suspect| self.records.get(&suspect.item()).map(Record::rank);
        self.waiting.sort_by_cached_key(|suspect| Reverse(rank(suspect)));
        let first = self.waiting.first().and_then(rank).unwrap_or_default();
        let same = self.waiting.iter().take_while(|suspect| rank(suspect) == Some(first));
        let size = match first {
            (0, ..) => same.count().div_ceil(2),
            // Its share in it is known already.
            _ => 1,
        };
        let mut chosen = Vec::with_capacity(size);
        let mut index = 0;
        while chosen.len() < size && index < self.waiting.len() {
            let room = match &self.waiting[index] {
                Suspect::Episode(_) => &mut room.episodes,
                Suspect::Activity(_) => &mut room.activities,
                Suspect::Entity(_) => &mut room.entities,
            };
            if *room == 0 {
                index += 1;
                continue;
            }
            *room -= 1;
            chosen.push(self.waiting.remove(index));
        }
        let alone = chosen.len() == 1;
        for suspect in &chosen {
            let item = suspect.item();
            self.trials += 1;
            let record = self.records.entry(item.clone()).or_default();
            let solitary = alone && (record.alone > 0 || record.present >= DEATHS_IN_COMPANY);
            let trial = Trial {
                number: self.trials,
                solitude: solitary.then(|| record.probation().min(LONGEST_SOLITUDE)),
            };
            self.trial.insert(item.clone(), trial);
            self.running.insert(item, None);
        }
        chosen
    }

    /// Until when everything else has to wait, if trials go on for so long; `None`: it may begin.
    pub(super) fn holds(&mut self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if self.records.is_empty() {
            self.holding = Holding::default();
            return None;
        }
        if self.trial.is_empty() && self.unheard.is_empty() {
            self.holding.since = None;
            return None;
        }
        if self.holding.open_until.is_some_and(|end| now < end) {
            return None;
        }
        let since = *self.holding.since.get_or_insert(now);
        let patience = self.holding.patience.unwrap_or(FIRST_PATIENCE);
        if now - since < patience {
            return Some(since + patience);
        }
        self.holding = Holding {
            since: None,
            patience: Some((patience * 2).min(LONGEST_PATIENCE)),
            open_until: Some(now + patience),
        };
        None
    }
}

#[cfg(test)]
mod tests;
