//! Functions with triggers, inputs and outputs of Azure's services: what the host is told of them, and what they do with a call.

use crate::{bindings, call, call_with, function, text};
use azure_functions::{
    __private::{RetryDelay, RetryPolicy},
    bindings::{
        Blob, BlobReference, BlobTrigger, CloudEvent, CosmosDbDocument, CosmosDbTrigger, EventGridEvent,
        EventHubMessage, EventHubTrigger, GenericInput, GenericOutput, GenericTrigger, HttpRequest, KafkaMessage,
        KafkaTrigger, QueueMessage, QueueTrigger, ServiceBusMessage, ServiceBusTrigger, SignalRConnectionInfo,
        SignalRGroupAction, SignalRMessage, SignalRTrigger, SqlRow, SqlTrigger, TableEntity, TimerInfo,
    },
    func,
    http::Json,
    rpc::Data,
};
use serde_json::{Value, json};
use std::time::Duration;

#[func]
#[binding(name = "$return", queue_name = "receipts-{Id}")]
fn service_queue(
    #[binding(queue_name = "%Orders%", connection = "Storage")] my_order: QueueTrigger<String>,
) -> QueueMessage {
    QueueMessage(my_order.message.into())
}

#[func]
#[binding(name = "output1", queue_name = "letters")]
fn service_queues(
    #[binding(schedule = "0 0 * * * *")] _timer: TimerInfo,
) -> ((), Option<Vec<QueueMessage<&'static str>>>) {
    ((), Some(vec![QueueMessage("a"), QueueMessage("b")]))
}

#[func]
#[binding(name = "$return", path = "out/{name}.txt")]
fn service_blob(
    #[binding(path = "incoming/{name}.txt", source = "EventGrid")] blob: BlobTrigger,
    #[binding(path = "templates/letter.txt", connection = "Other")] template: Option<Blob<String>>,
    #[binding(path = "big/{name}")] _big: Blob<BlobReference>,
) -> Blob<String> {
    let template = template.map_or_else(|| "none".to_owned(), |blob| blob.0);
    Blob(format!("{template} {}", blob.variable("name").unwrap_or_default()))
}

#[func]
fn service_blob_reference(#[binding(path = "incoming/{name}")] _blob: BlobTrigger<BlobReference>) {}

#[func]
#[binding(name = "$return", topic_endpoint_uri = "TOPIC", topic_key_setting = "KEY")]
fn service_event_grid(events: Vec<EventGridEvent>) -> Vec<CloudEvent> {
    let events = events.into_iter();
    events
        .map(|event| CloudEvent::new(event.id, "/src", event.event_type, event.data))
        .collect()
}

#[func]
#[binding(name = "$return", topic_name = "t", connection = "Bus")]
fn service_bus(
    #[binding(
        topic_name = "t",
        subscription_name = "s",
        connection = "Bus",
        is_sessions_enabled = true
    )]
    _messages: Vec<ServiceBusTrigger>,
) -> ServiceBusMessage<&'static str> {
    ServiceBusMessage("x")
}

#[func]
#[binding(name = "$return", event_hub_name = "other", connection = "Hubs")]
fn service_event_hub(
    #[binding(event_hub_name = "readings", connection = "Hubs", consumer_group = "rust")] _event: EventHubTrigger,
) -> EventHubMessage<&'static str> {
    EventHubMessage("x")
}

#[func]
#[binding(
    name = "$return",
    database_name = "shop",
    container_name = "copies",
    create_if_not_exists = true
)]
fn service_cosmos_db(
    #[binding(database_name = "shop", container_name = "orders", max_items_per_invocation = 10)]
    changed: CosmosDbTrigger,
    #[binding(database_name = "shop", container_name = "c", sql_query = "select * from c")] _all: Vec<CosmosDbDocument>,
) -> Vec<CosmosDbDocument> {
    changed.documents.into_iter().map(CosmosDbDocument).collect()
}

#[func]
#[binding(name = "$return", command_text = "dbo.copies", connection_string_setting = "Sql")]
fn service_sql(
    #[binding(table_name = "dbo.orders", connection_string_setting = "Sql")] changed: SqlTrigger,
    #[binding(command_text = "select 1", connection_string_setting = "Sql", command_type = "Text")] _rows: Vec<SqlRow>,
) -> Option<SqlRow> {
    changed.changes.into_iter().next().map(|change| SqlRow(change.item))
}

