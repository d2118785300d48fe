//! Long histories, which workers fetch in chunks.

use azure_functions_durable::protobuf::{
    HistoryChunk, HistoryEvent, StreamInstanceHistoryRequest, WorkerCapability, history_event::EventType,
};

use super::*;

/// The default limit of a message in gRPC.
const LARGEST_MESSAGE: usize = 4 * 1024 * 1024;

async fn chunks(hub: &TaskHub, for_work_item_processing: bool) -> Vec<HistoryChunk> {
    let request = StreamInstanceHistoryRequest {
        instance_id: "i".to_owned(),
        execution_id: None,
        for_work_item_processing,
    };
    let reply = hub
        .call(Caller::Sdk, "StreamInstanceHistory", request.encode_to_vec().into())
        .await
        .unwrap();
    reply
        .into_iter()
        .map(|chunk| {
            assert!(chunk.len() < LARGEST_MESSAGE);
            HistoryChunk::decode(chunk).unwrap()
        })
        .collect()
}

fn sizes(chunks: &[HistoryChunk]) -> Vec<(usize, usize)> {
    chunks
        .iter()
        .map(|chunk| (chunk.events.len(), chunk.encoded_len()))
        .collect()
}

async fn raise(hub: &TaskHub, size: usize) {
    let event = RaiseEventRequest {
        instance_id: "i".to_owned(),
        name: "more".to_owned(),
        input: Some(format!("\"{}\"", "x".repeat(size))),
    };
    ask::<()>(hub, "RaiseEvent", &event).await;
}

#[tokio::test]
async fn a_long_past_is_fetched_by_workers_that_can_and_given_whole_to_others() {
    let folder = tempfile::tempdir().unwrap();
    let hub = open(options(&folder));
    let fetching = GetWorkItemsRequest {
        capabilities: vec![WorkerCapability::HistoryStreaming.into()],
        ..everything()
    };
    let mut items = connect(&hub, &fetching);
    start(&hub, "flow", "i").await;
    let (token, _) = next_episode(&mut items).await;
    respond(&hub, &token, Vec::new()).await;
    for size in [100_000, 100_000, 100_000, 600_000, 200_000] {
        raise(&hub, size).await;
        let (token, request) = next_episode(&mut items).await;
        assert!(!request.requires_history_streaming, "it is short still");
        assert!(!request.past_events.is_empty());
        respond(&hub, &token, Vec::new()).await;
    }
    raise(&hub, 10).await;
    let (token, request) = next_episode(&mut items).await;
    assert!(request.requires_history_streaming && request.past_events.is_empty());
    assert_eq!(request.new_events.len(), 2, "what is new comes with it");
    assert!(request.entity_parameters.is_some());
    let past = chunks(&hub, true).await;
    // 256 KiB at most, but one that is larger alone.
    let large: Vec<_> = sizes(&past)
        .into_iter()
        .filter(|(_, bytes)| *bytes > 256 * 1024)
        .collect();
    assert!(
        matches!(large.as_slice(), [(1, bytes)] if *bytes > 600_000),
        "{large:?}"
    );
    let events: Vec<HistoryEvent> = past.into_iter().flat_map(|chunk| chunk.events).collect();
    let raised = |event: &&HistoryEvent| matches!(event.event_type, Some(EventType::EventRaised(_)));
    assert_eq!(events.iter().filter(raised).count(), 5, "all but the new one");
    respond(&hub, &token, Vec::new()).await;

    // It has been answered.
    let request = StreamInstanceHistoryRequest {
        instance_id: "i".to_owned(),
        execution_id: None,
        for_work_item_processing: true,
    };
    eventually("nothing runs", async || hub.running() == (0, 0)).await;
    let call = hub.call(Caller::Sdk, "StreamInstanceHistory", request.encode_to_vec().into());
    assert_eq!(call.await.unwrap_err().code, Code::FailedPrecondition);

    drop(items);
    let mut items = connect(&hub, &everything());
    raise(&hub, 10).await;
    let (_, request) = next_episode(&mut items).await;
    assert!(!request.requires_history_streaming && !request.past_events.is_empty());
}

/// What has been read back from the store is fetched like what was in memory.
#[tokio::test]
async fn a_long_past_is_fetched_whole_after_the_hub_was_opened_again_and_when_memory_has_no_room_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let fetching = GetWorkItemsRequest {
        capabilities: vec![WorkerCapability::HistoryStreaming.into()],
        ..everything()
    };
    let mut hub = open(options(&folder));
    let mut items = connect(&hub, &fetching);
    start(&hub, "flow", "i").await;
    for size in [600_000, 600_000] {
        let (token, _) = next_episode(&mut items).await;
        respond(&hub, &token, Vec::new()).await;
        raise(&hub, size).await;
    }
    let (token, _) = next_episode(&mut items).await;
    respond(&hub, &token, Vec::new()).await;
    for cache in [128 * 1024 * 1024, 0, 0] {
        assert!(hub.drain(DEADLINE).await);
        drop((items, hub));
        hub = open(options(&folder).history_cache(cache));
        items = connect(&hub, &fetching);
        for _ in 0..2 {
            raise(&hub, 10).await;
            let (token, request) = next_episode(&mut items).await;
            assert!(request.requires_history_streaming && request.past_events.is_empty());
            let past = chunks(&hub, true).await;
            let raised = |event: &&HistoryEvent| matches!(event.event_type, Some(EventType::EventRaised(_)));
            let count = past.iter().flat_map(|chunk| &chunk.events).filter(raised).count();
            assert!(count >= 2, "{count} events");
            respond(&hub, &token, Vec::new()).await;
            eventually("nothing runs", async || hub.running() == (0, 0)).await;
        }
    }
}

/// Also those of them that are larger than a chunk.
#[tokio::test]
async fn clients_get_a_history_in_chunks_that_a_message_may_have() {
    let folder = tempfile::tempdir().unwrap();
    let hub = open(options(&folder));
    let mut items = connect(&hub, &everything());
    start(&hub, "flow", "i").await;
    let (token, _) = next_episode(&mut items).await;
    respond(&hub, &token, Vec::new()).await;
    for size in [1_900_000, 3_000_000] {
        raise(&hub, size).await;
        let (token, _) = next_episode(&mut items).await;
        respond(&hub, &token, Vec::new()).await;
    }
    eventually("nothing runs", async || hub.running() == (0, 0)).await;
    raise(&hub, 1).await;
    let (token, request) = next_episode(&mut items).await;
    let past = request.past_events.len();
    respond(&hub, &token, vec![completes()]).await;
    ended(&hub, "i").await;
    let events: usize = chunks(&hub, false).await.iter().map(|chunk| chunk.events.len()).sum();
    assert_eq!(events, past + request.new_events.len() + 2, "with its end");
}
