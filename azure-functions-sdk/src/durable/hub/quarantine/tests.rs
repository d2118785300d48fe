//! Trials on a process that ends when a script says so.

use super::*;

const NAP: TimeDelta = TimeDelta::seconds(60);
const ROOM: Room = Room {
    episodes: 100,
    activities: 100,
    entities: 100,
};

/// Rows of activities: those in `poison` end the process when they have run so long, the others nap.
struct Simulation {
    quarantine: Quarantine,
    poison: BTreeMap<RowId, TimeDelta>,
    /// What has not begun yet, and is no suspect.
    fresh: Vec<RowId>,
    running: BTreeMap<RowId, Run>,
    now: DateTime<Utc>,
    process: u64,
    completed: BTreeSet<RowId>,
    failed: BTreeSet<RowId>,
    /// How often each was lost.
    lost: BTreeMap<RowId, u32>,
    /// Something else runs in the process all the time.
    company: bool,
}

struct Run {
    began: DateTime<Utc>,
    trial: Option<(u64, DateTime<Utc>)>,
}

impl Simulation {
    fn new(count: RowId, poison: &[(RowId, TimeDelta)]) -> Self {
        Self {
            quarantine: Quarantine::default(),
            poison: poison.iter().copied().collect(),
            fresh: (0..count).collect(),
            running: BTreeMap::new(),
            now: DateTime::from_timestamp_secs(0).unwrap(),
            process: 0,
            completed: BTreeSet::new(),
            failed: BTreeSet::new(),
            lost: BTreeMap::new(),
            company: false,
        }
    }

    fn begin(&mut self) {
        for suspect in self.quarantine.next_trial(ROOM) {
            let Item::Activity(row) = suspect.item() else {
                panic!("only activities were lost")
            };
            self.start(row);
        }
        if self.quarantine.holds(self.now).is_none() {
            for row in std::mem::take(&mut self.fresh) {
                self.quarantine.begins(Item::Activity(row));
                self.start(row);
            }
        }
    }

    fn start(&mut self, row: RowId) {
        let trial = self.quarantine.reached(&Item::Activity(row), self.process);
        let trial = trial.map(|(number, time)| (number, self.now + TimeDelta::from_std(time).unwrap()));
        let began = self.now;
        self.running.insert(row, Run { began, trial });
    }

    /// Until all are done, or this much time has passed.
    fn run(&mut self, limit: TimeDelta) {
        let end = self.now + limit;
        while self.now < end {
            self.begin();
            let ends = self.running.iter().map(|(row, run)| match self.poison.get(row) {
                Some(age) => run.began + *age,
                None => run.began + NAP,
            });
            let passes = self.running.values().filter_map(|run| Some(run.trial?.1));
            let Some(next) = ends.chain(passes).min() else { return };
            self.now = next;
            let dies = |(row, run): (&RowId, &Run)| self.poison.get(row).is_some_and(|age| run.began + *age <= next);
            if self.running.iter().any(dies) {
                self.die();
                continue;
            }
            for row in self.running.keys().copied().collect::<Vec<_>>() {
                let run = self.running.get_mut(&row).unwrap();
                if run.began + NAP <= next {
                    self.running.remove(&row);
                    self.completed.insert(row);
                    self.quarantine.leaves(&Item::Activity(row));
                } else if run.trial.is_some_and(|(_, until)| until <= next) {
                    let (number, _) = run.trial.take().unwrap();
                    assert!(self.quarantine.passed(&Item::Activity(row), number));
                }
            }
        }
    }

    fn die(&mut self) {
        self.process += 1;
        let alone = self.running.len() == 1 && !self.company;
        for (row, run) in std::mem::take(&mut self.running) {
            let item = Item::Activity(row);
            let mut death = WorkerDeath::new("abort", "");
            death.alone = alone;
            death.ran = (self.now - run.began).to_std().unwrap();
            *self.lost.entry(row).or_default() += 1;
            match self.quarantine.died(&item, &death, 0) {
                Verdict::Guilty => drop(self.failed.insert(row)),
                Verdict::Suspect => self.quarantine.wait(Suspect::Activity(activity(row))),
                Verdict::Innocent => panic!("nobody knows that yet"),
            }
            assert!(self.poison.contains_key(&row) || self.quarantine.deaths(&item) == 0);
            self.quarantine.leaves(&item);
            if !self.quarantine.unheard.is_empty() {
                assert!(
                    self.quarantine.next_trial(ROOM).is_empty(),
                    "not all are there to choose from"
                );
            }
        }
    }
}

fn activity(row: RowId) -> Activity {
    Activity {
        row,
        instance: InstanceKey(1),
        instance_id: "i".into(),
        execution_id: "e".into(),
        task_id: 0,
        name: "nap".to_owned(),
        input: None,
        version: None,
        tags: BTreeMap::new(),
        trace: None,
        failures: 0,
        attempts: crate::durable::hub::attempts::Attempts::default(),
    }
}

