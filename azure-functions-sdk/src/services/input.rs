//! What a function gets of an input binding.

use super::{
    binding::Binding,
    blob_pattern,
    data::{Data, Payload},
    mcp_arguments, reference,
};

/// The value of an input: what `given` says that the service holds, which may be nothing. `metadata` gives the texts of the
/// trigger's metadata, for the names in the binding's path, and the JSON of those with the arguments of an MCP call.
///
/// # Errors
/// The real host would give the function something else.
pub(crate) fn input(
    binding: &Binding,
    given: Option<Payload>,
    metadata: impl Fn(&str) -> Option<String>,
) -> Result<Option<Data>, String> {
    if binding.is("blob") && reference::is_deferred(binding) {
        let path = binding.text("path").unwrap_or_default();
        let path = blob_pattern::filled(path, |name| metadata(name).unwrap_or_else(|| format!("{{{name}}}")));
        return Ok(Some(reference::blob(binding, &path)));
    }
    if given.is_none()
        && let Some(argument) = mcp_arguments::input(binding, &metadata)
    {
        return Ok(Some(argument));
    }
    let is_binary = binding.says("dataType", "binary");
    Ok(match given {
        None if is_query(binding) => Some(Data::Text("[]".to_owned())),
        None => None,
        Some(Payload::Text(text)) if is_binary => Some(Data::Bytes(text.into())),
        Some(Payload::Text(text)) => Some(Data::Text(text)),
        Some(Payload::Bytes(bytes)) if is_binary => Some(Data::Bytes(bytes)),
        Some(Payload::Bytes(bytes)) => match String::from_utf8(bytes.into()) {
            Ok(text) => Some(Data::Text(text)),
            Err(_) => {
                return Err(format!(
                    "the value of the input '{}' is not UTF-8: the Functions host would give the function garbage, unless the binding has \
                     the dataType 'binary'",
                    binding.name
                ));
            }
        },
        Some(Payload::Batch(_)) => return Err(format!("the input '{}' is one value, not a batch", binding.name)),
    })
}

/// Whether the binding asks for whatever there is: without anything, it gets an empty list.
fn is_query(binding: &Binding) -> bool {
    let has = |member| binding.attribute(member).is_some_and(|value| !value.is_null());
    match binding.kind.to_ascii_lowercase().as_str() {
        "sql" | "mysql" => true,
        "cosmosdb" => !has("id"),
        "table" => !has("rowKey"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use serde_json::{Value, json};

    fn value(binding: Value, given: Option<Payload>) -> Result<Option<Data>, String> {
        let Value::Object(binding) = binding else {
            panic!("{binding}")
        };
        input(&Binding::read(binding), given, |name| {
            (name == "id").then(|| "17".to_owned())
        })
    }

    #[test]
    fn an_input_without_a_value_is_null_and_a_query_an_empty_list() {
        let nothing = json!({"type": "blob", "name": "note", "path": "notes/{id}"});
        assert_eq!(value(nothing, None), Ok(None));
        let one = json!({"type": "cosmosDB", "name": "order", "id": "{id}"});
        assert_eq!(value(one, None), Ok(None));
        for query in [
            json!({"type": "cosmosDB", "name": "orders", "sqlQuery": "SELECT * FROM c"}),
            json!({"type": "sql", "name": "rows", "commandText": "SELECT 1"}),
            json!({"type": "table", "name": "rows", "tableName": "rows", "partitionKey": "a"}),
        ] {
            assert_eq!(
                value(query.clone(), None),
                Ok(Some(Data::Text("[]".to_owned()))),
                "{query}"
            );
        }
    }

    /// Recorded: `blob.deferred`, `blob-input`.
    #[test]
    fn a_blob_is_bytes_text_or_a_reference_as_its_binding_says() {
        let bytes = || Some(Payload::Bytes(Bytes::from_static(b"\xff")));
        let binary = json!({"type": "blob", "name": "note", "path": "notes/{id}", "dataType": "binary"});
        assert_eq!(
            value(binary, bytes()),
            Ok(Some(Data::Bytes(Bytes::from_static(b"\xff"))))
        );
        let text = json!({"type": "blob", "name": "note", "path": "notes/{id}"});
        assert!(value(text, bytes()).unwrap_err().contains("garbage"));
        let deferred = json!({
            "type": "blob", "name": "note", "path": "notes/{id}.txt", "properties": {"supportsDeferredBinding": "true"}
        });
        let Ok(Some(Data::Reference { source, json })) = value(deferred, None) else {
            panic!("no reference")
        };
        assert_eq!(source, "AzureStorageBlobs");
        assert_eq!(
            serde_json::from_str::<Value>(&json).unwrap(),
            json!({"Connection": "AzureWebJobsStorage", "ContainerName": "notes", "BlobName": "17.txt"})
        );
    }
}
