use azure_functions::{bindings::*, func, http::Json};

#[func]
fn capital(#[binding(path = "Images/{name}")] _blob: BlobTrigger) {}

#[func]
fn leading_slash(#[binding(path = "/images/{name}")] _blob: BlobTrigger) {}

#[func]
fn open_brace(#[binding(path = "images/{name", source = "EventGird")] _blob: BlobTrigger) {}

#[func]
#[binding(name = "$return", path = "images")]
fn no_blob(#[binding(path = "images")] _blob: BlobTrigger) -> Blob<String> {
    Blob(String::new())
}

#[func]
fn no_path(_req: HttpRequest, _blob: Option<Blob<String>>) {}

#[func]
fn no_subscription(#[binding(topic_name = "t")] _message: ServiceBusTrigger) {}

#[func]
fn both_ways(#[binding(queue_name = "q", topic_name = "t", subscription_name = "s")] _message: ServiceBusTrigger) {}

#[func]
fn neither(#[binding(connection = "ServiceBus")] _messages: Vec<ServiceBusTrigger>) {}

#[func]
fn no_topic(_event: CloudEvent) -> EventGridEvent {
    EventGridEvent::new("1", "a", "b", Default::default())
}

#[func]
fn arguments_of_a_subscription(#[binding(topic = "t")] _event: EventGridEvent) {}

#[func]
fn id_and_query(
    _req: HttpRequest,
    #[binding(database_name = "d", container_name = "c", id = "1", sql_query = "select * from c")]
    _document: Option<CosmosDbDocument>,
) {
}

#[func]
fn old_names(#[binding(database_name = "d", collection_name = "c", feed_poll_delay = "5")] _changed: CosmosDbTrigger) {}

#[func]
fn no_type(#[binding(queue_name = "q")] _message: GenericTrigger) {}

#[func]
fn no_trigger(#[binding(type = "rabbitMQ")] _message: GenericTrigger) {}

#[func]
fn http(#[binding(type = "httpTrigger")] _message: GenericTrigger) {}

#[func]
#[binding(name = "$return", type = "queueTrigger")]
fn trigger_as_output(_req: HttpRequest) -> GenericOutput {
    GenericOutput::text("")
}

#[func]
fn answers(#[binding(queue_name = "orders")] _message: QueueTrigger) -> Json<u32> {
    Json(3)
}

#[func]
#[binding(name = "$return", table_name = "my-table", partition_key = "p")]
fn tables(
    #[binding(queue_name = "keys")] _key: QueueTrigger,
    #[binding(table_name = "1st", partition_key = "p", row_key = "r", take = 5)] _one: Option<TableEntity>,
    #[binding(table_name = "prices", take = "5")] _several: Vec<TableEntity>,
) -> TableEntity {
    todo!()
}

#[func]
fn kafka(#[binding(topic = "orders", protocol = "tls")] _records: Vec<KafkaTrigger>) {}

#[func]
#[binding(name = "$return", hub = "chat")]
fn signal_r(
    #[binding(hub_name = "chat", category = "message", event = "say")] _said: SignalRTrigger,
) -> SignalRGroupAction {
    todo!()
}

fn main() {}
