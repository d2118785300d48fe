//! Bank transfers in critical sections, all at once, while host and worker are killed.

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    client::{Address, Client},
    host::{App, DURABLE, Host, signal, until, until_within},
};

const APP: App = App {
    name: "patterns",
    last_line: "bank_transfer: orchestrationTrigger",
};
const TRANSFERS: usize = 500;
const CLIENTS: usize = 50;
const OPENING_BALANCE: i64 = 100;
const OWNERS: [&str; 5] = ["ada", "ben", "cleo", "dan", "eve"];
/// Host and worker are killed in turns when these transfers have ended.
const KILLS: [usize; 6] = [40, 110, 180, 260, 340, 420];
const ALL_LIMIT: Duration = Duration::from_secs(300);

/// From, to, and amount of a transfer. One half goes to and fro between two, whose balances always have the same sum; the
/// other half goes round in both directions among three, where locks in a wrong order would wait for each other in a circle.
fn order(number: usize) -> (&'static str, &'static str, i64) {
    let half = number / 2;
    let (from, to) = match (number % 2, half % 2) {
        (0, 0) => ("ada", "ben"),
        (0, _) => ("ben", "ada"),
        (_, turn) => {
            let circle = ["cleo", "dan", "eve"];
            let (one, next) = (circle[half % 3], circle[(half + 1) % 3]);
            if turn == 0 { (one, next) } else { (next, one) }
        }
    };
    (from, to, 1 + i64::try_from(number % 97).unwrap())
}

fn id(number: usize) -> String {
    format!("transfer-{number}")
}

#[test]
fn transfers_in_critical_sections_keep_the_sum_and_all_end_while_host_and_worker_are_killed() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let mut host = Host::start(APP, &data, &[]);
    for owner in OWNERS {
        deposit(&host, owner, OPENING_BALANCE);
    }
    let balances = |host: &Host| OWNERS.map(|owner| balance(host, owner));
    until("all accounts are open", || balances(&host) == [OPENING_BALANCE; 5]);

    let address = Address::default();
    address.set(&host.address);
    let begun = Instant::now();
    let mut down = Duration::ZERO;
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let address = &address;
            scope.spawn(move || start_some(client, address));
        }
        for (turn, kill) in KILLS.into_iter().enumerate() {
            until_within(ALL_LIMIT, "transfers end", || has_ended(&host, kill));
            if turn % 2 == 0 {
                address.clear();
                host.kill();
                let killed = Instant::now();
                host = Host::restart(APP, &data);
                down += killed.elapsed();
                address.set(&host.address);
            } else {
                signal(host.worker().expect("the worker of a host that works"), "-KILL");
            }
        }
    });
    for number in 0..TRANSFERS {
        until_within(ALL_LIMIT, "all transfers end", || has_ended(&host, number));
    }
    let took = begun.elapsed();

    let mut expected: BTreeMap<&str, i64> = OWNERS.map(|owner| (owner, OPENING_BALANCE)).into();
    let (mut done, mut looks) = (0, 0);
    for number in 0..TRANSFERS {
        let (from, to, amount) = order(number);
        let output = host.completed(&id(number));
        if output == true {
            done += 1;
            *expected.get_mut(from).unwrap() -= amount;
            *expected.get_mut(to).unwrap() += amount;
        }
        if output == true && number % 2 == 0 {
            // What it was told while it had both accounts to itself.
            let told = answers(&host, &id(number));
            assert_eq!(
                told["deposit"] + told["withdraw"],
                2 * OPENING_BALANCE,
                "{number}: {told:?}"
            );
            assert!(told["balance"] >= amount, "{number}: {told:?}");
            looks += 1;
        }
    }
    assert_eq!(
        balances(&host),
        OWNERS.map(|owner| expected[owner]),
        "each transfer moved its money once"
    );
    assert_eq!(expected.values().sum::<i64>(), 5 * OPENING_BALANCE);
    assert!(looks > 100, "{looks}");

    // No instance has a lock any more.
    for owner in OWNERS {
        deposit(&host, owner, 1);
    }
    let more = OWNERS.map(|owner| expected[owner] + 1);
    until("deposits from outside come through", || balances(&host) == more);
    println!(
        "{TRANSFERS} transfers, {done} with enough money, ended after {took:.1?} ({down:.1?} of it without a host): {:.0} a second",
        TRANSFERS as f64 / (took - down).as_secs_f64(),
    );
}

/// One client. A start whose answer was lost is made again: an instance that is there already is not started twice.
fn start_some(client: usize, address: &Address) {
    let mut connection = Client::new(address);
    for number in (client..TRANSFERS).step_by(CLIENTS) {
        let (from, to, amount) = order(number);
        let path = format!("{DURABLE}/orchestrators/bank_transfer/{}", id(number));
        let input = json!({"from": from, "to": to, "amount": amount}).to_string();
        loop {
            match connection.send("POST", &path, &input) {
                Some((202 | 409, _)) => break,
                Some(other) => panic!("{number}: {other:?}"),
                None => {}
            }
        }
    }
}

/// Whether a transfer has ended, by the code of its status page.
fn has_ended(host: &Host, number: usize) -> bool {
    let path = format!("{DURABLE}/instances/{}?showInput=false", id(number));
    match host.send("GET", &path, "").0 {
        200 => true,
        202 | 404 => false,
        other => panic!("{number}: {other}"),
    }
}

/// What entities answered an orchestration, by operation.
fn answers(host: &Host, id: &str) -> BTreeMap<String, i64> {
    let (_, _, history) = host.send("GET", &format!("/admin/durable/instances/{id}/history"), "");
    let history: Value = serde_json::from_str(&history).unwrap();
    let input = |event: &Value| serde_json::from_str(event["Input"].as_str().unwrap()).unwrap();
    let mut operations: BTreeMap<String, String> = BTreeMap::new();
    let mut answers = BTreeMap::new();
    for event in history["history"].as_array().unwrap() {
        if event["EventType"] == 14 && event["Name"] == "op" {
            let request: Value = input(event);
            if let Some(operation) = request["op"].as_str() {
                operations.insert(request["id"].as_str().unwrap().to_owned(), operation.to_owned());
            }
        } else if event["EventType"] == 15
            && let Some(operation) = operations.remove(event["Name"].as_str().unwrap())
        {
            let answer: Value = input(event);
            let result = answer["result"].as_str().unwrap().parse();
            answers.insert(operation, result.unwrap());
        }
    }
    answers
}

fn deposit(host: &Host, owner: &str, amount: i64) {
    let path = format!("{DURABLE}/entities/account/{owner}?op=deposit");
    assert_eq!(host.send("POST", &path, &amount.to_string()).0, 202);
}

/// The balance as anybody sees it, who may look between a deposit and a withdrawal.
fn balance(host: &Host, owner: &str) -> i64 {
    let (status, _, state) = host.send("GET", &format!("{DURABLE}/entities/account/{owner}"), "");
    match status {
        404 => 0,
        _ => serde_json::from_str::<Value>(&state).unwrap()["balance"]
            .as_i64()
            .unwrap(),
    }
}
