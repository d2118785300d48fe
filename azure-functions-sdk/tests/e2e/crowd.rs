//! Clients that misbehave by the hundred, and one that does not.

use std::{
    collections::VecDeque,
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use azure_functions::prelude::*;
use azure_functions_sdk::host::LocalHost;
use tempfile::TempDir;

use crate::{
    host::{App, DURABLE, Host, until},
    own_worker::{Quiet, options},
};

const APP: App = App {
    name: "durable-functions",
    last_line: "timer: orchestrationTrigger",
};
/// About twice as many as the host takes connections with so many open files. `AZURE_FUNCTIONS_TRICKLING=1000` takes longer.
const TRICKLING: usize = 400;
const OPEN_FILES: u32 = 512;
/// How long answers are measured, while the crowd opens connections as fast as it is closed.
const MEASURED: Duration = Duration::from_secs(2);
/// Connections to the port for the worker, which say nothing: more than the host may have files open.
const SILENT: usize = 620;
/// What a client waits for an answer at most, however many others there are. One in a hundred may wait longer: other tests, and
/// this one's crowd, use the same processors.
const PROMPT: Duration = Duration::from_secs(1);

/// Enough for more than the memory that is allowed, if answers were kept there. `AZURE_FUNCTIONS_READERS=40` takes longer.
const READERS: usize = 11;
const ANSWER: usize = 40_000_000;
const MOST_MEMORY: usize = 400_000_000;

/// Two kinds of half a request: the head is not whole, or the body.
const HALVES: [&str; 2] = [
    "GET /api/start HTTP/1.1\r\nhost: loc",
    "POST /api/start HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\nx",
];

#[test]
fn a_crowd_of_trickling_and_silent_connections_does_not_keep_others_out() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    let all = Rlimit {
        current: maximum,
        maximum,
    };
    setrlimit(Resource::Nofile, all).unwrap();
    let folder = TempDir::new().unwrap();
    let host = Host::start_with_open_files(APP, &folder.path().join("data"), OPEN_FILES);
    let address: SocketAddr = host.address.parse().unwrap();

    let worker_port = worker_port(&host);
    let silent = (0..SILENT).map(|_| TcpStream::connect(("127.0.0.1", worker_port)).unwrap());
    let silent: Vec<TcpStream> = silent.collect();
    let trickling = std::env::var("AZURE_FUNCTIONS_TRICKLING").map_or(TRICKLING, |text| text.parse().unwrap());
    let ends = Arc::new(AtomicBool::new(false));
    let opened = Arc::new(AtomicUsize::new(0));
    let crowd = {
        let (ends, opened) = (Arc::clone(&ends), Arc::clone(&opened));
        thread::spawn(move || trickle(address, trickling, &ends, &opened))
    };
    until("the crowd is there", || opened.load(Ordering::Relaxed) >= trickling);
    let mut waits = Vec::new();
    let begun = Instant::now();
    while begun.elapsed() < MEASURED {
        for (path, expected) in [
            ("/admin/host/status".to_owned(), 200),
            (format!("{DURABLE}/instances/nobody"), 404),
            ("/api/nothing".to_owned(), 404),
        ] {
            let asked = Instant::now();
            assert_eq!(host.send("GET", &path, "").0, expected, "{path}");
            waits.push(asked.elapsed());
        }
    }
    ends.store(true, Ordering::Relaxed);
    crowd.join().unwrap();
    let opened = opened.load(Ordering::Relaxed);
    waits.sort_unstable();
    let answers = waits.len();
    let (usual, longest) = (waits[(answers - 1) * 99 / 100], waits[answers - 1]);
    println!(
        "{answers} answers beside {opened} trickling connections, {trickling} at a time; 99 of 100 within {usual:?}, all within \
         {longest:?}"
    );
    assert!(usual < PROMPT, "{usual:?}");
    drop(silent);
}

/// It stands on the command line of the worker.
fn worker_port(host: &Host) -> u16 {
    let worker = host.worker().expect("a worker");
    let line = fs::read_to_string(format!("/proc/{worker}/cmdline")).unwrap();
    let mut words = line.split('\0').skip_while(|word| *word != "--port");
    words.nth(1).unwrap().parse().unwrap()
}

/// Keeps many connections open, each of which sends a byte now and then. One that the host closes is opened again.
fn trickle(address: SocketAddr, trickling: usize, ends: &AtomicBool, opened: &AtomicUsize) {
    let connect = || {
        let number = opened.fetch_add(1, Ordering::Relaxed);
        let mut stream = TcpStream::connect(address).ok()?;
        stream.write_all(HALVES[number % HALVES.len()].as_bytes()).ok()?;
        Some(stream)
    };
    let mut crowd: VecDeque<TcpStream> = VecDeque::new();
    while !ends.load(Ordering::Relaxed) {
        if crowd.len() < trickling {
            crowd.extend(connect());
        } else if let Some(mut next) = crowd.pop_front() {
            if next.write_all(b"x").is_ok() {
                crowd.push_back(next);
            }
            thread::sleep(Duration::from_micros(500));
        }
    }
}

/// More than any client takes that does not read.
#[func]
fn flood(#[binding(auth_level = "anonymous", methods = "get")] _req: HttpRequest) -> HttpResponse {
    HttpResponse::from(vec![b'x'; ANSWER])
}

fn resident() -> usize {
    let pages = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = pages.split(' ').nth(1).unwrap().parse().unwrap();
    pages * rustix::param::page_size()
}

#[test]
fn clients_that_do_not_read_their_40_megabytes_leave_the_host_below_400() {
    let folder = TempDir::new().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let host = runtime
        .block_on(LocalHost::start(
            options(folder.path(), r#"{"version":"2.0"}"#),
            Arc::new(Quiet),
        ))
        .unwrap();
    let address = host.address();

    let ends = Arc::new(AtomicBool::new(false));
    let watch = {
        let ends = Arc::clone(&ends);
        thread::spawn(move || {
            let mut most = 0;
            while !ends.load(Ordering::Relaxed) {
                most = most.max(resident());
                thread::sleep(Duration::from_millis(2));
            }
            most
        })
    };
    let ask = || {
        let mut stream = TcpStream::connect(address).unwrap();
        let request = "GET /api/flood HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).unwrap();
        stream
    };
    let readers = std::env::var("AZURE_FUNCTIONS_READERS").map_or(READERS, |text| text.parse().unwrap());
    let begun = Instant::now();
    let mut clients: Vec<TcpStream> = (0..readers).map(|_| ask()).collect();
    for client in &mut clients {
        // The answer is there, and as much of it read as tells that.
        let mut start = [0; 12];
        client.read_exact(&mut start).unwrap();
        assert_eq!(&start, b"HTTP/1.1 200");
    }
    let all_answered = begun.elapsed();
    ends.store(true, Ordering::Relaxed);
    let most = watch.join().unwrap();
    // One that reads gets all of it.
    let mut whole = Vec::new();
    ask().read_to_end(&mut whole).unwrap();
    assert!(whole.len() > ANSWER, "{}", whole.len());
    println!(
        "{readers} clients had their answers after {all_answered:?}; at most {} MB of memory were in use",
        most / 1_000_000
    );
    assert!(most < MOST_MEMORY, "{most}");
    drop(clients);
    runtime.block_on(host.shutdown());
}
