//! Functions that are fired by their triggers: what they get, and what arrives where their outputs go.

use azure_functions::{
    bindings::{
        Blob, BlobReference, BlobTrigger, CosmosDbDocument, CosmosDbTrigger, EventGridEvent, EventHubTrigger,
        GenericInput, GenericTrigger, KafkaMessage, KafkaTrigger, McpPromptResult, McpPromptTrigger,
        McpResourceContents, McpResourceTrigger, McpToolResult, McpToolTrigger, Partition, QueueMessage, QueueTrigger,
        ServiceBusTrigger, SqlOperation, SqlRow, SqlTrigger, WarmupTrigger,
    },
    prelude::*,
};
use azure_functions_sdk::testing::{Fire, TestHost};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{
    fmt::Display,
    panic::{AssertUnwindSafe, catch_unwind},
};

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    id: String,
    items: u32,
}

/// A function's answer for a test: what it got, as text.
fn got(what: impl Display) -> QueueMessage<String> {
    QueueMessage(what.to_string())
}

#[func]
#[binding(name = "$return", queue_name = "receipts")]
fn take_order(#[binding(queue_name = "orders")] order: QueueTrigger<Json<Order>>) -> QueueMessage<Json<Value>> {
    log::info!("attempt {}", order.dequeue_count);
    QueueMessage(Json(json!({
        "order": order.message.0.id, "message": order.id, "attempt": order.dequeue_count,
        "since": order.insertion_time,
    })))
}

#[func]
#[binding(name = "$return", path = "thumbnails/{name}.png")]
#[binding(name = "output1", queue_name = "told")]
fn resize_image(
    #[binding(path = "images/{name}.png")] image: BlobTrigger,
    #[binding(path = "settings/width.txt")] image_width: Option<Blob<String>>,
    #[binding(path = "settings/{name}.json")] preset: BlobInput,
) -> (Blob<Vec<u8>>, Vec<QueueMessage<String>>) {
    let width = image_width.and_then(|width| width.0.parse().ok()).unwrap_or(1);
    let told = [image.path.clone(), preset.0.name.clone(), preset.0.connection.clone()];
    (
        Blob(image.content.iter().take(width).copied().collect()),
        told.map(QueueMessage).into(),
    )
}

type BlobInput = Blob<BlobReference>;

#[func]
#[binding(name = "$return", queue_name = "told")]
fn scan_upload(#[binding(path = "%UPLOADS_OF_NO_SETTING%/{name}.pdf")] upload: BlobTrigger) -> QueueMessage<String> {
    got(upload.variable("name").unwrap_or_default())
}

#[func]
#[binding(name = "$return", queue_name = "told")]
fn open_image(
    #[binding(path = "images/{name}", connection = "Images")] image: BlobTrigger<BlobReference>,
) -> QueueMessage<String> {
    got(format_args!(
        "{} {} {}",
        image.content.connection, image.content.container, image.content.name
    ))
}

#[func]
#[binding(name = "$return", queue_name = "told")]
fn take_letters(
    #[binding(queue_name = "letters", connection = "ServiceBus")] letters: Vec<ServiceBusTrigger>,
) -> Vec<QueueMessage<String>> {
    let letters = letters.into_iter();
    let told = letters.map(|letter| {
        got(format_args!(
            "{:?} {:?} {}",
            letter.message, letter.subject, letter.delivery_count
        ))
    });
    told.collect()
}

#[func]
#[binding(name = "$return", queue_name = "told")]
fn take_readings(
    #[binding(event_hub_name = "readings", connection = "EventHubs")] readings: Vec<EventHubTrigger<String>>,
) -> Vec<QueueMessage<String>> {
    let partition = |partition: &Option<Partition>| partition.as_ref().map(|partition| partition.partition_id.clone());
    let readings = readings.iter();
    let told = readings.map(|reading| {
        got(format_args!(
            "{} {:?} {:?}",
            reading.event,
            reading.sequence_number,
            partition(&reading.partition)
        ))
    });
    told.collect()
}

#[func]
#[binding(name = "$return", queue_name = "told")]
fn take_events(events: Vec<EventGridEvent<Order>>) -> Vec<QueueMessage<String>> {
    let told = events
        .iter()
        .map(|event| got(format_args!("{} {} {}", event.id, event.event_type, event.data.items)));
    told.collect()
}

