//! Pages of instances. What an index answers is not looked for in the table: a page takes what it shows, not what is stored.
//!
//! Pages are in the order of the keys. The columns that a filter must not lead over an index stand behind a plus, as SQLite has it.

use std::fmt::Write;

use rusqlite::{Connection, params_from_iter, types::Value};

use super::{
    fault::is_damage,
    read::{COLUMNS, damaged, instance},
};
use crate::durable::{
    engine::runtime_status::RuntimeStatus,
    store::{DamagedRow, InstanceQuery, InstanceRow, Page},
};

/// So many instances with a prefix are found by it; if there are more, it is found soon while others lead the way.
const FEW: i64 = 1_000;
/// So many are looked at to know between which keys they are; if there are more, no page is to cost as much. A page behind the last of
/// those then goes through what was made after them, which is most where a large prefix is among the oldest of a much larger hub.
const NARROWED: i64 = 20_000;

pub(super) fn list(connection: &Connection, query: &InstanceQuery) -> rusqlite::Result<Page> {
    if query.statuses.as_ref().is_some_and(Vec::is_empty) || query.limit == 0 {
        return Ok(Page::default());
    }
    let Some(statement) = Statement::of(connection, query)? else {
        return Ok(Page::default());
    };
    let mut rows: Vec<Result<InstanceRow, DamagedRow>> = connection
        .prepare_cached(&statement.sql)?
        .query_map(params_from_iter(statement.values), |row| match instance(row) {
            Ok(instance) => Ok(Ok(instance)),
            Err(error) if is_damage(&error) => Ok(Err(damaged(row, &error)?)),
            Err(error) => Err(error),
        })?
        .collect::<rusqlite::Result<_>>()?;
    let more = rows.len() > query.limit;
    rows.truncate(query.limit);
    let last = rows
        .last()
        .map(|row| row.as_ref().map_or_else(|row| row.key, |row| row.key));
    let mut page = Page {
        next: last.filter(|_| more),
        ..Page::default()
    };
    for row in rows {
        match row {
            Ok(row) => page.instances.push(row),
            Err(row) => page.damaged.push(row),
        }
    }
    Ok(page)
}

/// A query as SQL, with what stands for its question marks.
#[derive(Debug)]
struct Statement {
    sql: String,
    values: Vec<Value>,
}

/// What leads to the rows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Prefix,
    Parent,
    Status,
    Key,
}

impl Statement {
    /// `None` if nothing can be found.
    fn of(connection: &Connection, query: &InstanceQuery) -> rusqlite::Result<Option<Self>> {
        let prefix = query.id_prefix.as_deref().map(Prefix::new);
        let mut keys = (query.after.map_or(i64::MIN, |key| key.0), i64::MAX);
        let mut has_few = false;
        if let Some(prefix) = &prefix {
            let Extent { count, least, most } = prefix.extent(connection)?;
            let (Some(least), Some(most)) = (least, most) else {
                return Ok(None);
            };
            has_few = count <= FEW;
            if count <= NARROWED {
                keys = (keys.0.max(least.saturating_sub(1)), most);
            }
        }
        let way = match (&query.parent, &query.statuses) {
            (Some(_), _) => Way::Parent,
            (None, _) if has_few => Way::Prefix,
            (None, Some(_)) => Way::Status,
            (None, None) => Way::Key,
        };
        let mut this = Self {
            sql: String::new(),
            values: Vec::new(),
        };
        // One more than asked tells whether there is a next page.
        let limit = query.limit.saturating_add(1).min(i64::MAX as usize);
        match (way, &query.statuses) {
            // The entries of one status are in the order of the keys, those of several are not.
            (Way::Status, Some(statuses)) => {
                for (index, status) in statuses.iter().enumerate() {
                    // Named twice, it is found once.
                    if statuses[..index].contains(status) {
                        continue;
                    }
                    let union = if index == 0 { "" } else { " UNION ALL " };
                    let _ = write!(this.sql, "{union}SELECT * FROM (");
                    this.select(query, way, keys, prefix.as_ref(), &[*status]);
                    let _ = write!(this.sql, " ORDER BY key LIMIT {limit})");
                }
            }
            // All that pass are put in order: their keys, not what is stored of them.
            (Way::Prefix, statuses) => {
                let statuses = statuses.as_deref().unwrap_or_default();
                this.columns(query);
                this.sql.push_str("key IN (SELECT key FROM instances WHERE ");
                this.conditions(query, way, keys, prefix.as_ref(), statuses);
                let _ = write!(this.sql, " ORDER BY +key LIMIT {limit})");
            }
            (_, statuses) => this.select(
                query,
                way,
                keys,
                prefix.as_ref(),
                statuses.as_deref().unwrap_or_default(),
            ),
        }
        let _ = write!(this.sql, " ORDER BY key LIMIT {limit}");
        Ok(Some(this))
    }

