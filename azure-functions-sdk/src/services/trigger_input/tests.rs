//! What functions get of each trigger.

use super::*;
use crate::services::data::{Data, Payload};
use bytes::Bytes;
use serde_json::{Map, Value, json};

fn input(binding: &str, payload: Option<Payload>, given: Value) -> Result<TriggerValue, String> {
    let trigger = Binding::read(serde_json::from_str(binding).unwrap());
    let Value::Object(metadata) = given else {
        panic!("{given}")
    };
    let now = "2026-11-29T19:50:47.625525Z".parse().unwrap();
    trigger_input(&trigger, GivenTrigger { payload, metadata }, now)
}

fn text(text: &str) -> Option<Payload> {
    Some(Payload::Text(text.to_owned()))
}

fn shown(input: &TriggerValue) -> Value {
    let value = |data: &Data| match data {
        Data::Text(text) => json!({ "string": text }),
        Data::Json(text) => json!({ "json": text }),
        Data::Bytes(bytes) => json!({ "bytes": String::from_utf8_lossy(bytes) }),
        Data::Texts(texts) => json!({ "strings": texts }),
        other => panic!("{other:?}"),
    };
    let metadata: Map<String, Value> = input
        .metadata
        .iter()
        .map(|(name, data)| (name.clone(), value(data)))
        .collect();
    json!({ "data": input.data.as_ref().map(value), "metadata": metadata })
}

const QUEUE: &str = r#"{"type":"queueTrigger","name":"msg","direction":"in","queueName":"q-1"}"#;

/// Recorded: `retry.recovers.3`.
#[test]
fn a_message_by_hand_is_what_the_real_host_makes_of_it() {
    let found = input(QUEUE, text("by hand"), json!({})).unwrap();
    assert_eq!(
        shown(&found),
        json!({
            "data": {"string": "by hand"},
            "metadata": {
                "QueueTrigger": {"string": "by hand"},
                "DequeueCount": {"json": "0"},
                "ExpirationTime": {"json": "\"9999-12-31T23:59:59.9999999+00:00\""},
                "InsertionTime": {"json": "\"2026-11-29T19:50:47.625525+00:00\""},
                "NextVisibleTime": {"json": "\"9999-12-31T23:59:59.9999999+00:00\""},
                "msg": {"string": "by hand"},
            },
        })
    );
}