#[func]
#[binding(name = "$return", database_name = "shop", container_name = "totals")]
fn total_changes(
    #[binding(database_name = "shop", container_name = "orders")] changed: CosmosDbTrigger<Order>,
    #[binding(database_name = "shop", container_name = "totals", id = "all", partition_key = "all")] before: Option<
        CosmosDbDocument<Order>,
    >,
    #[binding(command_text = "select * from items", connection_string_setting = "Sql")] rows: Vec<SqlRow<Value>>,
) -> CosmosDbDocument<Order> {
    let before = before.map_or(0, |before| before.0.items);
    let items = changed.documents.iter().map(|order| order.items).sum::<u32>();
    CosmosDbDocument(Order {
        id: format!("all of {}", rows.len()),
        items: before + items,
    })
}

#[func]
#[binding(name = "$return", queue_name = "told")]
fn take_rows(
    #[binding(table_name = "dbo.orders", connection_string_setting = "Sql")] rows: SqlTrigger<Order>,
) -> Vec<QueueMessage<String>> {
    let changes = rows.changes.iter();
    changes
        .map(|change| got(format_args!("{:?} {}", change.operation, change.item.id)))
        .collect()
}

#[func]
#[binding(name = "$return", queue_name = "told")]
fn take_rabbit(
    #[binding(
        type = "rabbitMQTrigger",
        queue_name = "rabbits",
        connection_string_setting = "RabbitMQ"
    )]
    message: GenericTrigger<String>,
    #[binding(type = "redis", command = "GET {id}", connection = "Redis")] price: GenericInput<String>,
) -> QueueMessage<String> {
    got(format_args!(
        "{} {:?} {}",
        message.data,
        message.metadata_as::<u64>("DeliveryTag"),
        price.0
    ))
}

/// Adds numbers.
#[func]
fn add_numbers(call: McpToolTrigger) -> Result<McpToolResult, String> {
    let sum: f64 = call.arguments.values().filter_map(Value::as_f64).sum();
    match call.caller.session_id {
        Some(session) => Ok(format!("{sum} for {session}").into()),
        None => Err("no session".to_owned()),
    }
}

#[func]
fn show_terms(
    #[binding(uri = "shop://customers/{customer}/terms")] request: McpResourceTrigger,
) -> McpResourceContents {
    format!("{} of {}", request.uri, request.variable("customer").unwrap_or("all")).into()
}

/// Asks for a summary.
#[func]
fn sum_up(request: McpPromptTrigger) -> McpPromptResult {
    Value::Object(request.arguments).to_string().into()
}

#[func]
#[binding(name = "$return", queue_name = "told")]
fn tell_time(#[binding(schedule = "0 0 7 * * *")] timer: TimerInfo) -> QueueMessage<String> {
    got(format_args!(
        "{} {:?}",
        timer.is_past_due,
        timer.schedule_status.map(|status| status.next)
    ))
}

#[func]
fn warmup(_trigger: WarmupTrigger) {
    log::info!("warm");
}

#[derive(Outputs)]
struct Accepted {
    response: HttpResponse,
    #[binding(queue_name = "orders")]
    accepted: QueueMessage<Json<Order>>,
}

#[func]
async fn accept_order(
    #[binding(methods = "post")] _req: HttpRequest,
    order: Json<Order>,
    client: DurableOrchestrationClient,
) -> Result<Accepted, Failure> {
    client
        .start_new("fulfil_order", Some(&order.0.id), order.0.items)
        .await?;
    Ok(Accepted {
        response: (202, "accepted").into(),
        accepted: QueueMessage(order),
    })
}

#[func(orchestration)]
async fn fulfil_order(context: DurableOrchestrationContext<u32>) -> u32 {
    context.input() * 2
}

#[func]
#[binding(name = "output1", queue_name = "slips")]
fn pack_order(order: Order) -> (ActivityOutput<u32>, QueueMessage<String>) {
    (order.items.into(), QueueMessage(order.id))
}

#[func]
fn fail_order(#[binding(queue_name = "failing")] order: QueueTrigger<String>) -> Result<(), Failure> {
    log::warn!("this will fail");
    Err(format!("no {}", order.message).into())
}

fn order(id: &str, items: u32) -> Order {
    Order {
        id: id.to_owned(),
        items,
    }
}

