//! The bindings: one row for each, from which everything else about them follows.
//!
//! A row says what a binding is called in `function.json`, which way its data flows, which arguments `#[binding(...)]` takes for it,
//! and which Rust types stand for it. From the rows come the metadata that the worker sends to the host, the checks at compile time
//! (of the attribute, by the names of the types, and of the compiler, by the types themselves), what the local host refuses, the
//! templates of `cargo func new`, and the table in the guide's chapter about bindings.
//!
//! The crates `azure-functions`, `azure-functions-codegen` and `azure-functions-sdk` have this file and those below it, each its own
//! copy, because none of the three can use another one for it; a test compares them. So there is nothing here but data, and what a
//! constant can compute.
//!
//! Source of the arguments and of what each extension needs at indexing: the attributes of the extensions in bundle 4, and what the
//! Functions host 4.1037 said about functions that lack one.

mod argument;
mod binding;
mod wrong_name;

pub use argument::Argument;
pub(crate) use argument::{ArgumentKind, Fallback, camel_case};
use binding::binding;
pub(crate) use binding::{Binding, Flow};
pub(crate) use wrong_name::wrong_name;

// Arguments that several bindings have.
const CONNECTION: Argument = Argument::text("connection");
const QUEUE_NAME: Argument = Argument::queue_name("queue_name").required().example("orders");
const TABLE_NAME: Argument = Argument::table_name("table_name").required();
const HUB_NAME: Argument = Argument::text("hub_name").required().example("chat");
const SERVICE_BUS_CONNECTION: Argument = CONNECTION.example("ServiceBus");
const SERVICE_BUS_QUEUE: Argument = Argument::text("queue_name").example("orders");
const SERVICE_BUS_TOPIC: Argument = Argument::text("topic_name");
const EVENT_HUB_NAME: Argument = Argument::text("event_hub_name").required().example("readings");
const EVENT_HUB_CONNECTION: Argument = CONNECTION.example("EventHubs");
const COSMOS_DB_CONTAINER: &[Argument] = &[
    Argument::text("database_name").required().example("shop"),
    Argument::text("container_name").required().example("orders"),
    CONNECTION.example("CosmosDB"),
    Argument::text("preferred_locations"),
];
const SQL_COMMAND: &[Argument] = &[Argument::text("command_text").required(), SQL_CONNECTION];
const SQL_CONNECTION: Argument = Argument::text("connection_string_setting")
    .required()
    .example("SqlConnectionString");
/// How a Kafka topic is reached.
const KAFKA_BROKERS: &[Argument] = &[
    Argument::text("broker_list").required().example("KafkaBrokers"),
    Argument::text("topic").required().example("orders"),
    Argument::one_of("protocol", &["NotSet", "Plaintext", "Ssl", "SaslPlaintext", "SaslSsl"]),
    Argument::one_of(
        "authentication_mode",
        &["NotSet", "Gssapi", "Plain", "ScramSha256", "ScramSha512", "OAuthBearer"],
    ),
    Argument::text("username"),
    Argument::text("password"),
    Argument::text("ssl_ca_location"),
    Argument::text("ssl_certificate_location"),
    Argument::text("ssl_key_location"),
    Argument::text("ssl_key_password"),
    Argument::text("ssl_ca_pem").key("sslCaPEM"),
    Argument::text("ssl_certificate_pem").key("sslCertificatePEM"),
    Argument::text("ssl_key_pem").key("sslKeyPEM"),
    Argument::text("ssl_certificate_and_key_pem").key("sslCertificateandKeyPEM"),
    Argument::one_of("oauth_bearer_method", &["Default", "Oidc"]).key("oAuthBearerMethod"),
    Argument::text("oauth_bearer_client_id").key("oAuthBearerClientId"),
    Argument::text("oauth_bearer_client_secret").key("oAuthBearerClientSecret"),
    Argument::text("oauth_bearer_scope").key("oAuthBearerScope"),
    Argument::text("oauth_bearer_token_endpoint_url").key("oAuthBearerTokenEndpointUrl"),
    Argument::text("oauth_bearer_extensions").key("oAuthBearerExtensions"),
    Argument::one_of("key_data_type", &["Int", "Long", "String", "Binary"]),
];

