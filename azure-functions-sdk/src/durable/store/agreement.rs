//! The store in memory does what the one on disk does: the same commits to both, then the same questions.

use proptest::prelude::*;

use super::{
    ActivityRow, Commit, Durability, EntityInboxRow, EntityQuery, EntityRow, EntityTimerRow, InboxRow, InstanceKey,
    InstanceQuery, InstanceRow, InstanceState, RowId, Store, TimerRow, memory::MemoryStore, sqlite::SqliteStore,
};
use crate::durable::{engine::runtime_status::RuntimeStatus, work::Wire};

/// What one commit does; the numbers pick from what there is.
#[derive(Clone, Debug)]
enum Step {
    Create(u8),
    Remove(u8),
    Update(u8, u8),
    NewInput(u8, bool),
    Clear(u8),
    Episode(u8),
    Inbox(u8),
    TakeInbox(u8),
    Timer(u8),
    TakeTimer(u8),
    Activity(u8),
    TakeActivity(u8),
    Entity(u8, u8),
    RemoveEntity(u8),
    EntityMessage(u8),
    TakeEntityMessage(u8),
    EntityTimer(u8),
    TakeEntityTimer(u8),
}

const STATUSES: [RuntimeStatus; 6] = [
    RuntimeStatus::Running,
    RuntimeStatus::Completed,
    RuntimeStatus::Failed,
    RuntimeStatus::Terminated,
    RuntimeStatus::Pending,
    RuntimeStatus::Suspended,
];

/// As the hub does it: rows and keys rise, and what goes was there.
#[derive(Default)]
struct Hub {
    row: RowId,
    instances: Vec<(InstanceKey, String)>,
    inbox: Vec<RowId>,
    timers: Vec<RowId>,
    activities: Vec<RowId>,
    entity_inbox: Vec<RowId>,
    entity_timers: Vec<RowId>,
}

impl Hub {
    fn next(&mut self) -> RowId {
        self.row += 1;
        self.row
    }

    fn instance(&self, pick: u8) -> Option<InstanceKey> {
        let index = usize::from(pick).checked_rem(self.instances.len())?;
        Some(self.instances[index].0)
    }

    fn commit(&mut self, steps: &[Step]) -> Commit {
        let mut commit = Commit::default();
        for step in steps {
            self.apply(step, &mut commit);
        }
        commit
    }