    /// The rows between these keys that pass the filters; `statuses` that are empty let all pass.
    fn select(
        &mut self,
        query: &InstanceQuery,
        way: Way,
        keys: (i64, i64),
        prefix: Option<&Prefix>,
        statuses: &[RuntimeStatus],
    ) {
        self.columns(query);
        self.conditions(query, way, keys, prefix, statuses);
    }

    /// What is shown of an instance.
    fn columns(&mut self, query: &InstanceQuery) {
        let input = match query.with_input {
            true => "(SELECT input FROM inputs WHERE instance = key)",
            false => "NULL",
        };
        // Writing to a string cannot fail.
        let _ = write!(self.sql, "SELECT {COLUMNS}, {input} FROM instances WHERE ");
    }

    fn conditions(
        &mut self,
        query: &InstanceQuery,
        way: Way,
        (after, last): (i64, i64),
        prefix: Option<&Prefix>,
        statuses: &[RuntimeStatus],
    ) {
        let plus = |is_the_way| if is_the_way { "" } else { "+" };
        let key = plus(way != Way::Prefix);
        let _ = write!(self.sql, "{key}key > ? AND {key}key <= ?");
        self.values.extend([Value::from(after), last.into()]);
        if let Some(from) = query.created_from {
            self.and("+created >= ?", from);
        }
        if let Some(to) = query.created_to {
            self.and("+created <= ?", to);
        }
        if let Some(from) = query.updated_from {
            self.and("+updated >= ?", from);
        }
        if let Some(to) = query.updated_to {
            self.and("+updated <= ?", to);
        }
        if let Some(prefix) = prefix {
            let id = plus(way == Way::Prefix);
            let _ = write!(self.sql, " AND {id}id >= ? AND {id}id < ?");
            self.values.extend(prefix.values());
        }
        if let Some(parent) = &query.parent {
            self.and("parent = ?", parent.clone());
        }
        match statuses {
            [] => {}
            [status] => {
                let _ = write!(
                    self.sql,
                    " AND {}status = {}",
                    plus(way == Way::Status),
                    status.number()
                );
            }
            statuses => {
                let list: Vec<String> = statuses.iter().map(|status| status.number().to_string()).collect();
                let _ = write!(self.sql, " AND +status IN ({})", list.join(", "));
            }
        }
    }

    fn and(&mut self, condition: &str, value: impl Into<Value>) {
        let _ = write!(self.sql, " AND {condition}");
        self.values.push(value.into());
    }
}

/// How many instances there are with a prefix, and their keys; of more than [`NARROWED`], one more than that, and some of the keys.
struct Extent {
    count: i64,
    least: Option<i64>,
    most: Option<i64>,
}

/// The ids that begin with a text: from it on, and before another.
#[derive(Debug)]
struct Prefix {
    first: Value,
    behind: Value,
}

impl Prefix {
    /// Ends at a number of ids that stays the same, whatever is stored.
    fn extent_sql() -> String {
        format!(
            "SELECT count(*), min(key), max(key) FROM (SELECT key FROM instances WHERE id >= ? AND id < ? LIMIT {})",
            NARROWED + 1
        )
    }

    fn new(prefix: &str) -> Self {
        let mut characters: Vec<char> = prefix.chars().collect();
        // The bytes of texts are ordered as their characters are. Whatever is no text follows them all.
        let mut behind = Value::Blob(Vec::new());
        while let Some(last) = characters.pop() {
            if let Some(next) = (last..=char::MAX).nth(1) {
                characters.push(next);
                behind = Value::Text(characters.into_iter().collect());
                break;
            }
        }
        Self {
            first: prefix.to_owned().into(),
            behind,
        }
    }

    fn values(&self) -> [Value; 2] {
        [self.first.clone(), self.behind.clone()]
    }