/// Two lists of arguments as one.
const fn joined<const N: usize>(first: &[Argument], second: &[Argument]) -> [Argument; N] {
    assert!(first.len() + second.len() == N, "the length is that of both");
    let mut all = [first[0]; N];
    let mut i = 0;
    while i < N {
        all[i] = if i < first.len() {
            first[i]
        } else {
            second[i - first.len()]
        };
        i += 1;
    }
    all
}

/// `httpTrigger`.
pub(crate) const HTTP_TRIGGER: Binding = Binding {
    types: &["HttpRequest"],
    arguments: &[
        Argument::one_of("auth_level", &["anonymous", "function", "admin"]),
        Argument::some_of(
            "methods",
            &["get", "post", "put", "delete", "patch", "head", "options", "trace"],
        ),
        Argument::route("route"),
    ],
    data: "the request",
    ..binding("httpTrigger", Flow::Trigger, "an HTTP request")
};

/// `http`.
pub(crate) const HTTP: Binding = Binding {
    types: &["HttpResponse"],
    data: "the response",
    ..binding("http", Flow::Output, "the answer to an HTTP request")
};

/// `timerTrigger`.
pub(crate) const TIMER_TRIGGER: Binding = Binding {
    types: &["TimerInfo"],
    arguments: &[
        Argument::schedule("schedule").required(),
        Argument::flag("run_on_startup"),
        Argument::flag("use_monitor"),
    ],
    data: "the status of the schedule",
    ..binding("timerTrigger", Flow::Trigger, "a schedule")
};

/// `orchestrationTrigger`.
pub(crate) const ORCHESTRATION_TRIGGER: Binding = Binding {
    types: &["DurableOrchestrationContext"],
    arguments: &[Argument::text("orchestration")],
    data: "the history",
    ..binding("orchestrationTrigger", Flow::Trigger, "an orchestration")
};

/// `activityTrigger`.
pub(crate) const ACTIVITY_TRIGGER: Binding = Binding {
    types: &["DurableActivityContext"],
    arguments: &[Argument::text("activity")],
    data: "the input",
    ..binding("activityTrigger", Flow::Trigger, "an activity")
};

/// `entityTrigger`.
pub(crate) const ENTITY_TRIGGER: Binding = Binding {
    types: &["DurableEntityContext"],
    arguments: &[Argument::text("entity").key("entityName")],
    data: "the operations",
    ..binding("entityTrigger", Flow::Trigger, "an entity")
};

/// `durableClient`.
pub(crate) const DURABLE_CLIENT: Binding = Binding {
    types: &["DurableOrchestrationClient", "DurableClient", "OrchestrationClient"],
    arguments: &[
        Argument::text("task_hub"),
        Argument::text("connection").key("connectionName"),
        Argument::one_of("type", &["durableClient", "orchestrationClient"]),
    ],
    data: "the addresses of the task hub",
    ..binding("durableClient", Flow::Input, "the client of the task hub")
};

/// `queueTrigger`.
pub(crate) const QUEUE_TRIGGER: Binding = Binding {
    types: &["QueueTrigger"],
    new: "queue",
    arguments: &[QUEUE_NAME, CONNECTION],
    // A text that is a JSON object would overwrite the trigger's metadata, and a message that is no UTF-8 would be lost.
    fixed: &[("dataType", "binary")],
    data: "bytes",
    ..binding("queueTrigger", Flow::Trigger, "a message of a storage queue")
};

/// `queue`.
pub(crate) const QUEUE: Binding = Binding {
    types: &["QueueMessage"],
    batch: true,
    arguments: QUEUE_TRIGGER.arguments,
    data: "bytes; several messages as a JSON array",
    ..binding("queue", Flow::Output, "messages of a storage queue")
};

