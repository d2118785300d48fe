//! The interpreter's work grows with the history and no faster.

use super::{
    super::{answer::parse, shim::Shim},
    *,
};

/// Steps of the interpreter over a history and an answer.
fn work(history: &[Event], answer: &str) -> usize {
    let answer = parse(answer, 1_000_000).unwrap();
    let settings = Settings::default();
    let mut shim = Shim::new(&answer.plan, &settings);
    for event in history {
        shim.feed(event);
    }
    shim.work
}

fn opening() -> Vec<Event> {
    let mut run = Run::new();
    run.asks("");
    run.instance.history[..2].to_vec()
}

fn scheduled(id: usize) -> Event {
    let kind = EventKind::TaskScheduled {
        name: "A".to_owned(),
        version: None,
        input: None,
        tags: Tags::new(),
        trace: None,
    };
    Event::scheduled(i32::try_from(id).unwrap(), ten(), kind)
}

fn completed(id: usize) -> Event {
    Event::new(
        ten(),
        EventKind::TaskCompleted {
            task_id: i32::try_from(id).unwrap(),
            result: None,
        },
    )
}

fn chain(n: usize) -> usize {
    let mut history = opening();
    for id in 0..n {
        history.extend([scheduled(id), Event::new(ten(), EventKind::OrchestratorCompleted)]);
        history.extend([Event::new(ten(), EventKind::OrchestratorStarted), completed(id)]);
    }
    work(&history, &state_text(true, &list(&vec![activity("A"); n])))
}

fn fan_out(n: usize, compound: fn(&[String]) -> String) -> usize {
    let mut history = opening();
    history.extend((0..n).map(scheduled));
    history.extend((0..n).map(completed));
    work(&history, &state_text(true, &compound(&vec![activity("A"); n])))
}

fn nested(n: usize) -> usize {
    let mut history = opening();
    history.extend((0..n).map(scheduled));
    history.extend((0..n).map(completed));
    let closed = all_of(&[all_of(&vec![activity("A"); n]), wait("never")]);
    work(&history, &state_text(false, &any_of(&[closed, all_of(&[])])))
}

fn suspended(n: usize) -> usize {
    let mut history = opening();
    history.extend((0..n).map(scheduled));
    history.push(Event::new(
        ten(),
        EventKind::ExecutionSuspended { reason: String::new() },
    ));
    history.extend((0..n).map(completed));
    history.push(Event::new(ten(), EventKind::ExecutionResumed { reason: String::new() }));
    work(&history, &state_text(true, &all_of(&vec![activity("A"); n])))
}

fn events(n: usize) -> usize {
    let mut history = opening();
    history.extend((0..n).map(|_| {
        Event::new(
            ten(),
            EventKind::EventRaised {
                name: "E".to_owned(),
                input: None,
            },
        )
    }));
    work(&history, &state_text(true, &list(&vec![wait("e"); n])))
}

#[test]
fn ten_times_the_history_is_ten_times_the_work() {
    let shapes: [(&str, &dyn Fn(usize) -> usize); 6] = [
        ("chain", &chain),
        ("all", &|n| fan_out(n, all_of)),
        ("any", &|n| fan_out(n, any_of)),
        ("nested", &nested),
        ("suspended", &suspended),
        ("events", &events),
    ];
    for (name, shape) in shapes {
        let (small, large) = (shape(1_000), shape(10_000));
        assert!(
            large <= small * 10,
            "{name}: {small} steps for 1,000, {large} for 10,000"
        );
        assert!(small <= 7_100, "{name}: {small} steps for 1,000");
    }
}
