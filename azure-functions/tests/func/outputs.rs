//! Several outputs of one function as a struct with named fields.

use super::{answer, bindings, call, call_with, function, http, returned, text, with_body};
use azure_functions::{
    FunctionError, Outputs,
    bindings::{Blob, CosmosDbDocument, HttpRequest, HttpResponse, QueueMessage, QueueTrigger},
    durable::ActivityOutput,
    func,
    http::{HttpError, Json},
    rpc::Data,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    id: String,
}

type Notes = Vec<QueueMessage<String>>;

/// An answer, and what becomes of an order.
#[derive(Outputs)]
struct Accepted {
    #[binding(queue_name = "orders")]
    order: Option<QueueMessage<Json<Order>>>,
    /// Behind an alias.
    #[binding(queue_name = "notes", connection = "Notes")]
    the_notes: Notes,
    response: HttpResponse,
    #[binding(database_name = "shop", container_name = "orders", create_if_not_exists = true)]
    document: CosmosDbDocument<Order>,
}

#[func(name = "acceptOrder")]
fn accept_order(request: HttpRequest, order: Json<Order>) -> Accepted {
    let Json(order) = order;
    let notes = request.query_params().get("notes").cloned().unwrap_or_default();
    Accepted {
        response: "accepted".into(),
        the_notes: notes
            .split_terminator(',')
            .map(|note| QueueMessage(note.to_owned()))
            .collect(),
        document: CosmosDbDocument(Order { id: order.id.clone() }),
        order: (order.id != "test").then_some(QueueMessage(Json(order))),
    }
}

#[test]
fn each_field_of_a_struct_of_outputs_is_a_binding_of_its_name() {
    let all = bindings("acceptOrder");
    assert_eq!(
        all.as_array().unwrap()[1..],
        [
            json!({"name": "order", "type": "queue", "direction": "out", "queueName": "orders"}),
            json!({"name": "theNotes", "type": "queue", "direction": "out", "queueName": "notes", "connection": "Notes"}),
            json!({"name": "$return", "type": "http", "direction": "out"}),
            json!({
                "name": "document", "type": "cosmosDB", "direction": "out", "databaseName": "shop",
                "containerName": "orders", "createIfNotExists": true,
            }),
        ]
    );
    // A part of the request has no binding, so an output may have its name.
    assert_eq!(all[0]["name"], "request");
}