/// `blobTrigger`.
pub(crate) const BLOB_TRIGGER: Binding = Binding {
    types: &["BlobTrigger"],
    new: "blob",
    arguments: &[
        Argument::blob_pattern("path").required().example("uploads/{name}"),
        CONNECTION,
        Argument::one_of("source", &["LogsAndContainerScan", "EventGrid"]),
    ],
    data: "bytes, or a reference",
    ..binding("blobTrigger", Flow::Trigger, "a blob that was written")
};

/// `blob` as an input.
pub(crate) const BLOB_INPUT: Binding = Binding {
    types: &["Blob"],
    arguments: BLOB.arguments,
    // As text, what is no UTF-8 would be garbage, and a byte order mark would be lost.
    fixed: &[("dataType", "binary")],
    data: "bytes, or a reference",
    ..binding("blob", Flow::Input, "the content of a blob")
};

/// `blob` as an output.
pub(crate) const BLOB: Binding = Binding {
    types: &["Blob"],
    arguments: &[Argument::blob_path("path").required(), CONNECTION],
    data: "bytes",
    ..binding("blob", Flow::Output, "a blob that is written")
};

/// `eventGridTrigger`.
pub(crate) const EVENT_GRID_TRIGGER: Binding = Binding {
    types: &["EventGridEvent", "CloudEvent"],
    new: "event-grid",
    batch: true,
    data: "JSON",
    ..binding("eventGridTrigger", Flow::Trigger, "an event of Event Grid")
};

/// `eventGrid`.
pub(crate) const EVENT_GRID: Binding = Binding {
    types: &["EventGridEvent", "CloudEvent"],
    batch: true,
    arguments: &[
        Argument::text("topic_endpoint_uri"),
        Argument::text("topic_key_setting"),
        CONNECTION,
    ],
    choices: &[&["topic_endpoint_uri", "topic_key_setting"], &["connection"]],
    data: "JSON",
    ..binding("eventGrid", Flow::Output, "events for a topic of Event Grid")
};

/// `serviceBusTrigger`.
pub(crate) const SERVICE_BUS_TRIGGER: Binding = Binding {
    types: &["ServiceBusTrigger"],
    new: "service-bus",
    batch: true,
    arguments: &[
        SERVICE_BUS_QUEUE,
        SERVICE_BUS_TOPIC,
        Argument::text("subscription_name"),
        SERVICE_BUS_CONNECTION,
        Argument::flag("is_sessions_enabled"),
        Argument::flag("auto_complete_messages"),
    ],
    choices: &[&["queue_name"], &["topic_name", "subscription_name"]],
    fixed: &[("dataType", "binary")],
    data: "bytes",
    ..binding(
        "serviceBusTrigger",
        Flow::Trigger,
        "a message of a Service Bus queue or subscription",
    )
};

/// `serviceBus`.
pub(crate) const SERVICE_BUS: Binding = Binding {
    types: &["ServiceBusMessage"],
    batch: true,
    arguments: &[SERVICE_BUS_QUEUE, SERVICE_BUS_TOPIC, SERVICE_BUS_CONNECTION],
    choices: &[&["queue_name"], &["topic_name"]],
    data: "bytes; several messages as a JSON array",
    ..binding("serviceBus", Flow::Output, "messages for a Service Bus queue or topic")
};

/// `eventHubTrigger`.
pub(crate) const EVENT_HUB_TRIGGER: Binding = Binding {
    types: &["EventHubTrigger"],
    new: "event-hub",
    batch: true,
    arguments: &[EVENT_HUB_NAME, EVENT_HUB_CONNECTION, Argument::text("consumer_group")],
    fixed: &[("dataType", "binary")],
    data: "bytes",
    ..binding("eventHubTrigger", Flow::Trigger, "an event of an event hub")
};

/// `eventHub`.
pub(crate) const EVENT_HUB: Binding = Binding {
    types: &["EventHubMessage"],
    batch: true,
    arguments: &[EVENT_HUB_NAME, EVENT_HUB_CONNECTION],
    data: "bytes; several events as a JSON array",
    ..binding("eventHub", Flow::Output, "events for an event hub")
};