/// Recorded: `manual.1` to `manual.3`.
#[test]
fn members_of_json_are_metadata() {
    let manual = r#"{"type":"manualTrigger","name":"input","direction":"in"}"#;
    assert_eq!(
        shown(&input(manual, None, json!({})).unwrap()),
        json!({"data": null, "metadata": {}})
    );
    assert_eq!(
        shown(&input(manual, text(r#"{"a": 1}"#), json!({})).unwrap()),
        json!({
            "data": {"string": "{\"a\": 1}"},
            "metadata": {"a": {"string": "1"}, "input": {"string": "{\"a\": 1}"}},
        })
    );
}

#[test]
fn numbers_in_members_are_spelt_as_dotnet_spells_them() {
    let message = r#"{"a": 1.50, "b": 1e16, "c": 2.0, "d": -0, "e": 123456789012345678901234567890, "f": 7}"#;
    let found = shown(&input(QUEUE, text(message), json!({})).unwrap());
    for (name, wanted) in [
        ("a", "1.5"),
        ("b", "1E+16"),
        ("c", "2"),
        ("d", "0"),
        ("e", "123456789012345678901234567890"),
        ("f", "7"),
    ] {
        assert_eq!(found["metadata"][name], json!({ "string": wanted }), "{name}");
    }
}

#[test]
fn a_message_that_is_no_text_reaches_only_a_binary_trigger() {
    let bytes = || Some(Payload::Bytes(Bytes::from_static(b"\xff")));
    let error = input(QUEUE, bytes(), json!({})).unwrap_err();
    assert!(error.contains("not UTF-8") && error.contains("'msg'"), "{error}");
    let binary = r#"{"type":"queueTrigger","name":"msg","queueName":"q-1","dataType":"binary"}"#;
    let found = input(binary, bytes(), json!({})).unwrap();
    assert!(matches!(&found.data, Some(Data::Bytes(bytes)) if bytes[..] == [0xff]));
    assert!(!found.metadata.contains_key("QueueTrigger"));
    // Nor do its members become metadata.
    let found = input(binary, text(r#"{"DequeueCount":7}"#), json!({})).unwrap();
    assert_eq!(shown(&found)["metadata"]["DequeueCount"], json!({"json": "0"}));
}

#[test]
fn a_blob_has_the_name_that_the_caller_gives_to_the_variables_of_its_path() {
    let blob = r#"{"type":"blobTrigger","name":"file","path":"samples/{dir}/{name}.txt"}"#;
    let found = shown(&input(blob, text("content"), json!({"name": "a b"})).unwrap());
    assert_eq!(found["data"], json!({"bytes": "content"}));
    let metadata = &found["metadata"];
    assert_eq!(metadata["BlobTrigger"], json!({"string": "samples/by-hand/a b.txt"}));
    assert_eq!(
        (&metadata["name"], &metadata["dir"]),
        (&json!({"string": "a b"}), &json!({"string": "by-hand"}))
    );
    let numbered = shown(&input(blob, None, json!({"name": 2024, "dir": "d"})).unwrap());
    assert_eq!(
        numbered["metadata"]["BlobTrigger"],
        json!({"string": "samples/d/2024.txt"})
    );
    assert_eq!(numbered["metadata"]["name"], json!({"string": "2024"}));
    let uri = metadata["Uri"]["json"].as_str().unwrap();
    assert!(uri.ends_with("/samples/by%2Dhand/a%20b%2Etxt\""), "{uri}");
}

#[test]
fn variables_stand_for_what_the_host_would_read_of_the_path() {
    let blob = r#"{"type":"blobTrigger","name":"file","path":"in/{name}.{ext}"}"#;
    let found = shown(&input(blob, None, json!({"name": "a", "ext": "b.c"})).unwrap());
    let metadata = &found["metadata"];
    assert_eq!(metadata["BlobTrigger"], json!({"string": "in/a.b.c"}));
    assert_eq!(
        (&metadata["name"], &metadata["ext"]),
        (&json!({"string": "a.b"}), &json!({"string": "c"}))
    );
}

#[test]
fn a_setting_without_a_value_in_a_blob_s_path_is_read_of_the_blob() {
    let blob = r#"{"type":"blobTrigger","name":"file","path":"%CONTAINER%/{name}.txt"}"#;
    let found = shown(&input(blob, None, json!({"BlobTrigger": "in/a/b.txt"})).unwrap());
    assert_eq!(found["metadata"]["name"], json!({"string": "a/b"}));
    let error = input(blob, None, json!({"BlobTrigger": "in/a.png"})).unwrap_err();
    assert!(
        error.contains("does not match the path `%CONTAINER%/{name}.txt`"),
        "{error}"
    );
    // Where the setting is behind a variable, the blob's name does not tell what it is.
    let blob = r#"{"type":"blobTrigger","name":"file","path":"in/{name}.%EXT%"}"#;
    let found = shown(&input(blob, None, json!({"BlobTrigger": "in/a.png"})).unwrap());
    assert_eq!(found["metadata"]["name"], Value::Null);
}

#[test]
fn batches_take_a_list_and_single_ones_do_not() {
    let many = r#"{"type":"eventHubTrigger","name":"events","eventHubName":"h","cardinality":"many"}"#;
    let found = shown(&input(many, text(r#"["a",{"b":1}]"#), json!({})).unwrap());
    assert_eq!(found["data"], json!({"strings": ["a", "{\"b\":1}"]}));
    assert_eq!(found["metadata"]["SequenceNumberArray"], json!({"json": "[1,1]"}));
    assert!(
        input(many, text("plain"), json!({}))
            .unwrap_err()
            .contains("is not JSON (line 1, column 1)")
    );
    let grid = r#"{"type":"eventGridTrigger","name":"event"}"#;
    assert!(
        input(grid, text("[]"), json!({}))
            .unwrap_err()
            .contains("takes one event")
    );
    assert!(input(grid, None, json!({})).unwrap_err().contains("needs an input"));
    assert_eq!(
        shown(&input(grid, text(r#"{"id":"1", "data":{"x":2}}"#), json!({})).unwrap()),
        json!({"data": {"json": "{\"id\":\"1\", \"data\":{\"x\":2}}"}, "metadata": {"data": {"json": "{\"x\":2}"}}})
    );
}

#[test]
fn each_kind_of_message_has_what_its_own_extension_says_about_one() {
    let names = |binding: &str| {
        let found = input(binding, text("x"), json!({})).unwrap();
        let mut names: Vec<_> = found.metadata.into_keys().collect();
        names.sort();
        names.join(" ")
    };
    let kafka = r#"{"type":"kafkaTrigger","name":"record","brokerList":"B","topic":"orders"}"#;
    assert_eq!(names(kafka), "Headers Offset Partition Timestamp Topic");
    let bus = r#"{"type":"serviceBusTrigger","name":"m","queueName":"q"}"#;
    assert_eq!(names(bus), "DeliveryCount EnqueuedTimeUtc MessageId SequenceNumber");
    let hub = r#"{"type":"eventHubTrigger","name":"e","eventHubName":"h"}"#;
    assert_eq!(names(hub), "EnqueuedTimeUtc Offset SequenceNumber");
    let record = shown(&input(kafka, text("x"), json!({"Key": "k"})).unwrap());
    let metadata = &record["metadata"];
    assert_eq!(
        (
            &metadata["Topic"],
            &metadata["Partition"],
            &metadata["Offset"],
            &metadata["Key"]
        ),
        (
            &json!({"string": "orders"}),
            &json!({"json": "0"}),
            &json!({"json": "0"}),
            &json!({"string": "k"})
        )
    );
    let many = kafka.replace('}', r#","cardinality":"many"}"#);
    let records = shown(&input(&many, text(r#"["a","b"]"#), json!({})).unwrap());
    assert_eq!(
        (&records["metadata"]["TopicArray"], &records["metadata"]["HeadersArray"]),
        (&json!({"json": r#"["orders","orders"]"#}), &json!({"json": "[[],[]]"}))
    );
}

#[test]
fn properties_of_a_blob_that_the_caller_does_not_give_are_made_up() {
    let blob = r#"{"type":"blobTrigger","name":"file","path":"in/{name}"}"#;
    let found = shown(&input(blob, text("four"), json!({"Properties": {"ContentType": "text/plain"}})).unwrap());
    let properties = found["metadata"]["Properties"]["json"].as_str().unwrap();
    let properties: Value = serde_json::from_str(properties).unwrap();
    assert_eq!(
        properties,
        json!({"LastModified": "2026-11-29T19:50:47.625525+00:00", "ContentLength": 4, "ContentType": "text/plain"})
    );
}

#[test]
fn metadata_of_the_caller_wins() {
    let found = shown(&input(QUEUE, text("x"), json!({"DequeueCount": 4, "Id": "7"})).unwrap());
    assert_eq!(found["metadata"]["DequeueCount"], json!({"json": "4"}));
    assert_eq!(found["metadata"]["Id"], json!({"string": "7"}));
}

#[test]
fn a_blob_that_is_named_has_the_variables_of_its_path() {
    let blob = r#"{"type":"blobTrigger","name":"file","path":"samples/{dir}/{name}.txt"}"#;
    let found = shown(&input(blob, text("x"), json!({"BlobTrigger": "samples/a/b/c.txt"})).unwrap());
    let metadata = &found["metadata"];
    assert_eq!(metadata["BlobTrigger"], json!({"string": "samples/a/b/c.txt"}));
    assert_eq!(
        (&metadata["dir"], &metadata["name"]),
        (&json!({"string": "a/b"}), &json!({"string": "c"}))
    );
    let error = input(blob, text("x"), json!({"BlobTrigger": "samples/c.png"})).unwrap_err();
    assert!(
        error.contains("does not match the path `samples/{dir}/{name}.txt`"),
        "{error}"
    );
    // By Event Grid, the pattern is no filter.
    let by_event = r#"{"type":"blobTrigger","name":"file","path":"samples/{name}.txt","source":"EventGrid"}"#;
    let found = shown(&input(by_event, text("x"), json!({"BlobTrigger": "samples/no.bin"})).unwrap());
    assert_eq!(found["metadata"]["BlobTrigger"], json!({"string": "samples/no.bin"}));
    assert_eq!(found["metadata"]["name"], Value::Null);
}

#[test]
fn a_resource_has_the_variables_of_its_uri_or_the_uri_of_its_variables() {
    let resource = r#"{"type":"mcpResourceTrigger","name":"r","uri":"shop://{customer}/orders/{order}"}"#;
    let uri = |found: &Value| {
        let call: Value = serde_json::from_str(found["data"]["string"].as_str().unwrap()).unwrap();
        call["uri"].as_str().unwrap().to_owned()
    };
    let found = shown(&input(resource, text("SHOP://7/orders/a-1"), json!({})).unwrap());
    assert_eq!(uri(&found), "SHOP://7/orders/a-1");
    assert_eq!(
        found["metadata"],
        json!({"customer": {"string": "7"}, "order": {"string": "a-1"}})
    );
    let found = shown(&input(resource, None, json!({"order": 9})).unwrap());
    assert_eq!(uri(&found), "shop://by-hand/orders/9");
    assert_eq!(
        found["metadata"],
        json!({"customer": {"string": "by-hand"}, "order": {"string": "9"}})
    );
    // As a test host gives it.
    let whole = r#"{"uri":"shop://7/orders/8","transport":{"name":"t","properties":{"headers":{"a":"b"}}}}"#;
    let found = shown(&input(resource, text(whole), json!({})).unwrap());
    assert_eq!(found["metadata"]["order"], json!({"string": "8"}));
    assert!(
        found["data"]["string"]
            .as_str()
            .unwrap()
            .contains(r#""headers":{"a":"b"}"#)
    );
    for wrong in [text("shop://7"), text(&whole.replace("orders", "bills"))] {
        let error = input(resource, wrong, json!({})).unwrap_err();
        assert!(
            error.contains("does not fit `shop://{customer}/orders/{order}`"),
            "{error}"
        );
    }
}

#[test]
fn inputs_of_a_call_hold_its_arguments() {
    let tool = r#"{"type":"mcpToolTrigger","name":"c","toolName":"t"}"#;
    let prompt = r#"{"type":"mcpPromptTrigger","name":"c","promptName":"p"}"#;
    let whole = r#"{"name":"t","arguments":{"count":3},"transport":{"properties":{"headers":{}}}}"#;
    for (trigger, payload, wanted) in [
        (tool, text(r#"{"count":3,"yes":true}"#), "3"),
        (tool, text(whole), "3"),
        (tool, None, ""),
        (prompt, text(r#"{"count":"many"}"#), "many"),
    ] {
        let found = input(trigger, payload, json!({})).unwrap();
        let binding = match trigger == tool {
            true => json!({"type": "mcpToolProperty", "name": "n", "propertyName": "count"}),
            false => json!({"type": "mcpPromptArgument", "name": "n", "argumentName": "count"}),
        };
        let binding = Binding::read(binding.as_object().unwrap().clone());
        let metadata = |name: &str| match found.metadata.get(name)? {
            Data::Text(text) | Data::Json(text) => Some(text.clone()),
            _ => None,
        };
        let held = crate::services::input::input(&binding, None, metadata).unwrap();
        assert_eq!(held, Some(Data::Text(wanted.to_owned())));
    }
    assert!(
        input(tool, text("[1]"), json!({}))
            .unwrap_err()
            .contains("a JSON object")
    );
}

/// Recorded: `blob.deferred`.
#[test]
fn a_function_that_opens_the_blob_itself_gets_a_reference() {
    let blob = r#"{"type":"blobTrigger","name":"file","path":"in/{name}","connection":"Blobs",
        "properties":{"supportsDeferredBinding":true}}"#;
    let found = input(blob, None, json!({"name": "a"})).unwrap();
    let Some(Data::Reference { json, .. }) = found.data else {
        panic!("{found:?}")
    };
    assert_eq!(
        serde_json::from_str::<Value>(&json).unwrap(),
        json!({"Connection": "Blobs", "ContainerName": "in", "BlobName": "a"})
    );
}

#[test]
fn a_batch_of_messages_that_are_no_text_reaches_only_a_binary_trigger() {
    let batch = || {
        Some(Payload::Batch(vec![
            Bytes::from_static(b"\xff"),
            Bytes::from_static(b"a"),
        ]))
    };
    let binary = r#"{"type":"serviceBusTrigger","name":"m","queueName":"q","cardinality":"many","dataType":"binary"}"#;
    let found = input(binary, batch(), json!({})).unwrap();
    assert!(matches!(&found.data, Some(Data::ByteStrings(items)) if items.len() == 2));
    let text = r#"{"type":"serviceBusTrigger","name":"m","queueName":"q","cardinality":"many"}"#;
    assert!(input(text, batch(), json!({})).unwrap_err().contains("'binary'"));
    assert!(
        input(QUEUE, batch(), json!({}))
            .unwrap_err()
            .contains("one value at a time")
    );
}