#[func]
#[binding(name = "$return", table_name = "copies%Suffix%", connection = "Tables")]
fn service_table(
    #[binding(queue_name = "keys")] _key: QueueTrigger<String>,
    #[binding(table_name = "prices", partition_key = "current", row_key = "{QueueTrigger}")] one: Option<TableEntity>,
    #[binding(table_name = "prices", filter = "cents gt 10", take = 5)] several: Vec<TableEntity>,
) -> Vec<TableEntity> {
    one.into_iter().chain(several).collect()
}

#[func]
#[binding(
    name = "$return",
    broker_list = "Brokers",
    topic = "packed",
    enable_idempotence = true
)]
fn service_kafka(
    #[binding(
        broker_list = "Brokers",
        topic = "orders",
        consumer_group = "packing",
        protocol = "SaslSsl",
        authentication_mode = "plain",
        username = "$ConnectionString",
        password = "%Password%",
        ssl_ca_pem = "Ca",
        oauth_bearer_client_id = "x"
    )]
    orders: Vec<KafkaTrigger<String>>,
) -> Vec<KafkaMessage<String>> {
    orders.into_iter().map(|order| KafkaMessage::new(order.value)).collect()
}

#[func]
#[binding(name = "output1", hub_name = "chat")]
#[binding(name = "output2", hub_name = "chat", connection_string_setting = "SignalR")]
fn service_signal_r(
    #[binding(hub_name = "chat", category = "messages", event = "say", parameter_names = ["text"])]
    said: SignalRTrigger<(String,)>,
    #[binding(hub_name = "chat", user_id = "{UserId}")] _info: SignalRConnectionInfo,
) -> ((), SignalRMessage, Vec<SignalRGroupAction>) {
    let join = SignalRGroupAction::add_connection(said.connection_id, "all");
    ((), SignalRMessage::new("said", [said.arguments.0.into()]), vec![join])
}

#[func]
#[binding(name = "$return", type = "signalR", hub_name = "chat", connection = "SignalR")]
fn service_generic(
    #[binding(
        type = "kafkaTrigger",
        broker_list = "b",
        topic = "t",
        lag_threshold = 5,
        sslCertificateLocation = "c"
    )]
    message: GenericTrigger<Json<Value>>,
    #[binding(type = "redis", command = "GET x")] _input: GenericInput<String>,
) -> GenericOutput {
    GenericOutput::json(&message.data.0).unwrap()
}