/// The texts of what a function told.
fn told(fire: Fire<'_>) -> Vec<String> {
    let fired = fire.run().unwrap();
    fired.outputs().iter().map(|output| output.text().to_owned()).collect()
}

#[test]
fn a_queue_message_is_what_the_function_gets_and_its_outputs_are_what_arrives() {
    let host = TestHost::new();
    let fired = host
        .fire("take_order")
        .json(&order("a", 1))
        .metadata("DequeueCount", 3)
        .run()
        .unwrap();
    let receipt = fired.output("$return");
    assert_eq!((receipt.kind(), receipt.destination()), ("queue", "receipts"));
    let since = host.now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    assert_eq!(
        receipt.json::<Value>(),
        json!({"order": "a", "message": "", "attempt": 3, "since": since})
    );
    assert_eq!(fired.logs()[0].message, "attempt 3");
    assert!(fired.response().is_none() && fired.returned().is_none());

    // By the type that the function takes.
    let mut message = QueueTrigger::new(Json(order("b", 2)));
    message.id = "17".to_owned();
    let fired = host.fire("take_order").trigger(message).run().unwrap();
    assert_eq!(fired.output("$return").json::<Value>()["message"], "17");
    assert_eq!(fired.output("$return").json::<Value>()["attempt"], 1);
    assert_eq!(fired.logs().len(), 1);
}

#[test]
fn a_blob_has_its_path_s_variables_and_inputs_hold_what_the_test_gives() {
    let host = TestHost::new();
    let fired = host
        .fire("resize_image")
        .data(b"\xff\xfe\xfd")
        .metadata("name", "cat")
        .run()
        .unwrap();
    assert_eq!(fired.output("$return").bytes(), b"\xff");
    assert_eq!(fired.output("$return").destination(), "thumbnails/{name}.png");
    let texts = |fired: &azure_functions_sdk::testing::Fired| -> Vec<String> {
        fired.outputs_of("output1").map(|told| told.text().to_owned()).collect()
    };
    assert_eq!(texts(&fired), ["images/cat.png", "cat.json", "AzureWebJobsStorage"]);

    let image = BlobTrigger::new("images/pets/dog.png", Bytes::from_static(b"pixels"));
    let fired = host
        .fire("resize_image")
        .trigger(image)
        .input("image_width", "3")
        .run()
        .unwrap();
    assert_eq!(fired.output("$return").text(), "pix");
    assert_eq!(texts(&fired)[..2], ["images/pets/dog.png", "pets/dog.json"]);

    // The setting has no value in a test: the blob's path says what it is.
    let upload = BlobTrigger::new("uploads/2026/bill.pdf", "%PDF");
    assert_eq!(told(host.fire("scan_upload").trigger(upload)), ["2026/bill"]);

    let image = BlobTrigger::new("images/big.png", BlobReference::default());
    assert_eq!(told(host.fire("open_image").trigger(image)), ["Images images big.png"]);
}

#[func]
#[binding(name = "$return", broker_list = "KafkaBrokers", topic = "packed")]
fn pack_record(
    #[binding(broker_list = "KafkaBrokers", topic = "orders")] record: KafkaTrigger<String>,
) -> KafkaMessage<String> {
    let at = format!(
        "{}/{}/{}",
        record.topic.unwrap(),
        record.partition.unwrap(),
        record.offset.unwrap()
    );
    assert!(record.timestamp.is_some());
    let sent = KafkaMessage::new(record.value).header("at", at);
    match record.key {
        Some(key) => sent.key(key),
        None => sent,
    }
}

#[test]
fn a_kafka_record_has_its_place_and_one_that_is_written_its_key_and_headers() {
    let host = TestHost::new();
    let mut record = KafkaTrigger::new("[1]".to_owned());
    record.key = Some("k".to_owned());
    record.offset = Some(7);
    let fired = host.fire("pack_record").trigger(record).run().unwrap();
    let packed = fired.output("$return");
    assert_eq!((packed.text(), packed.destination()), ("[1]", "packed"));
    assert_eq!((packed.key(), packed.header("at")), (Some("k"), Some("orders/0/7")));
    let fired = host.fire("pack_record").data("x").run().unwrap();
    let packed = fired.output("$return");
    assert_eq!(
        (packed.text(), packed.key(), packed.header("at")),
        ("x", None, Some("orders/0/0"))
    );
}