    fn apply(&mut self, step: &Step, commit: &mut Commit) {
        match *step {
            Step::Create(pick) => {
                let id = format!("i{}", pick % 5);
                if commit.created.iter().any(|new| new.id == id) {
                    return;
                }
                // An id that is used again: the hub removes the old instance in the same commit.
                if let Some(index) = self.instances.iter().position(|(_, known)| *known == id) {
                    commit.removed.push(self.instances.remove(index).0);
                }
                let key = InstanceKey(self.next());
                self.instances.push((key, id.clone()));
                commit.created.push(InstanceRow {
                    key,
                    id,
                    name: format!("f{}", pick % 2),
                    input: (pick % 2 == 0).then(|| pick.to_string()),
                    tags: (pick % 4 == 0).then(|| "{}".to_owned()),
                    parent: (pick % 4 == 1).then(|| "p".to_owned()),
                    scheduled_start: (pick % 4 == 2).then_some(7),
                    state: state(pick, RuntimeStatus::Pending),
                });
            }
            Step::Remove(pick) => {
                // Not one that begins in this commit: removals come first.
                let begun = commit.created.iter().map(|new| new.key).collect::<Vec<_>>();
                if let Some(key) = self.instance(pick).filter(|key| !begun.contains(key)) {
                    self.instances.retain(|(known, _)| *known != key);
                    commit.removed.push(key);
                }
            }
            Step::Update(pick, status) => {
                let status = STATUSES[usize::from(status) % STATUSES.len()];
                commit
                    .updated
                    .extend(self.instance(pick).map(|key| (key, state(pick, status))));
            }
            Step::NewInput(pick, some) => {
                let input = some.then(|| format!("[{pick}]"));
                commit.inputs.extend(self.instance(pick).map(|key| (key, input)));
            }
            Step::Clear(pick) => commit.cleared.extend(self.instance(pick)),
            Step::Episode(pick) => {
                if let Some(key) = self.instance(pick) {
                    commit.history.push((self.next(), key, format!("{{\"e\":{pick}}}")));
                }
            }
            Step::Inbox(pick) => {
                if let Some(instance) = self.instance(pick) {
                    let (row, message) = (self.next(), pick.to_string());
                    self.inbox.push(row);
                    commit.inbox_added.push(InboxRow { row, instance, message });
                }
            }
            Step::TakeInbox(pick) => commit.inbox_removed.extend(take(&mut self.inbox, pick)),
            Step::Timer(pick) => {
                if let Some(instance) = self.instance(pick) {
                    let (row, message, due) = (self.next(), pick.to_string(), i64::from(pick));
                    self.timers.push(row);
                    commit.timers_added.push(TimerRow {
                        row,
                        instance,
                        due,
                        message,
                    });
                }
            }
            Step::TakeTimer(pick) => commit.timers_removed.extend(take(&mut self.timers, pick)),
            Step::Activity(pick) => {
                if let Some(instance) = self.instance(pick) {
                    let row = self.next();
                    self.activities.push(row);
                    commit.activities_added.push(ActivityRow {
                        row,
                        instance,
                        execution_id: "e".to_owned(),
                        event_id: i32::from(pick),
                        name: "a".to_owned(),
                        input: (pick % 2 == 0).then(|| "1".to_owned()),
                        version: (pick % 3 == 0).then(|| "2".to_owned()),
                        tags: (pick % 5 == 0).then(|| "{}".to_owned()),
                        trace: (pick % 7 == 0).then(|| "{}".to_owned()),
                    });
                }
            }
            Step::TakeActivity(pick) => commit.activities_removed.extend(take(&mut self.activities, pick)),
            Step::Entity(pick, how) => commit.entities.push(EntityRow {
                id: entity(pick),
                exists: how % 2 == 0,
                state: (how % 3 > 0).then(|| how.to_string()),
                lock: (how % 5 == 0).then(|| "{}".to_owned()),
                updated: i64::from(how),
            }),
            Step::RemoveEntity(pick) => commit.entities_removed.push(entity(pick)),
            Step::EntityMessage(pick) => {
                let (row, message) = (self.next(), pick.to_string());
                self.entity_inbox.push(row);
                let entity = entity(pick);
                commit.entity_inbox_added.push(EntityInboxRow { row, entity, message });
            }
            Step::TakeEntityMessage(pick) => commit.entity_inbox_removed.extend(take(&mut self.entity_inbox, pick)),
            Step::EntityTimer(pick) => {
                let (row, message, due) = (self.next(), pick.to_string(), i64::from(pick));
                self.entity_timers.push(row);
                let entity = entity(pick);
                commit.entity_timers_added.push(EntityTimerRow {
                    row,
                    entity,
                    due,
                    message,
                });
            }
            Step::TakeEntityTimer(pick) => commit.entity_timers_removed.extend(take(&mut self.entity_timers, pick)),
        }
    }
}

fn take(rows: &mut Vec<RowId>, pick: u8) -> Option<RowId> {
    let index = usize::from(pick).checked_rem(rows.len())?;
    Some(rows.remove(index))
}

fn entity(pick: u8) -> String {
    format!("@e{}@{}", pick % 2, pick % 7)
}

fn state(pick: u8, status: RuntimeStatus) -> InstanceState {
    InstanceState {
        execution_id: format!("x{pick}"),
        version: pick.is_multiple_of(3).then(|| "1".to_owned()),
        generation: i32::from(pick % 4),
        status,
        created: i64::from(pick % 10),
        updated: i64::from(pick),
        custom_status: (pick % 3 == 1).then(|| "\"s\"".to_owned()),
        output: status.is_terminal().then(|| "\"o\"".to_owned()),
        ending: (pick % 5 == 1).then(|| "{}".to_owned()),
        wire: [None, Some(Wire::Json), Some(Wire::Protobuf), Some(Wire::Stream)][usize::from(pick % 4)],
    }
}

