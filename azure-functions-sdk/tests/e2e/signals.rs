//! Signals that many clients send to one entity while the host is killed.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{
    client::{Address, Client},
    host::{App, DURABLE, Host, until, until_within},
};

const APP: App = App {
    name: "gift-registry",
    last_line: "RegistryStats: entityTrigger",
};
const CLIENTS: usize = 100;
const EACH: usize = 100;
/// The host is killed when so many signals have been answered.
const KILLS: [usize; 5] = [1_500, 3_000, 4_700, 6_400, 8_800];
const ALL_LIMIT: Duration = Duration::from_secs(300);

/// What became of a signal.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sent {
    /// The host has answered 202.
    Accepted,
    /// The host was killed before it answered.
    Unknown,
}

#[test]
fn signals_answered_202_are_applied_exactly_once_while_the_host_is_killed_five_times() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let mut host = Host::start(APP, &data, &[]);
    let address = Address::default();
    address.set(&host.address);
    let accepted = AtomicUsize::new(0);
    let begun = Instant::now();
    let mut down = Duration::ZERO;
    let sent: BTreeMap<String, Sent> = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let (address, accepted) = (&address, &accepted);
                scope.spawn(move || send_all(client, address, accepted))
            })
            .collect();
        for kill in KILLS {
            until_within(ALL_LIMIT, "signals are answered", || {
                accepted.load(Ordering::Relaxed) >= kill
            });
            address.clear();
            host.kill();
            let killed = Instant::now();
            host = Host::restart(APP, &data);
            down += killed.elapsed();
            address.set(&host.address);
        }
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    let answered = begun.elapsed();
    assert_eq!(sent.len(), CLIENTS * EACH);

    // An entity takes its messages in the order in which they came: after this one none of the others comes any more.
    signal(&host, "registrylist/all", "add_item", "\"last\"");
    let path = format!("{DURABLE}/entities/registrylist/all");
    until_within(ALL_LIMIT, "the last signal is applied", || {
        host.send("GET", &path, "").2.contains("\"last\"")
    });
    let applied = begun.elapsed();
    let mut items = list(&host);
    assert_eq!(items.pop().as_deref(), Some("last"));

    let mut times = BTreeMap::new();
    for item in &items {
        *times.entry(item.as_str()).or_insert(0) += 1;
    }
    for (item, times) in &times {
        assert_eq!(*times, 1, "{item} was applied {times} times");
        assert!(sent.contains_key(*item), "{item} was never sent");
    }
    for (item, became) in &sent {
        assert!(
            *became == Sent::Unknown || times.contains_key(item.as_str()),
            "{item} was answered 202 and is lost"
        );
    }

    // What the list has signalled to another entity in turn is there once, too.
    signal(&host, "registrystats", "new_registry", "");
    let mut stats = serde_json::Value::Null;
    until("the last signal of the other entity is applied", || {
        stats = host.get("entities/registrystats/$");
        stats["registries"] == 1
    });
    assert_eq!(stats["items"], items.len() + 1);

    let unknown = sent.values().filter(|became| **became == Sent::Unknown).count();
    println!(
        "{} signals, {unknown} of them without an answer, {} applied; answered after {answered:.1?} ({down:.1?} of it \
         without a host), applied after {applied:.1?}: {:.0} a second",
        sent.len(),
        items.len(),
        sent.len() as f64 / (answered - down).as_secs_f64(),
    );
}

/// One client, which sends one signal after the other, each with an id of its own, and none twice.
fn send_all(client: usize, address: &Address, accepted: &AtomicUsize) -> Vec<(String, Sent)> {
    let mut connection = Client::new(address);
    (0..EACH)
        .map(|number| {
            let id = format!("{client}-{number}");
            let path = format!("{DURABLE}/entities/registrylist/all?op=add_item");
            let became = match connection.send("POST", &path, &format!("\"{id}\"")) {
                Some((202, _)) => {
                    accepted.fetch_add(1, Ordering::Relaxed);
                    Sent::Accepted
                }
                Some(other) => panic!("{id}: {other:?}"),
                None => Sent::Unknown,
            };
            (id, became)
        })
        .collect()
}

fn signal(host: &Host, entity: &str, operation: &str, input: &str) {
    let path = format!("{DURABLE}/entities/{entity}?op={operation}");
    assert_eq!(host.send("POST", &path, input).0, 202);
}

fn list(host: &Host) -> Vec<String> {
    let state = host.get("entities/registrylist/all");
    let items = state["items"].as_array().into_iter().flatten();
    items.map(|item| item.as_str().unwrap().to_owned()).collect()
}
