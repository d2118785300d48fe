//! What the scripted host asks of a worker.

use azure_functions::rpc::{
    InvocationRequest, NullableString, ParameterBinding, RpcHttp, RpcTraceContext, TypedData, nullable_string,
    parameter_binding::RpcData, typed_data::Data,
};
use std::collections::HashMap;

/// The last turn of `rounds`, as the durable extension sent it: 120 activities in 12.5 kB. The output is 66,420.
fn last_turn() -> &'static str {
    let turns = include_str!("../../azure-functions/tests/recorded/protobuf/long_history.tsv");
    turns.lines().last().unwrap().split('\t').nth(1).unwrap()
}

/// A turn of an orchestration. Hosts send its payload a second time, as trigger metadata.
pub(crate) fn turn(id: &str, function_id: &str) -> InvocationRequest {
    let payload = || TypedData {
        data: Some(Data::String(last_turn().to_owned())),
    };
    InvocationRequest {
        invocation_id: id.to_owned(),
        function_id: function_id.to_owned(),
        input_data: vec![ParameterBinding {
            name: "context".to_owned(),
            rpc_data: Some(RpcData::Data(payload())),
        }],
        trigger_metadata: HashMap::from([("context".to_owned(), payload())]),
        ..Default::default()
    }
}

/// A small GET as a host describes it to a worker of our capabilities.
pub(crate) fn get(id: &str, function_id: &str) -> InvocationRequest {
    let text = |value: &str| NullableString {
        string: Some(nullable_string::String::Value(value.to_owned())),
    };
    let headers = [
        ("host", "localhost:7071"),
        ("user-agent", "benchmark/1.0"),
        ("accept", "*/*"),
        ("accept-encoding", "gzip, br"),
    ];
    let http = RpcHttp {
        method: "GET".to_owned(),
        url: "http://localhost:7071/api/hello?name=you".to_owned(),
        nullable_headers: headers.iter().map(|(n, v)| ((*n).to_owned(), text(v))).collect(),
        nullable_query: HashMap::from([("name".to_owned(), text("you"))]),
        ..Default::default()
    };
    let json = |text: &str| TypedData {
        data: Some(Data::Json(text.to_owned())),
    };
    InvocationRequest {
        invocation_id: id.to_owned(),
        function_id: function_id.to_owned(),
        input_data: vec![ParameterBinding {
            name: "request".to_owned(),
            rpc_data: Some(RpcData::Data(TypedData {
                data: Some(Data::Http(Box::new(http))),
            })),
        }],
        trigger_metadata: HashMap::from([
            ("Query".to_owned(), json(r#"{"name":"you"}"#)),
            (
                "Headers".to_owned(),
                json(r#"{"host":"localhost:7071","user-agent":"benchmark/1.0","accept":"*/*"}"#),
            ),
            ("name".to_owned(), json(r#""you""#)),
        ]),
        trace_context: Some(RpcTraceContext {
            trace_parent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    }
}
