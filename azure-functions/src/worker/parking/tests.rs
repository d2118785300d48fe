//! Tests of the threads that keep orchestrations.

use super::*;
use std::sync::mpsc;

const LONG: Duration = Duration::from_secs(30);

fn parking(count: usize, threads: usize, limit: Duration) -> (tokio::runtime::Runtime, Arc<Parking>) {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(1).enable_all().build().unwrap();
    let handle = runtime.handle().clone();
    let elsewhere = Arc::new(Episodes::new(handle.clone(), 2, limit));
    let parking = Parking::with_room_for(count, 1 << 20, handle, elsewhere, threads);
    (runtime, Arc::new(parking))
}

/// One that waits for its threads however long a stalled machine takes.
fn patient_parking(threads: usize) -> (tokio::runtime::Runtime, Arc<Parking>) {
    let (runtime, mut parking) = parking(100, threads, LONG);
    Arc::get_mut(&mut parking).unwrap().patience = LONG;
    (runtime, parking)
}

#[test]
fn turns_of_an_instance_run_on_its_thread_in_their_order() {
    let (_runtime, parking) = patient_parking(3);
    let (ended, turns) = mpsc::channel();
    for number in 0..300 {
        let ended = ended.clone();
        let instance = number % 10;
        let work = move |parked: Option<&mut ParkedInstances>| {
            assert!(parked.is_some());
            assert!(Handle::try_current().is_ok(), "layers use the runtime's timers");
            ended.send((instance, number, thread::current().id())).unwrap();
        };
        parking.start(&format!("instance-{instance}"), Includes::Everything, work, || {
            panic!("given up")
        });
    }
    let mut seen: Vec<_> = (0..300).map(|_| turns.recv_timeout(LONG).unwrap()).collect();
    seen.sort_by_key(|(instance, ..)| *instance);
    for turns in seen.chunk_by(|a, b| a.0 == b.0) {
        assert_eq!(turns.len(), 30);
        assert!(turns.is_sorted_by_key(|(_, number, _)| *number));
        assert!(turns.iter().all(|(.., thread)| *thread == turns[0].2));
    }
}

#[test]
fn a_thread_that_blocks_keeps_no_other_instance_waiting_and_forgets_what_ran_elsewhere() {
    let (_runtime, parking) = parking(100, 1, Duration::from_millis(600));
    let (told, news) = mpsc::channel();
    let (release, blocked) = mpsc::channel::<()>();
    let (given_up, first, second) = (told.clone(), told.clone(), told.clone());
    let stuck = move |_: Option<&mut ParkedInstances>| {
        let _ = blocked.recv();
        told.send("ended").unwrap();
    };
    parking.start("stuck", Includes::Everything, stuck, move || {
        given_up.send("given up").unwrap();
    });
    let other = move |parked: Option<&mut ParkedInstances>| {
        first.send(if parked.is_some() { "kept" } else { "elsewhere" }).unwrap();
    };
    parking.start("other", Includes::Everything, other, || panic!("given up"));
    assert_eq!(news.recv_timeout(LONG).unwrap(), "elsewhere");
    assert!(parking.keepers[0].shared().state().outdated.contains("other"));
    assert_eq!(news.recv_timeout(LONG).unwrap(), "given up");
    drop(release);
    assert_eq!(news.recv_timeout(LONG).unwrap(), "ended");
    // The thread is free again, and has forgotten.
    let deadline = Instant::now() + LONG;
    while !parking.keepers[0].shared().state().outdated.is_empty() {
        assert!(Instant::now() < deadline);
        thread::yield_now();
    }
    let deadline = Instant::now() + LONG;
    while parking.keepers[0].shared().state().running.is_some() {
        assert!(Instant::now() < deadline);
        thread::yield_now();
    }
    let other = move |parked: Option<&mut ParkedInstances>| {
        second
            .send(if parked.is_some() { "kept" } else { "elsewhere" })
            .unwrap();
    };
    parking.start("other", Includes::Everything, other, || panic!("given up"));
    assert_eq!(news.recv_timeout(LONG).unwrap(), "kept");
}