#[test]
fn batches_come_as_one_invocation_with_the_properties_of_each_message() {
    let host = TestHost::new();
    let mut one = ServiceBusTrigger::new(vec![0xff_u8]);
    one.subject = Some("binary".to_owned());
    let mut two = ServiceBusTrigger::new(b"two".to_vec());
    two.delivery_count = 4;
    assert_eq!(
        told(host.fire("take_letters").trigger(vec![one, two])),
        [r#"b"\xff" Some("binary") 1"#, r#"b"two" None 4"#]
    );
    assert_eq!(
        told(host.fire("take_letters").batch(["a", "b"])),
        [r#"b"a" None 1"#, r#"b"b" None 1"#]
    );

    let reading = |number| {
        let mut reading = EventHubTrigger::new("warm");
        reading.sequence_number = Some(number);
        let mut partition = Partition::default();
        partition.partition_id = "7".to_owned();
        reading.partition = Some(partition);
        reading
    };
    assert_eq!(
        told(host.fire("take_readings").trigger(vec![reading(1), reading(2)])),
        [r#"warm Some(1) Some("7")"#, r#"warm Some(2) Some("7")"#]
    );

    let event = |id: &str| EventGridEvent::new(id, "Order.Made", "orders", order("a", 5));
    assert_eq!(
        told(host.fire("take_events").trigger(vec![event("1"), event("2")])),
        ["1 Order.Made 5", "2 Order.Made 5"]
    );
    assert_eq!(told(host.fire("take_events").json(&event("3"))), ["3 Order.Made 5"]);
}

#[test]
fn changed_documents_and_rows_come_as_lists_and_queries_find_what_the_test_gives() {
    let host = TestHost::new();
    let changed = || CosmosDbTrigger::new(vec![order("a", 1), order("b", 2)]);
    let fired = host.fire("total_changes").trigger(changed()).run().unwrap();
    let total = fired.output("$return");
    assert_eq!((total.kind(), total.destination()), ("cosmosDB", "totals"));
    assert_eq!(total.json::<Order>(), order("all of 0", 3));
    let fire = host.fire("total_changes").trigger(changed());
    let fire = fire
        .input_json("before", &order("all", 10))
        .input_json("rows", &[json!({"n": 1}), json!({"n": 2})]);
    assert_eq!(
        fire.run().unwrap().output("$return").json::<Order>(),
        order("all of 2", 13)
    );

    let rows = SqlTrigger::new([
        (SqlOperation::Update, order("a", 1)),
        (SqlOperation::Delete, order("b", 0)),
    ]);
    assert_eq!(told(host.fire("take_rows").trigger(rows)), ["Update a", "Delete b"]);
}

#[test]
fn a_trigger_without_a_type_of_its_own_is_fired_with_data_and_metadata() {
    let host = TestHost::new();
    let fire = host
        .fire("take_rabbit")
        .data("hop")
        .metadata("DeliveryTag", 9)
        .input("price", "12");
    assert_eq!(told(fire), ["hop Some(9) 12"]);
    let fire = host.fire("take_rabbit").trigger(GenericTrigger::new("hop".to_owned()));
    assert_eq!(told(fire), ["hop None "]);
}

#[test]
fn mcp_functions_get_who_calls_and_answer_as_a_host_gets_it() {
    let host = TestHost::new();
    let answer = |fire: Fire<'_>| fire.run().unwrap().returned().unwrap().clone();
    let arguments = serde_json::Map::from_iter([("a".to_owned(), json!(1.5)), ("b".to_owned(), json!(2))]);
    let mut call = McpToolTrigger::new(arguments.clone());
    let error: Value = answer(host.fire("add_numbers").trigger(call.clone())).json();
    let text = json!([{"type": "text", "text": "no session"}]);
    assert_eq!(error, json!({"content": text, "isError": true}));
    call.caller.session_id = Some("s1".to_owned());
    let sum: Value = answer(host.fire("add_numbers").trigger(call)).json();
    assert_eq!(
        (&sum["content"][0]["text"], &sum["isError"]),
        (&json!("3.5 for s1"), &json!(false))
    );
    let terms = McpResourceTrigger::new("shop://customers/7/terms").with_variable("customer", "7");
    let terms = answer(host.fire("show_terms").trigger(terms));
    assert_eq!(terms.text(), "shop://customers/7/terms of 7");
    // The URI alone, and the variables alone.
    let terms = answer(host.fire("show_terms").data("shop://customers/8/terms"));
    assert_eq!(terms.text(), "shop://customers/8/terms of 8");
    let terms = answer(host.fire("show_terms").metadata("customer", 9));
    assert_eq!(terms.text(), "shop://customers/9/terms of 9");
    // A prompt's arguments are texts.
    let prompt: Value = answer(host.fire("sum_up").trigger(McpPromptTrigger::new(arguments))).json();
    assert_eq!(prompt["messages"][0]["content"]["text"], r#"{"a":"1.5","b":"2"}"#);
}

#[test]
fn timers_and_warmups_need_no_data() {
    let host = TestHost::new();
    assert_eq!(told(host.fire("tell_time")), ["false None"]);
    let mut late = TimerInfo::default();
    late.is_past_due = true;
    late.schedule_status = Some(azure_functions::bindings::ScheduleStatus::default());
    assert_eq!(
        told(host.fire("tell_time").trigger(late)),
        ["true Some(1970-01-01T00:00:00Z)"]
    );
    assert_eq!(host.fire("warmup").run().unwrap().logs()[0].message, "warm");
}

#[test]
fn an_http_function_has_its_response_its_outputs_and_what_it_started() {
    let host = TestHost::new();
    let request = HttpRequest::build().method("POST").json(&order("ada", 4)).unwrap();
    let fired = host.fire("accept_order").request(&request).run().unwrap();
    assert_eq!(fired.response().unwrap().status(), 202);
    assert_eq!(fired.output("accepted").json::<Order>(), order("ada", 4));
    assert_eq!(fired.outputs().len(), 1);
    assert_eq!(host.instance("ada").output::<u32>(), 8);
}

#[test]
fn an_activity_has_what_it_returned_and_its_outputs() {
    let host = TestHost::new();
    let fired = host.fire("pack_order").json(&order("x", 6)).run().unwrap();
    assert_eq!(fired.returned().unwrap().json::<u32>(), 6);
    assert_eq!(fired.output("output1").text(), "x");
}

#[test]
fn a_function_that_fails_says_why_and_what_it_has_logged() {
    let host = TestHost::new();
    let error = host.fire("fail_order").data("luck").run().unwrap_err();
    assert!(error.message.contains("no luck"), "{error}");
    assert!(
        error.to_string().starts_with("function 'fail_order' failed: "),
        "{error}"
    );
    assert_eq!(error.logs.len(), 1);
    // As from a host: the function cannot read it.
    let error = host.fire("take_order").data("no JSON").run().unwrap_err();
    assert!(error.message.contains("expected"), "{error}");
    let error = host.fire("take_letters").trigger(ServiceBusTrigger::new("one"));
    let error = panic_of(|| drop(error.run()));
    assert!(error.contains("cannot be fired so: the input is not JSON"), "{error}");
}

#[test]
fn mistakes_are_panics_that_say_what_there_is() {
    let host = TestHost::new();
    let asks = |fired: Fire<'_>, output: &str| {
        let fired = fired.run().unwrap();
        panic_of(|| assert_eq!(fired.output(output).text(), ""))
    };
    for (said, wanted) in [
        (
            panic_of(|| drop(host.fire("take_ordr"))),
            "no function 'take_ordr'; did you mean 'take_order'?",
        ),
        (
            panic_of(|| drop(host.fire("fulfil_order"))),
            "is an orchestration: start it, host.start(\"fulfil_order\", ..)",
        ),
        (
            panic_of(|| drop(host.fire("resize_image").input("height", "1"))),
            "has no input 'height'; ",
        ),
        (
            panic_of(|| drop(host.fire("accept_order").data("x").run())),
            "is an HTTP function: give it a request(..)",
        ),
        (
            panic_of(|| {
                let fire = host.fire("resize_image");
                let _ = fire.trigger(BlobTrigger::new("images/cat.gif", "x")).run();
            }),
            "does not match the path `images/{name}.png`",
        ),
        (
            asks(host.fire("take_order").json(&order("a", 1)), "receipt"),
            "wrote nothing to an output 'receipt'; it wrote to '$return'",
        ),
        (
            asks(host.fire("take_letters").batch(["a", "b"]), "$return"),
            "wrote 2 values to the output '$return'",
        ),
    ] {
        assert!(said.contains(wanted), "{said}");
    }
}

fn panic_of(act: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(act)).unwrap_err();
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}