#[test]
fn the_fields_of_a_struct_of_outputs_are_sent_under_their_names_and_the_response_is_returned() {
    let body = with_body(Data::Json(r#"{"id":"7"}"#.to_owned()));
    let outputs = call("acceptOrder", vec![("request", body)]).unwrap();
    let sent: Vec<_> = outputs
        .outputs
        .iter()
        .map(|(name, data)| (name.as_str(), data.data.clone().unwrap()))
        .collect();
    let json = |text: &str| Data::Json(text.to_owned());
    assert_eq!(
        sent,
        [
            ("order", Data::Bytes(r#"{"id":"7"}"#.into())),
            ("theNotes", json("[]")),
            ("document", json(r#"{"id":"7"}"#)),
        ]
    );
    assert_eq!(answer(outputs), ("200".to_owned(), "accepted".to_owned()));
}

#[test]
fn a_field_that_is_none_sends_nothing() {
    let body = with_body(Data::Json(r#"{"id":"test"}"#.to_owned()));
    let outputs = call("acceptOrder", vec![("request", body)]).unwrap();
    assert!(outputs.outputs.iter().all(|(name, _)| name != "order"));
    assert_eq!(outputs.outputs.len(), 2);
}

#[test]
fn a_unit_test_reads_the_fields_of_what_a_function_returned() {
    let request = HttpRequest::build().url("http://localhost/?notes=a,b").finish();
    let accepted = accept_order(request, Json(Order { id: "7".to_owned() }));
    assert_eq!(accepted.response.body(), "accepted");
    assert_eq!(accepted.order, Some(QueueMessage(Json(Order { id: "7".to_owned() }))));
    assert_eq!(accepted.the_notes.len(), 2);
    assert_eq!(accepted.document.0.id, "7");
}

#[test]
fn a_caller_whose_request_cannot_be_read_gets_an_answer_from_a_function_with_a_struct_of_outputs() {
    let body = with_body(Data::Json("{}".to_owned()));
    let outputs = call("acceptOrder", vec![("request", body)]).unwrap();
    assert!(outputs.outputs.is_empty());
    assert_eq!(answer(outputs).0, "400");
}

#[derive(Outputs)]
struct Moved {
    #[binding(path = "done/{id}")]
    copy: Blob<String>,
    #[binding(queue_name = "moved")]
    message: QueueMessage<String>,
}

#[func]
fn move_it(#[binding(queue_name = "move")] order: QueueTrigger<String>) -> Result<Moved, FunctionError> {
    if order.message.is_empty() {
        return Err(FunctionError::new("nothing to move"));
    }
    Ok(Moved {
        message: QueueMessage(order.message.clone()),
        copy: Blob(order.message),
    })
}

#[test]
fn a_struct_of_outputs_may_come_in_a_result() {
    let names: Vec<_> = (function("move_it").bindings)()
        .into_iter()
        .map(|binding| binding["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["order", "copy", "message"]);
    let outputs = call("move_it", vec![("order", text("a"))]).unwrap();
    assert_eq!(outputs.outputs[1].0, "message");
    assert!(outputs.return_value.is_none());
    let error = call("move_it", vec![("order", text(""))]).unwrap_err();
    assert!(error.to_string().contains("nothing to move"), "{error}");
}

#[derive(Outputs)]
struct Charged {
    #[binding(queue_name = "receipts")]
    receipt: QueueMessage<String>,
    result: ActivityOutput<u32>,
}

#[func(activity)]
fn charge_and_tell(amount: u32) -> Charged {
    Charged {
        receipt: QueueMessage(format!("{amount} paid")),
        result: (amount + 1).into(),
    }
}

/// Named an activity, and without a result.
#[func(activity)]
fn only_tell(amount: u32) -> Result<Told, String> {
    match amount {
        0 => Err("nothing".to_owned()),
        amount => Ok(Told {
            receipt: QueueMessage(amount.to_string()),
        }),
    }
}

#[derive(Outputs)]
struct Told {
    #[binding(queue_name = "receipts")]
    receipt: QueueMessage<String>,
}

#[test]
fn an_activity_may_return_its_result_and_other_outputs_as_a_struct() {
    let outputs = call("charge_and_tell", vec![("amount", Data::Json("3".to_owned()))]).unwrap();
    assert_eq!(outputs.outputs[0].0, "receipt");
    assert_eq!(returned(outputs), Some(Data::Json("4".to_owned())));
    let outputs = call("only_tell", vec![("amount", Data::Json("3".to_owned()))]).unwrap();
    assert_eq!(outputs.outputs[0].0, "receipt");
    assert_eq!(returned(outputs), None);
}

#[test]
fn a_caller_of_an_activity_with_a_struct_of_outputs_gets_the_result_by_type() {
    fn output<A: azure_functions::durable::Activity<Input = u32, Output = O>, O>(_: O) {}
    output::<charge_and_tell, u32>(1);
    output::<only_tell, ()>(());
}

/// Refuses with an error that is the answer.
#[func]
fn refuse_order(_request: HttpRequest) -> Result<Refused, HttpError> {
    Err(HttpError::new(409, "closed"))
}

#[derive(Outputs)]
struct Refused {
    response: Json<Order>,
    #[binding(queue_name = "refused")]
    _refused: Option<QueueMessage>,
}

#[test]
fn an_error_that_is_an_answer_is_returned_in_place_of_a_struct_of_outputs() {
    let outputs = call_with("refuse_order", vec![("request", http(|_| {}))], vec![]).unwrap();
    assert_eq!(answer(outputs), ("409".to_owned(), "closed".to_owned()));
    // With a leading underscore, as parameters have it.
    assert_eq!(bindings("refuse_order")[2]["name"], "refused");
    let _ = Refused {
        response: Json(Order { id: String::new() }),
        _refused: None,
    }
    .response;
}

/// Types of the app's own, with the names of others.
mod own {
    use azure_functions::{
        BindingError,
        binding::{Argument, BindingData, BindingSpec, IntoBinding},
    };

    pub(super) struct Value(pub(super) f64);

    impl IntoBinding for Value {
        const SPEC: BindingSpec = BindingSpec::output("mqtt").arguments(&[Argument::text("topic").required()]);

        fn into_binding(self) -> Result<BindingData, BindingError> {
            Ok(BindingData::String(self.0.to_string()))
        }
    }

    pub(super) struct Json(pub(super) &'static str);

    impl IntoBinding for Json {
        const SPEC: BindingSpec = BindingSpec::output("mqtt").arguments(&[Argument::text("topic").required()]);

        fn into_binding(self) -> Result<BindingData, BindingError> {
            Ok(BindingData::Json(self.0.to_owned()))
        }
    }
}

mod measuring {
    use azure_functions::{Outputs, bindings::QueueTrigger, func};

    #[derive(Outputs)]
    struct Measured {
        #[binding(topic = "values")]
        value: Option<super::own::Value>,
        #[binding(topic = "documents")]
        document: super::own::Json,
    }

    #[func]
    fn measure(#[binding(queue_name = "readings")] reading: QueueTrigger<String>) -> Measured {
        Measured {
            value: reading.message.parse().ok().map(super::own::Value),
            document: super::own::Json("{}"),
        }
    }

    #[func]
    #[binding(name = "$return", topic = "documents")]
    fn document(#[binding(queue_name = "documents")] _order: QueueTrigger<String>) -> super::own::Json {
        super::own::Json("[]")
    }
}

#[test]
fn a_type_of_the_apps_own_with_the_name_of_another_goes_by_its_path() {
    let described = |name: &str| {
        (function(name).bindings)()
            .into_iter()
            .skip(1)
            .map(|binding| format!("{} {} {}", binding["name"], binding["type"], binding["topic"]))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        described("measure"),
        [r#""value" "mqtt" "values""#, r#""document" "mqtt" "documents""#]
    );
    assert_eq!(described("document"), [r#""$return" "mqtt" "documents""#]);
}