/// `cosmosDBTrigger`.
pub(crate) const COSMOS_DB_TRIGGER: Binding = Binding {
    types: &["CosmosDbTrigger"],
    new: "cosmos-db",
    arguments: &joined::<17>(
        COSMOS_DB_CONTAINER,
        &[
            Argument::text("lease_connection"),
            Argument::text("lease_database_name"),
            Argument::text("lease_container_name"),
            Argument::text("lease_container_prefix"),
            Argument::flag("create_lease_container_if_not_exists"),
            Argument::integer("leases_container_throughput"),
            Argument::integer("feed_poll_delay"),
            Argument::integer("lease_acquire_interval"),
            Argument::integer("lease_expiration_interval"),
            Argument::integer("lease_renew_interval"),
            Argument::integer("max_items_per_invocation"),
            Argument::flag("start_from_beginning"),
            Argument::text("start_from_time"),
        ],
    ),
    conflicts: &[("start_from_beginning", "start_from_time")],
    data: "a JSON array",
    ..binding(
        "cosmosDBTrigger",
        Flow::Trigger,
        "documents of Cosmos DB that were changed",
    )
};

/// `cosmosDB` as an input.
pub(crate) const COSMOS_DB_INPUT: Binding = Binding {
    types: &["CosmosDbDocument"],
    batch: true,
    arguments: &joined::<7>(
        COSMOS_DB_CONTAINER,
        &[
            Argument::text("id"),
            Argument::text("partition_key"),
            Argument::text("sql_query"),
        ],
    ),
    conflicts: &[("id", "sql_query")],
    data: "a JSON object, or an array",
    ..binding("cosmosDB", Flow::Input, "documents of Cosmos DB")
};

/// `cosmosDB` as an output.
pub(crate) const COSMOS_DB: Binding = Binding {
    types: &["CosmosDbDocument"],
    batch: true,
    arguments: &joined::<7>(
        COSMOS_DB_CONTAINER,
        &[
            Argument::flag("create_if_not_exists"),
            Argument::text("partition_key"),
            Argument::integer("container_throughput"),
        ],
    ),
    data: "a JSON object, or an array",
    ..binding("cosmosDB", Flow::Output, "documents that are written to Cosmos DB")
};

/// `sqlTrigger`.
pub(crate) const SQL_TRIGGER: Binding = Binding {
    types: &["SqlTrigger"],
    new: "sql",
    arguments: &[
        Argument::text("table_name").required().example("dbo.products"),
        SQL_CONNECTION,
        Argument::text("leases_table_name"),
    ],
    data: "a JSON array",
    ..binding("sqlTrigger", Flow::Trigger, "rows of a SQL table that were changed")
};

/// `sql` as an input.
pub(crate) const SQL_INPUT: Binding = Binding {
    types: &["SqlRow"],
    batch: true,
    arguments: &joined::<4>(
        SQL_COMMAND,
        &[
            Argument::one_of("command_type", &["Text", "StoredProcedure"]),
            Argument::text("parameters"),
        ],
    ),
    data: "a JSON array",
    ..binding("sql", Flow::Input, "rows that a SQL query finds")
};

/// `sql` as an output.
pub(crate) const SQL: Binding = Binding {
    types: &["SqlRow"],
    batch: true,
    arguments: SQL_COMMAND,
    data: "a JSON object, or an array",
    ..binding("sql", Flow::Output, "rows that are written to a SQL table")
};

/// `table` as an input.
pub(crate) const TABLE_INPUT: Binding = Binding {
    types: &["TableEntity"],
    batch: true,
    arguments: &[
        TABLE_NAME,
        Argument::text("partition_key"),
        Argument::text("row_key"),
        Argument::text("filter"),
        Argument::integer("take"),
        CONNECTION,
    ],
    conflicts: &[("row_key", "filter"), ("row_key", "take")],
    data: "a JSON object, or an array",
    ..binding("table", Flow::Input, "entities of a storage table")
};

/// `table` as an output. An entity has its keys, so they are no arguments.
pub(crate) const TABLE: Binding = Binding {
    types: &["TableEntity"],
    batch: true,
    arguments: &[TABLE_NAME, CONNECTION],
    data: "a JSON object, or an array",
    ..binding("table", Flow::Output, "entities that are inserted into a storage table")
};