    /// What the index of the ids says.
    fn extent(&self, connection: &Connection) -> rusqlite::Result<Extent> {
        connection
            .prepare_cached(&Self::extent_sql())?
            .query_row(params_from_iter(self.values()), |row| {
                Ok(Extent {
                    count: row.get(0)?,
                    least: row.get(1)?,
                    most: row.get(2)?,
                })
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::durable::store::{
        Commit, Durability, InstanceKey, InstanceState, Store, memory::MemoryStore, sqlite::SqliteStore,
    };

    /// So many instances, of every status and of ten times, an odd one in three with a parent.
    fn row(key: i64) -> InstanceRow {
        let statuses = [
            RuntimeStatus::Completed,
            RuntimeStatus::Running,
            RuntimeStatus::Pending,
            RuntimeStatus::Terminated,
            RuntimeStatus::Suspended,
        ];
        InstanceRow {
            key: InstanceKey(key),
            id: format!("{}-{key:05}", if key % 500 == 0 { "rare" } else { "often" }),
            name: "f".into(),
            input: Some(key.to_string()),
            tags: None,
            parent: (key % 3 == 0).then(|| format!("often-{:05}", key % 7)),
            scheduled_start: None,
            state: InstanceState {
                execution_id: "x".into(),
                version: None,
                generation: 0,
                status: if key == 1_999 {
                    RuntimeStatus::Failed
                } else {
                    statuses[(key % 5) as usize]
                },
                created: key / 300 * 100 + key % 3,
                updated: key,
                custom_status: None,
                output: None,
                ending: None,
                wire: None,
            },
        }
    }

    fn queries() -> Vec<InstanceQuery> {
        let mut queries = Vec::new();
        let times = [
            (None, None),
            (Some(300), None),
            (None, Some(299)),
            (Some(301), Some(500)),
            (Some(9_999), None),
        ];
        let statuses = [
            None,
            Some(vec![RuntimeStatus::Failed]),
            Some(vec![RuntimeStatus::Pending]),
            Some(vec![
                RuntimeStatus::Running,
                RuntimeStatus::Completed,
                RuntimeStatus::Failed,
                RuntimeStatus::Running,
            ]),
        ];
        for (created_from, created_to) in times {
            for statuses in &statuses {
                for id_prefix in [None, Some("rare"), Some("often-"), Some("often-01999"), Some("never")] {
                    for parent in [None, Some("often-00003")] {
                        for updated_from in [None, Some(2_000)] {
                            queries.push(InstanceQuery {
                                created_from,
                                created_to,
                                updated_from,
                                updated_to: updated_from.map(|from| from + 300),
                                statuses: statuses.clone(),
                                id_prefix: id_prefix.map(str::to_owned),
                                parent: parent.map(str::to_owned),
                                with_input: true,
                                limit: 70,
                                after: None,
                            });
                        }
                    }
                }
            }
        }
        queries
    }

    fn stored(instances: i64) -> (tempfile::TempDir, SqliteStore, Commit) {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("hub.db"), Durability::Process).unwrap();
        let commit = Commit {
            created: (1..=instances).map(row).collect(),
            ..Commit::default()
        };
        store.write(std::slice::from_ref(&commit)).unwrap();
        (folder, store, commit)
    }

    #[test]
    fn whatever_leads_to_them_the_same_instances_are_found_in_the_same_order() {
        let (_folder, store, commit) = stored(2_500);
        let memory = MemoryStore::default();
        memory.write(&[commit]).unwrap();
        for mut query in queries() {
            loop {
                let (page, expected) = (store.list(&query).unwrap(), memory.list(&query).unwrap());
                assert_eq!(page, expected, "{query:?}");
                query.after = page.next;
                if page.next.is_none() {
                    break;
                }
            }
        }
    }

    #[test]
    fn a_prefix_ends_before_what_follows_its_last_character() {
        let end = |prefix: &str| match Prefix::new(prefix).behind {
            Value::Text(text) => Some(text),
            _ => None,
        };
        assert_eq!(end("ab").as_deref(), Some("ac"));
        assert_eq!(end("a\u{d7ff}").as_deref(), Some("a\u{e000}"));
        assert_eq!(end("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(end("\u{10ffff}"), None);
    }

    fn plan(connection: &Connection, sql: &str, values: &[Value]) -> Vec<String> {
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let rows = statement.query_map(params_from_iter(values), |row| row.get(3)).unwrap();
        rows.collect::<rusqlite::Result<_>>().unwrap()
    }

    #[test]
    fn no_list_walks_the_table_where_an_index_answers() {
        let (_folder, store, _) = stored(2_500);
        store
            .with_reader(|connection| {
                for query in queries() {
                    let Some(Statement { sql, values }) = Statement::of(connection, &query)? else {
                        continue;
                    };
                    let plan = plan(connection, &sql, &values);
                    let led_by = |index: &str| {
                        let searches = plan.iter().filter(|step| step.starts_with("SEARCH instances"));
                        // The rows of a page whose keys are found.
                        let of_page = "INTEGER PRIMARY KEY (rowid=?)";
                        let searches: Vec<_> = searches.filter(|step| !step.contains(of_page)).collect();
                        !searches.is_empty() && searches.iter().all(|step| step.contains(index))
                    };
                    let index = match &query {
                        InstanceQuery { parent: Some(_), .. } => "INDEX instances_parent (parent=? AND rowid>?",
                        InstanceQuery {
                            id_prefix: Some(prefix),
                            ..
                        } if prefix != "often-" => "INDEX sqlite_autoindex_instances_1 (id>? AND id<?)",
                        InstanceQuery { statuses: Some(_), .. } => "(status=? AND rowid>?",
                        _ => "INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
                    };
                    assert!(led_by(index), "{query:?}: {plan:#?}");
                    assert!(!plan.iter().any(|step| step.starts_with("SCAN instances")), "{plan:#?}");
                    // What is put in order is never more than a few, or one page of each status.
                    let sorts = plan.iter().any(|step| step.contains("TEMP B-TREE"));
                    let may_sort = index.contains("autoindex") || query.statuses.is_some_and(|some| some.len() > 1);
                    assert!(!sorts || may_sort, "{plan:#?}");
                }
                let plan = plan(connection, &Prefix::extent_sql(), &Prefix::new("often-").values());
                let index = "COVERING INDEX sqlite_autoindex_instances_1";
                let mut of_instances = plan.iter().filter(|step| step.contains("instances"));
                assert!(of_instances.all(|step| step.contains(index)), "{plan:#?}");
                Ok(())
            })
            .unwrap();
    }

    /// Steps of SQLite's machine.
    fn steps(connection: &Connection, sql: &str, values: &[Value]) -> i32 {
        let mut statement = connection.prepare(sql).unwrap();
        let mut rows = statement.query(params_from_iter(values)).unwrap();
        while rows.next().unwrap().is_some() {}
        drop(rows);
        statement.get_status(rusqlite::StatementStatus::VmStep)
    }

    #[test]
    fn a_page_of_a_prefix_costs_the_same_however_many_have_it() {
        let (folder, store, _) = stored(10);
        let other = Connection::open(folder.path().join("hub.db")).unwrap();
        let mut costs = Vec::new();
        for (first, last) in [(1_000, 30_000), (30_001, 90_000)] {
            let more = format!(
                "INSERT INTO instances (key, id, name, generation, execution_id, status, created, updated) \
                 WITH RECURSIVE keys (key) AS (SELECT {first} UNION ALL SELECT key + 1 FROM keys WHERE key < {last}) \
                 SELECT key, 'many-' || key, 'f', 0, 'x', 1, key, key FROM keys"
            );
            other.execute_batch(&more).unwrap();
            let query = InstanceQuery {
                id_prefix: Some("many-".to_owned()),
                limit: 100,
                after: Some(InstanceKey(20_000)),
                ..InstanceQuery::default()
            };
            assert_eq!(store.list(&query).unwrap().instances[0].key, InstanceKey(20_001));
            store
                .with_reader(|connection| {
                    let extent = steps(connection, &Prefix::extent_sql(), &Prefix::new("many-").values());
                    let Statement { sql, values } = Statement::of(connection, &query)?.unwrap();
                    costs.push((extent, steps(connection, &sql, &values)));
                    Ok(())
                })
                .unwrap();
        }
        assert_eq!(costs[0], costs[1]);
    }

    /// What is put in order goes through memory.
    #[test]
    fn what_is_stored_of_an_instance_is_not_read_before_the_page_is_known() {
        let (_folder, store, _) = stored(2_500);
        let query = InstanceQuery {
            id_prefix: Some("rare".to_owned()),
            with_input: true,
            limit: 2,
            ..InstanceQuery::default()
        };
        store
            .with_reader(|connection| {
                let Statement { sql, values } = Statement::of(connection, &query)?.unwrap();
                let plan = plan(connection, &sql, &values);
                let sort = plan.iter().position(|step| step.contains("TEMP B-TREE"));
                let inner = plan.iter().position(|step| step.contains("SUBQUERY"));
                assert!(sort.is_some() && inner < sort, "{plan:#?}");
                assert!(sql.contains("key IN (SELECT key FROM instances"), "{sql}");
                Ok(())
            })
            .unwrap();
    }
}