#[func]
fn service_missing_blob(_request: HttpRequest, #[binding(path = "incoming/x")] _blob: Blob<String>) {}

const CONTAINER: &str = "incoming";

mod settings {
    pub(super) const QUEUE: &str = "%Orders%";
    pub(super) const MOST: i32 = 7;
}

#[func]
#[binding(name = "$return", queue_name = settings::QUEUE)]
fn service_constants(
    #[binding(database_name = "shop", container_name = CONTAINER, max_items_per_invocation = settings::MOST)]
    _changed: CosmosDbTrigger,
) -> Option<QueueMessage> {
    None
}

#[func]
fn warmup(_trigger: azure_functions::bindings::WarmupTrigger) {}

#[test]
fn a_warm_up_function_runs_with_what_the_host_sends() {
    let wanted = json!([{"name": "trigger", "type": "warmupTrigger", "direction": "in"}]);
    assert_eq!(bindings("warmup"), wanted);
    // As recorded.
    let empty = Data::Json("{}".to_owned());
    let outputs = call_with("warmup", vec![("trigger", empty.clone())], vec![("trigger", empty)]).unwrap();
    assert_eq!(outputs.return_value, None);
}

#[test]
fn an_argument_can_be_a_constant() {
    let wanted = json!([
        {
            "name": "changed", "type": "cosmosDBTrigger", "direction": "in", "databaseName": "shop", "containerName": "incoming",
            "maxItemsPerInvocation": 7
        },
        {"name": "$return", "type": "queue", "direction": "out", "queueName": "%Orders%"},
    ]);
    assert_eq!(bindings("service_constants"), wanted);
}

#[func(retry(max = 5, min_delay = "00:00:01", max_delay = "00:05:00"))]
fn service_retried(#[binding(schedule = "0 0 * * * *")] _timer: TimerInfo) {}

#[test]
fn a_function_has_the_retry_policy_of_its_attribute() {
    let wanted = RetryPolicy {
        max_retry_count: 5,
        delay: RetryDelay::Exponential(Duration::from_secs(1), Duration::from_secs(300)),
    };
    assert_eq!(function("service_retried").retry, Some(wanted));
    assert_eq!(function("service_bus").retry, None);
}

#[test]
fn every_binding_is_what_its_extension_reads_in_function_json() {
    let queue = json!([
        {"name": "myOrder", "type": "queueTrigger", "direction": "in", "dataType": "binary", "queueName": "%Orders%", "connection": "Storage"},
        {"name": "$return", "type": "queue", "direction": "out", "queueName": "receipts-{Id}"},
    ]);
    assert_eq!(bindings("service_queue"), queue);
    let blob = json!([
        {"name": "blob", "type": "blobTrigger", "direction": "in", "path": "incoming/{name}.txt", "source": "EventGrid"},
        {"name": "template", "type": "blob", "direction": "in", "dataType": "binary", "path": "templates/letter.txt", "connection": "Other"},
        {"name": "big", "type": "blob", "direction": "in", "path": "big/{name}", "properties": {"supportsDeferredBinding": "true"}},
        {"name": "$return", "type": "blob", "direction": "out", "path": "out/{name}.txt"},
    ]);
    assert_eq!(bindings("service_blob"), blob);
    let reference = json!([
        {"name": "blob", "type": "blobTrigger", "direction": "in", "path": "incoming/{name}", "properties": {"supportsDeferredBinding": "true"}},
    ]);
    assert_eq!(bindings("service_blob_reference"), reference);
    let event_grid = json!([
        {"name": "events", "type": "eventGridTrigger", "direction": "in", "cardinality": "many"},
        {"name": "$return", "type": "eventGrid", "direction": "out", "topicEndpointUri": "TOPIC", "topicKeySetting": "KEY"},
    ]);
    assert_eq!(bindings("service_event_grid"), event_grid);
    let service_bus = json!([
        {
            "name": "messages", "type": "serviceBusTrigger", "direction": "in", "dataType": "binary", "cardinality": "many",
            "topicName": "t", "subscriptionName": "s", "connection": "Bus", "isSessionsEnabled": true
        },
        {"name": "$return", "type": "serviceBus", "direction": "out", "topicName": "t", "connection": "Bus"},
    ]);
    assert_eq!(bindings("service_bus"), service_bus);
    let event_hub = json!([
        {
            "name": "event", "type": "eventHubTrigger", "direction": "in", "dataType": "binary", "eventHubName": "readings",
            "connection": "Hubs", "consumerGroup": "rust"
        },
        {"name": "$return", "type": "eventHub", "direction": "out", "eventHubName": "other", "connection": "Hubs"},
    ]);
    assert_eq!(bindings("service_event_hub"), event_hub);
    let cosmos_db = json!([
        {
            "name": "changed", "type": "cosmosDBTrigger", "direction": "in", "databaseName": "shop", "containerName": "orders",
            "maxItemsPerInvocation": 10
        },
        {
            "name": "all", "type": "cosmosDB", "direction": "in", "databaseName": "shop", "containerName": "c",
            "sqlQuery": "select * from c"
        },
        {
            "name": "$return", "type": "cosmosDB", "direction": "out", "databaseName": "shop", "containerName": "copies",
            "createIfNotExists": true
        },
    ]);
    assert_eq!(bindings("service_cosmos_db"), cosmos_db);
    let sql = json!([
        {"name": "changed", "type": "sqlTrigger", "direction": "in", "tableName": "dbo.orders", "connectionStringSetting": "Sql"},
        {
            "name": "rows", "type": "sql", "direction": "in", "commandText": "select 1", "connectionStringSetting": "Sql",
            "commandType": "Text"
        },
        {"name": "$return", "type": "sql", "direction": "out", "commandText": "dbo.copies", "connectionStringSetting": "Sql"},
    ]);
    assert_eq!(bindings("service_sql"), sql);
    let table = json!([
        {"name": "key", "type": "queueTrigger", "direction": "in", "dataType": "binary", "queueName": "keys"},
        {
            "name": "one", "type": "table", "direction": "in", "tableName": "prices", "partitionKey": "current",
            "rowKey": "{QueueTrigger}"
        },
        {"name": "several", "type": "table", "direction": "in", "tableName": "prices", "filter": "cents gt 10", "take": 5},
        {"name": "$return", "type": "table", "direction": "out", "tableName": "copies%Suffix%", "connection": "Tables"},
    ]);
    assert_eq!(bindings("service_table"), table);
    let kafka = json!([
        {
            "name": "orders", "type": "kafkaTrigger", "direction": "in", "dataType": "binary", "cardinality": "many",
            "brokerList": "Brokers", "topic": "orders", "consumerGroup": "packing", "protocol": "SaslSsl",
            "authenticationMode": "plain", "username": "$ConnectionString", "password": "%Password%", "sslCaPEM": "Ca",
            "oAuthBearerClientId": "x"
        },
        {
            "name": "$return", "type": "kafka", "direction": "out", "brokerList": "Brokers", "topic": "packed",
            "enableIdempotence": true
        },
    ]);
    assert_eq!(bindings("service_kafka"), kafka);
    let signal_r = json!([
        {
            "name": "said", "type": "signalRTrigger", "direction": "in", "hubName": "chat", "category": "messages",
            "event": "say", "parameterNames": ["text"]
        },
        {"name": "info", "type": "signalRConnectionInfo", "direction": "in", "hubName": "chat", "userId": "{UserId}"},
        {"name": "output1", "type": "signalR", "direction": "out", "hubName": "chat"},
        {"name": "output2", "type": "signalR", "direction": "out", "hubName": "chat", "connectionStringSetting": "SignalR"},
    ]);
    assert_eq!(bindings("service_signal_r"), signal_r);
    let generic = json!([
        {
            "name": "message", "type": "kafkaTrigger", "direction": "in", "brokerList": "b", "topic": "t", "lagThreshold": 5,
            "sslCertificateLocation": "c"
        },
        {"name": "input", "type": "redis", "direction": "in", "command": "GET x"},
        {"name": "$return", "type": "signalR", "direction": "out", "hubName": "chat", "connection": "SignalR"},
    ]);
    assert_eq!(bindings("service_generic"), generic);
}

#[test]
fn outputs_are_of_the_kind_that_arrives_as_it_is() {
    let outputs = call("service_queue", vec![("myOrder", Data::Bytes(b"[1]"[..].into()))]).unwrap();
    assert_eq!(outputs.return_value.unwrap().data, Some(Data::Bytes(b"[1]"[..].into())));
    let outputs = call("service_queues", vec![("timer", text("{}"))]).unwrap();
    assert_eq!(outputs.return_value, None);
    assert_eq!(outputs.outputs[0].0, "output1");
    assert_eq!(outputs.outputs[0].1.data, Some(Data::Json(r#"["a","b"]"#.to_owned())));
    let documents = Data::Json(r#"[{"id":"1"}]"#.to_owned());
    let outputs = call(
        "service_cosmos_db",
        vec![("changed", documents.clone()), ("all", documents)],
    )
    .unwrap();
    assert_eq!(
        outputs.return_value.unwrap().data,
        Some(Data::Json(r#"[{"id":"1"}]"#.to_owned()))
    );
    let outputs = call("service_sql", vec![("changed", text("[]"))]).unwrap();
    assert_eq!(outputs.return_value, None);
}

#[test]
fn a_blob_whose_name_does_not_match_is_not_for_the_function_and_no_failure() {
    let run = |path: &str| {
        let reference = Data::ModelBindingData(azure_functions::rpc::ModelBindingData {
            content: br#"{"Connection":"c","ContainerName":"big","BlobName":"b"}"#[..].into(),
            ..Default::default()
        });
        let inputs = vec![
            ("blob", Data::Bytes(b"x"[..].into())),
            ("template", text("Dear")),
            ("big", reference),
        ];
        call_with(
            "service_blob",
            inputs,
            vec![("BlobTrigger", text(path)), ("name", text("a"))],
        )
        .unwrap()
    };
    assert_eq!(
        run("incoming/a.txt").return_value.unwrap().data,
        Some(Data::Bytes(b"Dear a"[..].into()))
    );
    assert_eq!(run("incoming/a.bin").return_value, None);
}

#[test]
fn a_blob_that_must_exist_and_does_not_fails_the_invocation() {
    let error = call("service_missing_blob", vec![("request", crate::http(|_| {}))]).unwrap_err();
    assert!(error.to_string().contains("`_blob`: there is no such blob"), "{error}");
}