#[test]
fn one_poison_among_twenty_long_innocents_fails_and_the_others_complete() {
    for poison in 0..21 {
        let mut world = Simulation::new(21, &[(poison, TimeDelta::zero())]);
        world.run(TimeDelta::hours(1));
        assert_eq!(world.failed, BTreeSet::from([poison]));
        assert_eq!(world.completed.len(), 20);
        let worst = world
            .lost
            .iter()
            .filter(|(row, _)| **row != poison)
            .map(|(_, lost)| *lost);
        assert!(worst.max() <= Some(6), "poison {poison}: {:?}", world.lost);
        let took = world.now - DateTime::UNIX_EPOCH;
        assert!(took < TimeDelta::minutes(2), "poison {poison}: {took}");
        assert!(world.quarantine.records.is_empty() && world.quarantine.running.is_empty());
    }
}

#[test]
fn a_poison_that_takes_its_time_is_found_too() {
    for poison in 0..21 {
        let mut world = Simulation::new(21, &[(poison, TimeDelta::seconds(30))]);
        world.run(TimeDelta::hours(2));
        assert_eq!(world.failed, BTreeSet::from([poison]));
        assert_eq!(world.completed.len(), 20);
        let worst = world
            .lost
            .iter()
            .filter(|(row, _)| **row != poison)
            .map(|(_, lost)| *lost);
        assert!(worst.max() <= Some(8), "poison {poison}: {:?}", world.lost);
    }
}

#[test]
fn three_poisons_at_once_are_found_one_after_another() {
    let zero = TimeDelta::zero();
    let mut world = Simulation::new(30, &[(3, zero), (4, zero), (29, zero)]);
    world.run(TimeDelta::hours(1));
    assert_eq!(world.failed, BTreeSet::from([3, 4, 29]));
    assert_eq!(world.completed.len(), 27);
}

#[test]
fn what_never_runs_alone_is_never_blamed_but_asks_for_solitude() {
    let mut world = Simulation::new(1, &[(0, TimeDelta::zero())]);
    world.company = true;
    for deaths in 1..50 {
        world.begin();
        let solitude = world.quarantine.solitude(&Item::Activity(0));
        assert_eq!(solitude.is_some(), deaths > DEATHS_IN_COMPANY, "after {deaths}");
        assert!(solitude <= Some(LONGEST_SOLITUDE));
        world.die();
    }
    assert_eq!(world.failed.len(), 0);
    world.company = false;
    world.run(TimeDelta::hours(1));
    assert_eq!(world.failed, BTreeSet::from([0]));
}

#[test]
fn fresh_work_waits_for_a_trial_and_no_longer() {
    let mut world = Simulation::new(4, &[(0, TimeDelta::seconds(4))]);
    world.begin();
    world.now += TimeDelta::seconds(4);
    world.die();
    world.fresh = vec![10];
    world.begin();
    assert_eq!(world.running.len(), 2, "half of the suspects");
    let (_, until) = world.running.values().next().unwrap().trial.unwrap();
    assert_eq!(
        until - world.now,
        TimeDelta::seconds(6),
        "a quarter and a second more than then"
    );
    world.run(TimeDelta::hours(1));
    assert_eq!(world.completed, BTreeSet::from([1, 2, 3, 10]));
    assert_eq!(world.lost.get(&10), None, "it never ran beside the poison");
}

#[test]
fn trials_without_end_leave_others_their_turn() {
    // As an HTTP function does that ends the process every nine seconds.
    let mut world = Simulation::new(1, &[(0, TimeDelta::seconds(9))]);
    world.company = true;
    let mut turns = 0;
    let mut held = 0;
    for _ in 0..200 {
        for suspect in world.quarantine.next_trial(ROOM) {
            let Item::Activity(row) = suspect.item() else { panic!() };
            world.start(row);
        }
        if !world.running.contains_key(&0) {
            world.quarantine.begins(Item::Activity(0));
            world.start(0);
        }
        match world.quarantine.holds(world.now) {
            Some(until) => {
                assert!(until > world.now);
                held += 1;
            }
            None => turns += 1,
        }
        world.now += TimeDelta::seconds(9);
        world.die();
    }
    assert!(turns > held / 3, "{turns} turns, held up {held} times");
}

#[test]
fn what_the_host_did_itself_makes_no_suspects() {
    let mut world = Simulation::new(1, &[]);
    world.begin();
    let mut death = WorkerDeath::new("a function ran longer than functionTimeout", "");
    death.by_host = true;
    let item = Item::Activity(0);
    for _ in 0..20 {
        assert_eq!(world.quarantine.died(&item, &death, 0), Verdict::Innocent);
    }
    world.quarantine.leaves(&item);
    assert!(world.quarantine.records.is_empty());
    assert_eq!(world.quarantine.holds(world.now), None);
}