#[test]
fn a_turn_with_new_events_only_waits_for_its_thread_as_long_as_the_history_would_take() {
    let (_runtime, mut parking) = parking(100, 1, LONG);
    Arc::get_mut(&mut parking).unwrap().history_comes_after = LONG;
    let (told, news) = mpsc::channel();
    let (release, blocked) = mpsc::channel::<()>();
    let begun = told.clone();
    let slow = move |_: Option<&mut ParkedInstances>| {
        begun.send("begun").unwrap();
        let _ = blocked.recv();
    };
    parking.start("slow", Includes::Everything, slow, || panic!("given up"));
    assert_eq!(news.recv_timeout(LONG).unwrap(), "begun");
    for (id, includes, here, there) in [
        ("new", Includes::NewEvents, "new: kept", "new: elsewhere"),
        ("whole", Includes::Everything, "whole: kept", "whole: elsewhere"),
    ] {
        let told = told.clone();
        let turn = move |parked: Option<&mut ParkedInstances>| {
            told.send(if parked.is_some() { here } else { there }).unwrap();
        };
        parking.start(id, includes, turn, || panic!("given up"));
    }
    assert_eq!(news.recv_timeout(LONG).unwrap(), "whole: elsewhere");
    drop(release);
    assert_eq!(news.recv_timeout(LONG).unwrap(), "new: kept");
}

#[test]
fn a_turn_with_new_events_only_does_not_wait_for_ever() {
    let (_runtime, mut parking) = parking(100, 1, LONG);
    Arc::get_mut(&mut parking).unwrap().history_comes_after = Duration::from_millis(400);
    let (told, news) = mpsc::channel();
    let (_never, blocked) = mpsc::channel::<()>();
    let stuck = move |_: Option<&mut ParkedInstances>| {
        let _ = blocked.recv();
    };
    parking.start("stuck", Includes::Everything, stuck, || panic!("given up"));
    let begun = Instant::now();
    let turn = move |parked: Option<&mut ParkedInstances>| told.send(parked.is_none()).unwrap();
    parking.start("new", Includes::NewEvents, turn, || panic!("given up"));
    assert!(news.recv_timeout(LONG).unwrap());
    assert!(begun.elapsed() >= Duration::from_millis(400));
}

#[test]
fn another_thread_takes_the_place_of_one_that_is_blocked_for_good() {
    let (_runtime, parking) = parking(100, 1, Duration::from_millis(300));
    let (told, news) = mpsc::channel();
    let (_never, blocked) = mpsc::channel::<()>();
    let given_up = told.clone();
    let stuck = move |_: Option<&mut ParkedInstances>| {
        let _ = blocked.recv();
    };
    parking.start("stuck", Includes::Everything, stuck, move || {
        given_up.send("given up").unwrap();
    });
    assert_eq!(news.recv_timeout(LONG).unwrap(), "given up");
    let other = move |parked: Option<&mut ParkedInstances>| {
        told.send(if parked.is_some() { "kept" } else { "elsewhere" }).unwrap();
    };
    parking.start("other", Includes::Everything, other, || panic!("given up"));
    assert_eq!(news.recv_timeout(LONG).unwrap(), "kept");
    assert!(parking.keepers[0].shared().state().outdated.is_empty());
}

#[test]
fn a_turn_that_panics_leaves_the_thread_to_the_others() {
    let (_runtime, parking) = patient_parking(1);
    let (told, news) = mpsc::channel();
    parking.start("a", Includes::Everything, |_| panic!("outside the code"), || {});
    parking.start(
        "b",
        Includes::Everything,
        move |parked| told.send(parked.is_some()).unwrap(),
        || {},
    );
    assert!(news.recv_timeout(LONG).unwrap());
}

#[test]
fn a_turn_elsewhere_has_the_thread_forget() {
    let (_runtime, parking) = patient_parking(1);
    let (told, news) = mpsc::channel();
    parking.forget("a");
    assert!(parking.keepers[0].shared().state().outdated.is_empty());
    let (release, blocked) = mpsc::channel::<()>();
    let begun = told.clone();
    let turn = move |_: Option<&mut ParkedInstances>| {
        begun.send(()).unwrap();
        let _ = blocked.recv();
    };
    parking.start("a", Includes::Everything, turn, || {});
    news.recv_timeout(LONG).unwrap();
    parking.forget("a");
    assert!(parking.keepers[0].shared().state().outdated.contains("a"));
    drop(release);
    parking.start("a", Includes::Everything, move |_| told.send(()).unwrap(), || {});
    news.recv_timeout(LONG).unwrap();
    assert!(parking.keepers[0].shared().state().outdated.is_empty());
}

#[test]
fn without_room_for_any_nothing_is_kept() {
    let (_runtime, parking) = parking(0, 4, LONG);
    let (told, news) = mpsc::channel();
    parking.start(
        "a",
        Includes::Everything,
        move |parked| told.send(parked.is_none()).unwrap(),
        || panic!("given up"),
    );
    assert!(news.recv_timeout(LONG).unwrap());
}