/// Everything that a hub can ask, as text.
fn answers(store: &dyn Store, hub: &Hub) -> Vec<String> {
    let mut answers: Vec<String> = (0..5)
        .map(|id| format!("{:?}", store.find(&format!("i{id}")).unwrap()))
        .collect();
    let histories = hub
        .instances
        .iter()
        .map(|(key, _)| format!("{:?}", store.history(*key).unwrap()));
    answers.extend(histories);
    let all = InstanceQuery {
        created_from: None,
        created_to: None,
        updated_from: None,
        updated_to: None,
        statuses: None,
        id_prefix: None,
        parent: None,
        with_input: true,
        limit: 100,
        after: None,
    };
    let some = [
        InstanceQuery {
            limit: 2,
            with_input: false,
            ..all.clone()
        },
        InstanceQuery {
            created_from: Some(3),
            created_to: Some(7),
            ..all.clone()
        },
        InstanceQuery {
            updated_from: Some(3),
            updated_to: Some(7),
            ..all.clone()
        },
        InstanceQuery {
            statuses: Some(vec![RuntimeStatus::Completed, RuntimeStatus::Pending]),
            ..all.clone()
        },
        InstanceQuery {
            statuses: Some(Vec::new()),
            ..all.clone()
        },
        InstanceQuery {
            parent: Some("i1".to_owned()),
            ..all.clone()
        },
        InstanceQuery {
            id_prefix: Some("i1".to_owned()),
            ..all.clone()
        },
        InstanceQuery {
            after: hub.instances.first().map(|(key, _)| *key),
            limit: 1,
            ..all.clone()
        },
        InstanceQuery {
            limit: 0,
            ..all.clone()
        },
        all,
    ];
    answers.extend(some.iter().map(|query| format!("{:?}", store.list(query).unwrap())));
    answers.extend((0..14).map(|pick| format!("{:?}", store.entity(&entity(pick)).unwrap())));
    let all = EntityQuery {
        limit: 100,
        with_state: true,
        ..EntityQuery::default()
    };
    let some = [
        EntityQuery {
            limit: 2,
            with_state: false,
            ..all.clone()
        },
        EntityQuery {
            name: Some("e1".to_owned()),
            ..all.clone()
        },
        EntityQuery {
            updated_from: Some(50),
            updated_to: Some(150),
            ..all.clone()
        },
        EntityQuery {
            after: Some("@e0@3".to_owned()),
            ..all.clone()
        },
        EntityQuery {
            limit: 0,
            ..all.clone()
        },
        all,
    ];
    answers.extend(some.iter().map(|query| format!("{:?}", store.entities(query).unwrap())));
    let mut recovery = store.recover().unwrap();
    // Any number is right that no row has.
    assert!(recovery.next_row > recovery.inbox.iter().map(|row| row.row).max().unwrap_or_default());
    recovery.next_row = 0;
    answers.push(format!("{recovery:?}"));
    answers
}

fn step() -> impl Strategy<Value = Step> {
    use Step::{
        Activity, Clear, Create, Entity, EntityMessage, EntityTimer, Episode, Inbox, NewInput, Remove, RemoveEntity,
        TakeActivity, TakeEntityMessage, TakeEntityTimer, TakeInbox, TakeTimer, Timer, Update,
    };
    prop_oneof![
        3 => any::<u8>().prop_map(Create),
        1 => any::<u8>().prop_map(Remove),
        3 => any::<(u8, u8)>().prop_map(|(pick, status)| Update(pick, status)),
        1 => any::<(u8, bool)>().prop_map(|(pick, some)| NewInput(pick, some)),
        1 => any::<u8>().prop_map(Clear),
        3 => any::<u8>().prop_map(Episode),
        2 => any::<u8>().prop_map(Inbox),
        1 => any::<u8>().prop_map(TakeInbox),
        2 => any::<u8>().prop_map(Timer),
        1 => any::<u8>().prop_map(TakeTimer),
        2 => any::<u8>().prop_map(Activity),
        1 => any::<u8>().prop_map(TakeActivity),
        3 => any::<(u8, u8)>().prop_map(|(pick, how)| Entity(pick, how)),
        1 => any::<u8>().prop_map(RemoveEntity),
        2 => any::<u8>().prop_map(EntityMessage),
        1 => any::<u8>().prop_map(TakeEntityMessage),
        2 => any::<u8>().prop_map(EntityTimer),
        1 => any::<u8>().prop_map(TakeEntityTimer),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn memory_and_disk_give_the_same_answers(
        commits in prop::collection::vec(prop::collection::vec(step(), 1..5), 1..40),
        batch in 1..12_usize
    ) {
        let folder = tempfile::tempdir().unwrap();
        let disk = SqliteStore::open(&folder.path().join("hub.db"), Durability::Process).unwrap();
        let memory = MemoryStore::default();
        let mut hub = Hub::default();
        let commits: Vec<Commit> = commits.iter().map(|steps| hub.commit(steps)).collect();
        for batch in commits.chunks(batch) {
            disk.write(batch).unwrap();
            memory.write(batch).unwrap();
        }
        let (on_disk, in_memory) = (answers(&disk, &hub), answers(&memory, &hub));
        for (on_disk, in_memory) in on_disk.iter().zip(&in_memory) {
            prop_assert_eq!(in_memory, on_disk);
        }
        prop_assert_eq!(answers(&memory, &hub), answers(&disk, &hub), "after a recovery");
    }
}