/// `kafkaTrigger`. Without the members for Avro: a host could not give the bytes then.
pub(crate) const KAFKA_TRIGGER: Binding = Binding {
    types: &["KafkaTrigger"],
    new: "kafka",
    batch: true,
    arguments: &joined::<24>(
        KAFKA_BROKERS,
        &[
            Argument::text("consumer_group"),
            Argument::integer("lag_threshold"),
            Argument::text("event_hub_connection_string"),
        ],
    ),
    // As text, the whole record would arrive as JSON, and a value that is no UTF-8 would be garbage.
    fixed: &[("dataType", "binary")],
    data: "bytes",
    ..binding("kafkaTrigger", Flow::Trigger, "a record of a Kafka topic")
};

/// `kafka`.
pub(crate) const KAFKA: Binding = Binding {
    types: &["KafkaMessage"],
    batch: true,
    arguments: &joined::<28>(
        KAFKA_BROKERS,
        &[
            Argument::integer("max_message_bytes"),
            Argument::integer("batch_size"),
            Argument::flag("enable_idempotence"),
            Argument::integer("message_timeout_ms"),
            Argument::integer("request_timeout_ms"),
            Argument::integer("max_retries"),
            Argument::integer("linger_ms"),
        ],
    ),
    data: "text; several records as a JSON array",
    ..binding("kafka", Flow::Output, "records for a Kafka topic")
};

/// `signalRTrigger`.
pub(crate) const SIGNAL_R_TRIGGER: Binding = Binding {
    types: &["SignalRTrigger"],
    new: "signalr",
    arguments: &[
        HUB_NAME,
        Argument::one_of("category", &["messages", "connections"])
            .required()
            .example("messages"),
        Argument::text("event").required().example("say"),
        Argument::text("connection_string_setting"),
        Argument::texts("parameter_names"),
    ],
    data: "a JSON object",
    ..binding(
        "signalRTrigger",
        Flow::Trigger,
        "a message of a client of SignalR Service",
    )
};

/// `signalRConnectionInfo`.
pub(crate) const SIGNAL_R_CONNECTION_INFO: Binding = Binding {
    types: &["SignalRConnectionInfo"],
    arguments: &[
        HUB_NAME,
        Argument::text("user_id"),
        Argument::text("id_token"),
        Argument::texts("claim_type_list"),
        Argument::text("connection_string_setting"),
    ],
    data: "a JSON object",
    ..binding(
        "signalRConnectionInfo",
        Flow::Input,
        "what a client needs to connect to SignalR Service",
    )
};

/// `signalR`.
pub(crate) const SIGNAL_R: Binding = Binding {
    types: &["SignalRMessage", "SignalRGroupAction"],
    batch: true,
    arguments: &[HUB_NAME, Argument::text("connection_string_setting")],
    data: "a JSON object, or an array",
    ..binding(
        "signalR",
        Flow::Output,
        "messages for clients of SignalR Service, and changes of groups",
    )
};

/// `warmupTrigger`.
pub(crate) const WARMUP_TRIGGER: Binding = Binding {
    types: &["WarmupTrigger"],
    new: "warmup",
    data: "nothing",
    ..binding("warmupTrigger", Flow::Trigger, "a new instance of the app")
};

/// `mcpToolTrigger`.
pub(crate) const MCP_TOOL_TRIGGER: Binding = Binding {
    types: &["McpToolTrigger"],
    new: "mcp-tool",
    arguments: &[
        Argument::text("tool_name").required().or(Fallback::FunctionName),
        Argument::text("description").required().or(Fallback::FunctionDocs),
        Argument::text("metadata"),
    ],
    data: "JSON: the arguments and the caller",
    ..binding("mcpToolTrigger", Flow::Trigger, "a call of an MCP tool")
};

