//! Whatever a worker answers: no panic, dense ids, and a history that reads back.

use proptest::prelude::*;

use super::*;

fn value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        (-3_i64..20).prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        "[ -~]{0,6}".prop_map(Into::into),
        Just("2031-05-04T10:00:05Z".into()),
        Just("9999-12-31T23:59:59Z".into()),
        Just("WhenAny".into()),
    ];
    let key = prop_oneof![
        Just("actionType".to_owned()),
        Just("functionName".to_owned()),
        Just("fireAt".to_owned()),
        Just("isCanceled".to_owned()),
        Just("compoundActions".to_owned()),
        Just("retryOptions".to_owned()),
        Just("firstRetryIntervalInMilliseconds".to_owned()),
        Just("maxNumberOfAttempts".to_owned()),
        Just("httpRequest".to_owned()),
        Just("externalEventName".to_owned()),
        Just("input".to_owned()),
        Just("isDone".to_owned()),
        Just("schemaVersion".to_owned()),
        Just("actions".to_owned()),
        "[a-z]{0,3}",
    ];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(serde_json::Value::from),
            prop::collection::btree_map(key.clone(), inner, 0..6)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

/// An action that is mostly well formed.
fn action() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        4 => "[a-c]".prop_map(|name| activity(&name)),
        1 => "[a-c]".prop_map(|name| child(&name)),
        2 => (-5_i64..1_500_000).prop_map(|s| timer(ten() + TimeDelta::seconds(s))),
        1 => (-5_i64..1_500_000).prop_map(|s| cancelled(ten() + TimeDelta::seconds(s))),
        2 => "[e-f]".prop_map(|name| wait(&name)),
        2 => (0..4).prop_map(|n| format!(
            "{{\"actionType\":1,\"functionName\":\"r\",\"retryOptions\":{{\"firstRetryIntervalInMilliseconds\":1000,\
               \"maxNumberOfAttempts\":{n}}}}}"
        )),
        1 => Just("{\"actionType\":8,\"httpRequest\":{\"method\":\"GET\",\"uri\":\"http://x/\"}}".to_owned()),
        1 => Just(all_of(&[])),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop::collection::vec(inner, 1..4)
            .prop_flat_map(|members| prop_oneof![Just(all_of(&members)), Just(any_of(&members))])
    })
}

/// Ids of scheduled events rise from 0 without a gap, and end with that of the completion.
fn assert_dense(run: &Run) {
    let ids: Vec<_> = run
        .instance
        .history
        .iter()
        .map(|event| event.event_id)
        .filter(|id| *id >= 0)
        .collect();
    let dense: Vec<_> = (0_i32..).take(ids.len()).collect();
    assert_eq!(ids, dense, "{}", run.history());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_answer_makes_the_engine_panic(
        answers in prop::collection::vec((value(), value(), any::<bool>(), -1_i64..4), 1..4)
    ) {
        let mut run = Run::new();
        for (whole, actions, done, schema) in answers {
            for text in [
                whole.to_string(),
                format!("{{\"isDone\":{done},\"actions\":[[{actions}]],\"schemaVersion\":{schema}}}"),
            ] {
                if run.status().is_terminal() {
                    break;
                }
                run.raised("e", "1");
                let answer = if done { WorkResult::Failed(format!("x\n\n$OutOfProcData$:{text}")) } else { json(&text) };
                run.answer(&answer);
            }
        }
    }

    #[test]
    fn ids_stay_dense_however_the_tasks_end(
        actions in prop::collection::vec(action(), 0..6),
        ends in prop::collection::vec((any::<prop::sample::Index>(), 0..4_u8, any::<bool>()), 0..24),
        v1 in any::<bool>(),
    ) {
        let mut run = Run::new();
        let text = if v1 {
            let lists: Vec<_> = actions.iter().map(|action| format!("[{action}]")).collect();
            format!("{{\"isDone\":true,\"actions\":[{}],\"schemaVersion\":0}}", lists.join(","))
        } else {
            state_text(true, &list(&actions))
        };
        let answer = json(&text);
        let mut open: Vec<i32> = Vec::new();
        let mut decision = run.answer(&answer);
        for (pick, how, same_batch) in ends {
            if run.status().is_terminal() {
                break;
            }
            open.extend(decision.appended.iter().filter(|event| event.kind.is_scheduled()).map(|event| event.event_id));
            decision.appended.clear();
            if open.is_empty() {
                run.raised("e", "1");
            } else {
                let id = open.swap_remove(pick.index(open.len()));
                let kind = run.instance.history.iter().find(|event| event.event_id == id).unwrap().kind.number();
                match (kind, how) {
                    (10, _) => run.fired(id),
                    (7, _) => run.child_failed(id),
                    (_, 0) => run.failed(id),
                    (_, 1) => run.completed(id, "{\"statusCode\":202,\"headers\":{\"Location\":\"http://y/\"}}"),
                    _ => run.completed(id, "1"),
                };
            }
            if !same_batch {
                decision = run.answer(&answer);
                assert_dense(&run);
            }
        }
    }
}
