//! Documents of Cosmos DB.

use crate::{
    BindingError,
    binding::{
        BindingData, BindingSpec, FromBatch, FromBinding, Input, IntoBatch, IntoBinding, IntoTrigger, TriggerData,
        batch, table,
    },
    http::Json,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// Documents that were made or changed in a container, which start the function.
///
/// Arguments of its binding: `database_name` and `container_name` (required); `connection`, the name of the setting with the connection
/// string or the prefix of identity settings (`CosmosDB` if absent); where leases are kept and how the change feed is read is in the
/// [table of all bindings](crate::guide::bindings). The names are those of version 4 of the extension.
///
/// `T` is a document: any type that serde can read; members that it does not name, such as `_etag`, are left out. A function does not see
/// deletions. If it fails, the documents are lost to it, unless it has a [retry policy](macro@crate::func).
///
/// ```
/// use azure_functions::{bindings::CosmosDbTrigger, func};
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Order {
///     id: String,
/// }
///
/// #[func]
/// fn changed(
///     #[binding(database_name = "shop", container_name = "orders", create_lease_container_if_not_exists = true)]
///     orders: CosmosDbTrigger<Order>,
/// ) {
///     for order in &orders.documents {
///         log::info!("{} changed", order.id);
///     }
/// }
///
/// // A test calls the function.
/// changed(CosmosDbTrigger::new(vec![Order { id: "1".into() }]));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CosmosDbTrigger<T = Value> {
    /// The documents as they are now, in the order of their changes within one partition key.
    pub documents: Vec<T>,
}

impl<T> CosmosDbTrigger<T> {
    /// These documents, for a test that calls a function.
    pub fn new(documents: Vec<T>) -> Self {
        Self { documents }
    }
}

impl<T: DeserializeOwned> FromBinding for CosmosDbTrigger<T> {
    const SPEC: BindingSpec = BindingSpec::of(&table::COSMOS_DB_TRIGGER);

    fn from_binding(mut input: Input<'_>) -> Result<Self, BindingError> {
        let items = batch::items(input.take_data())?;
        let documents = items.iter().map(BindingData::parse).collect::<Result<_, _>>()?;
        Ok(Self { documents })
    }
}

impl<T: Serialize> IntoTrigger for CosmosDbTrigger<T> {
    fn into_trigger(self) -> Result<TriggerData, BindingError> {
        TriggerData::new(Json(self.documents))
    }
}

/// A document of Cosmos DB: an input, or an output.
///
/// Arguments of its binding: `database_name` and `container_name` (required); `connection` as for [`CosmosDbTrigger`]. For an input also
/// `id` with `partition_key`, for one document, or `sql_query`, for those that it finds; texts may hold `{names}` of the trigger's
/// metadata. For an output also `create_if_not_exists`, `partition_key` and `container_throughput`, for a container that is not there.
///
/// As an input, `CosmosDbDocument<T>` is one that exists, `Option<CosmosDbDocument<T>>` one that may be missing, and
/// `Vec<CosmosDbDocument<T>>` those of a query. As an output, a document is written over the one of the same `id`; a `Vec` is
/// several. `T` is any type that serde can read, or write as an object.
///
/// ```
/// use azure_functions::{bindings::{CosmosDbDocument, HttpRequest, HttpResponse}, func, http::Json};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Order {
///     id: String,
///     paid: bool,
/// }
///
/// #[func]
/// #[binding(name = "output1", database_name = "shop", container_name = "orders")]
/// fn pay(
///     #[binding(route = "orders/{id}/payment", methods = "post")] _request: HttpRequest,
///     #[binding(database_name = "shop", container_name = "orders", id = "{id}", partition_key = "{id}")]
///     order: Option<CosmosDbDocument<Order>>,
/// ) -> (HttpResponse, Option<CosmosDbDocument<Order>>) {
///     match order {
///         Some(CosmosDbDocument(order)) => ("paid".into(), Some(CosmosDbDocument(Order { paid: true, ..order }))),
///         None => (HttpResponse::build().status(404).finish(), None),
///     }
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CosmosDbDocument<T = Value>(pub T);

impl<T: DeserializeOwned> FromBinding for CosmosDbDocument<T> {
    const SPEC: BindingSpec = BindingSpec::of(&table::COSMOS_DB_INPUT);

    fn from_binding(mut input: Input<'_>) -> Result<Self, BindingError> {
        one(&input.take_data())?.ok_or_else(|| {
            BindingError::new("there is no such document: take `Option<CosmosDbDocument<..>>` if it need not exist")
        })
    }
}

impl<T: DeserializeOwned> FromBinding for Option<CosmosDbDocument<T>> {
    const SPEC: BindingSpec = BindingSpec::of(&table::COSMOS_DB_INPUT);

    fn from_binding(mut input: Input<'_>) -> Result<Self, BindingError> {
        one(&input.take_data())
    }
}

fn one<T: DeserializeOwned>(data: &BindingData) -> Result<Option<CosmosDbDocument<T>>, BindingError> {
    match data.as_text().as_deref().map(str::trim) {
        None | Some("" | "null") => Ok(None),
        Some(_) => data.parse().map(|document| Some(CosmosDbDocument(document))),
    }
}

impl<T: DeserializeOwned> FromBatch for CosmosDbDocument<T> {
    fn from_batch(mut input: Input<'_>) -> Result<Vec<Self>, BindingError> {
        let items = batch::present(input.take_data())?;
        items.iter().map(|item| item.parse().map(Self)).collect()
    }
}

impl<T: Serialize> IntoBinding for CosmosDbDocument<T> {
    const SPEC: BindingSpec = BindingSpec::of(&table::COSMOS_DB);

    fn into_binding(self) -> Result<BindingData, BindingError> {
        BindingData::json(&self.0)
    }
}

impl<T: Serialize> IntoBatch for CosmosDbDocument<T> {
    fn into_batch(values: Vec<Self>) -> Result<BindingData, BindingError> {
        BindingData::json(&values.iter().map(|document| &document.0).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::shown::shows;
    use crate::{binding::recorded::Recorded, rpc::Data};
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Order {
        id: String,
    }

    // By hand, as the extension 4.x sends it: no Cosmos DB was there to be recorded.
    fn take<T: FromBinding>(data: Data) -> Result<T, BindingError> {
        Recorded::by_hand("documents", data, &[]).take()
    }

    #[test]
    fn changed_documents_are_read_from_text_and_from_json() {
        let text = r#"[{"id":"1","_etag":"x"},{"id":"2"}]"#;
        for data in [Data::String(text.to_owned()), Data::Json(text.to_owned())] {
            let changed: CosmosDbTrigger<Order> = take(data).unwrap();
            assert_eq!(
                changed.documents.iter().map(|order| &*order.id).collect::<Vec<_>>(),
                ["1", "2"]
            );
        }
        let error = take::<CosmosDbTrigger<Order>>(Data::Json(r#"[{"id":1}]"#.to_owned())).unwrap_err();
        assert!(error.to_string().starts_with("id: "), "{error}");
    }

    #[test]
    fn a_document_that_is_missing_is_none_or_an_error() {
        let found = take::<Option<CosmosDbDocument<Order>>>(Data::String(r#"{"id":"1"}"#.to_owned()));
        assert_eq!(found.unwrap().unwrap().0.id, "1");
        for missing in ["", "null"] {
            let none = take::<Option<CosmosDbDocument<Order>>>(Data::String(missing.to_owned()));
            assert_eq!(none.unwrap(), None);
            let error = take::<CosmosDbDocument<Order>>(Data::String(missing.to_owned())).unwrap_err();
            assert!(error.to_string().contains("no such document"), "{error}");
        }
    }

    #[test]
    fn the_documents_of_a_query_are_a_list() {
        let found: Vec<CosmosDbDocument<Order>> = take(Data::Json(r#"[{"id":"1"}]"#.to_owned())).unwrap();
        assert_eq!(found[0].0.id, "1");
        assert!(
            take::<Vec<CosmosDbDocument<Order>>>(Data::Json("[]".to_owned()))
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn a_query_that_finds_nothing_is_an_empty_list_however_the_host_says_so() {
        for nothing in ["null", "", "[]", "[null]"] {
            for data in [Data::Json(nothing.to_owned()), Data::String(nothing.to_owned())] {
                let found = take::<Vec<CosmosDbDocument<Order>>>(data);
                assert_eq!(found.unwrap(), [], "{nothing}");
            }
        }
    }

    #[test]
    fn documents_are_sent_as_json() {
        let order = |id: &str| CosmosDbDocument(Order { id: id.to_owned() });
        let sent = order("1").into_binding().unwrap();
        assert!(matches!(sent, BindingData::Json(json) if json == r#"{"id":"1"}"#));
        let sent = vec![order("1"), order("2")].into_binding().unwrap();
        assert!(matches!(sent, BindingData::Json(json) if json == r#"[{"id":"1"},{"id":"2"}]"#));
    }

    shows!(COSMOS_DB_TRIGGER, Decoding: changed_documents_are_read_from_text_and_from_json);
    shows!(COSMOS_DB_INPUT, Decoding: a_document_that_is_missing_is_none_or_an_error, the_documents_of_a_query_are_a_list);
    shows!(COSMOS_DB, Encoding: documents_are_sent_as_json);
}