/// `mcpResourceTrigger`.
pub(crate) const MCP_RESOURCE_TRIGGER: Binding = Binding {
    types: &["McpResourceTrigger"],
    new: "mcp-resource",
    arguments: &[
        Argument::new("uri", ArgumentKind::ResourceUri)
            .required()
            .example("docs://readme"),
        Argument::text("resource_name").required().or(Fallback::FunctionName),
        Argument::text("title"),
        Argument::text("description").or(Fallback::FunctionDocs),
        Argument::text("mime_type").example("text/plain"),
        Argument::integer("size"),
        Argument::text("metadata"),
    ],
    data: "JSON: the URI and the caller",
    ..binding(
        "mcpResourceTrigger",
        Flow::Trigger,
        "a client that reads an MCP resource",
    )
};

/// `mcpPromptTrigger`.
pub(crate) const MCP_PROMPT_TRIGGER: Binding = Binding {
    types: &["McpPromptTrigger"],
    new: "mcp-prompt",
    arguments: &[
        Argument::text("prompt_name").required().or(Fallback::FunctionName),
        Argument::text("title"),
        Argument::text("description").or(Fallback::FunctionDocs),
        Argument::text("metadata"),
        Argument::text("icons"),
    ],
    data: "JSON: the arguments and the caller",
    ..binding("mcpPromptTrigger", Flow::Trigger, "a client that gets an MCP prompt")
};

/// A trigger of any type.
pub(crate) const GENERIC_TRIGGER: Binding = Binding {
    types: &["GenericTrigger"],
    arguments: &[Argument::new("type", ArgumentKind::TriggerType).required()],
    any_argument: true,
    data: "what the extension sends",
    ..binding("", Flow::Trigger, "any other trigger")
};

/// An input of any type.
pub(crate) const GENERIC_INPUT: Binding = Binding {
    types: &["GenericInput"],
    arguments: &[Argument::new("type", ArgumentKind::BindingType).required()],
    any_argument: true,
    data: "what the extension sends",
    ..binding("", Flow::Input, "any other input")
};

/// An output of any type.
pub(crate) const GENERIC_OUTPUT: Binding = Binding {
    types: &["GenericOutput"],
    arguments: &[Argument::new("type", ArgumentKind::BindingType).required()],
    any_argument: true,
    data: "text, JSON or bytes",
    ..binding("", Flow::Output, "any other output")
};

/// All of them.
pub(crate) const BINDINGS: &[&Binding] = &[
    &HTTP_TRIGGER,
    &HTTP,
    &TIMER_TRIGGER,
    &ORCHESTRATION_TRIGGER,
    &ACTIVITY_TRIGGER,
    &ENTITY_TRIGGER,
    &DURABLE_CLIENT,
    &QUEUE_TRIGGER,
    &QUEUE,
    &BLOB_TRIGGER,
    &BLOB_INPUT,
    &BLOB,
    &EVENT_GRID_TRIGGER,
    &EVENT_GRID,
    &SERVICE_BUS_TRIGGER,
    &SERVICE_BUS,
    &EVENT_HUB_TRIGGER,
    &EVENT_HUB,
    &COSMOS_DB_TRIGGER,
    &COSMOS_DB_INPUT,
    &COSMOS_DB,
    &SQL_TRIGGER,
    &SQL_INPUT,
    &SQL,
    &TABLE_INPUT,
    &TABLE,
    &KAFKA_TRIGGER,
    &KAFKA,
    &SIGNAL_R_TRIGGER,
    &SIGNAL_R_CONNECTION_INFO,
    &SIGNAL_R,
    &WARMUP_TRIGGER,
    &MCP_TOOL_TRIGGER,
    &MCP_RESOURCE_TRIGGER,
    &MCP_PROMPT_TRIGGER,
    &GENERIC_TRIGGER,
    &GENERIC_INPUT,
    &GENERIC_OUTPUT,
];

/// The row of a type, in any case, whose data flows this way.
pub(crate) fn row(type_name: &str, flow: Flow) -> Option<&'static Binding> {
    let mut rows = BINDINGS.iter().copied();
    rows.find(|row| row.flow == flow && row.type_name.eq_ignore_ascii_case(type_name))
}
