//! Entities of Azure Tables.

use crate::{
    BindingError,
    binding::{BindingData, BindingSpec, FromBatch, FromBinding, Input, IntoBatch, IntoBinding, batch, table},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// An entity of a table, of Azure Storage or Cosmos DB: an input, or an output.
///
/// Arguments of its binding: `table_name` (required), `connection`. For an input also `partition_key` and `row_key`, for one entity; or
/// `partition_key`, `filter` (an OData filter, such as `"Price gt 10"`) and `take` (how many at most), for several. Texts may hold
/// `{names}` of the trigger's metadata.
///
/// As an input, `TableEntity<T>` is one that exists, `Option<TableEntity<T>>` one that may be missing, and `Vec<TableEntity<T>>` those that
/// are found. As an output, an entity is inserted: where there is one with the same keys already, the invocation fails. A `Vec` is several.
/// `T` is the properties: any type that serde can read, or write as an object.
///
/// ```
/// use azure_functions::{Outputs, bindings::{HttpRequest, HttpResponse, TableEntity}, func};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Price {
///     cents: i32,
/// }
///
/// #[derive(Outputs)]
/// struct Quoted {
///     response: HttpResponse,
///     #[binding(table_name = "quotes")]
///     quote: Option<TableEntity<Price>>,
/// }
///
/// #[func]
/// fn quote(
///     #[binding(route = "prices/{item}")] _request: HttpRequest,
///     #[binding(table_name = "prices", partition_key = "current", row_key = "{item}")]
///     price: Option<TableEntity<Price>>,
/// ) -> Quoted {
///     match price {
///         Some(price) => Quoted {
///             response: format!("{} cents", price.properties.cents).into(),
///             quote: Some(TableEntity::new("quotes", price.row_key, price.properties)),
///         },
///         None => Quoted { response: HttpResponse::build().status(404).finish(), quote: None },
///     }
/// }
///
/// // A test calls the function.
/// let price = TableEntity::new("current", "tea", Price { cents: 250 });
/// assert_eq!(quote(HttpRequest::build().finish(), Some(price)).response.body(), "250 cents");
/// ```
///
/// What a host does with properties: whole numbers are 32 bits wide (a larger one fails the invocation: write it as text), an object or a
/// list is stored as its JSON text, and `null` as an empty text. `Timestamp` and `ETag` do not arrive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableEntity<T = Map<String, Value>> {
    /// What decides where it is stored; unique together with the row key.
    pub partition_key: String,
    /// What it is known by in its partition.
    pub row_key: String,
    /// The other properties.
    pub properties: T,
}

impl<T> TableEntity<T> {
    /// An entity with these keys.
    pub fn new(partition_key: impl Into<String>, row_key: impl Into<String>, properties: T) -> Self {
        Self {
            partition_key: partition_key.into(),
            row_key: row_key.into(),
            properties,
        }
    }
}

const PARTITION_KEY: &str = "PartitionKey";
const ROW_KEY: &str = "RowKey";

impl<T: DeserializeOwned> TableEntity<T> {
    fn read(data: &BindingData) -> Result<Self, BindingError> {
        let mut members: Map<String, Value> = data.parse()?;
        let mut key = |name: &str| match members.remove(name) {
            Some(Value::String(key)) => Ok(key),
            _ => Err(BindingError::new(format!("the entity has no `{name}`"))),
        };
        let (partition_key, row_key) = (key(PARTITION_KEY)?, key(ROW_KEY)?);
        Ok(Self {
            partition_key,
            row_key,
            properties: BindingData::json(&members)?.parse()?,
        })
    }

    /// The entity, if there is one.
    fn one(data: &BindingData) -> Result<Option<Self>, BindingError> {
        match data.as_text().as_deref().map(str::trim) {
            None | Some("" | "null") => Ok(None),
            Some(text) if text.starts_with('[') => Err(BindingError::new(
                "a list of entities arrives: take a `Vec<TableEntity<..>>`, or give the binding a `partition_key` and a `row_key`",
            )),
            Some(_) => Self::read(data).map(Some),
        }
    }
}

impl<T: DeserializeOwned> FromBinding for TableEntity<T> {
    const SPEC: BindingSpec = BindingSpec::of(&table::TABLE_INPUT);

    fn from_binding(mut input: Input<'_>) -> Result<Self, BindingError> {
        Self::one(&input.take_data())?.ok_or_else(|| {
            BindingError::new("there is no such entity: take `Option<TableEntity<..>>` if it need not exist")
        })
    }
}

impl<T: DeserializeOwned> FromBinding for Option<TableEntity<T>> {
    const SPEC: BindingSpec = BindingSpec::of(&table::TABLE_INPUT);

    fn from_binding(mut input: Input<'_>) -> Result<Self, BindingError> {
        TableEntity::one(&input.take_data())
    }
}

impl<T: DeserializeOwned> FromBatch for TableEntity<T> {
    fn from_batch(mut input: Input<'_>) -> Result<Vec<Self>, BindingError> {
        batch::present(input.take_data())?.iter().map(Self::read).collect()
    }
}

impl<T: Serialize> TableEntity<T> {
    fn write(&self) -> Result<Map<String, Value>, BindingError> {
        let Value::Object(properties) = BindingData::json(&self.properties)?.parse()? else {
            return Err(BindingError::new(
                "the properties of an entity are the members of an object: put the value into a struct or a map",
            ));
        };
        let of_keys = |name: &String| {
            [PARTITION_KEY, ROW_KEY]
                .iter()
                .any(|key| key.eq_ignore_ascii_case(name))
        };
        if let Some(name) = properties.keys().find(|name| of_keys(name)) {
            return Err(BindingError::new(format!(
                "a property of the entity is called `{name}`, as one of its keys is: rename it"
            )));
        }
        let keys = [(PARTITION_KEY, &self.partition_key), (ROW_KEY, &self.row_key)];
        let keys = keys.map(|(name, key)| (name.to_owned(), Value::from(key.as_str())));
        Ok(keys.into_iter().chain(properties).collect())
    }
}

impl<T: Serialize> IntoBinding for TableEntity<T> {
    const SPEC: BindingSpec = BindingSpec::of(&table::TABLE);

    fn into_binding(self) -> Result<BindingData, BindingError> {
        BindingData::json(&self.write()?)
    }
}

impl<T: Serialize> IntoBatch for TableEntity<T> {
    fn into_batch(values: Vec<Self>) -> Result<BindingData, BindingError> {
        let entities = values.iter().map(Self::write).collect::<Result<Vec<_>, _>>()?;
        BindingData::json(&entities)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::shown::shows;
    use crate::{binding::recorded::Recorded, rpc::Data};
    use chrono::{DateTime, Utc};
    use serde::Deserialize;
    use serde_json::json;

    const RECORDED: &str = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/recorded/triggers/table_input.jsonl"
    ));

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Properties {
        text: String,
        i: i32,
        f: f64,
        t: bool,
        d: DateTime<Utc>,
    }

    #[test]
    fn an_entity_is_its_keys_and_its_properties() {
        let recorded = Recorded::named(RECORDED, "table-input-storage4.one");
        let entity: TableEntity<Properties> = recorded.take().unwrap();
        assert_eq!((&*entity.partition_key, &*entity.row_key), ("p", "json"));
        let Properties { text, i, f, t, d } = entity.properties;
        assert_eq!((&*text, i, f, t), ("ü", 1, 1.5, true));
        assert_eq!(d.to_rfc3339(), "2026-01-02T03:04:05+00:00");
        let untyped: TableEntity = recorded.take().unwrap();
        assert_eq!(untyped.properties["n"], "", "null, as the table has it");
        assert!(!untyped.properties.contains_key("PartitionKey"));
    }

    #[test]
    fn the_entities_of_a_partition_of_a_filter_and_of_a_number_are_lists() {
        for (name, rows) in [
            ("part", &["a1", "a2", "big", "json", "lower", "string"][..]),
            ("filter", &["json"]),
            ("take", &["x"]),
            ("badfilter", &[]),
        ] {
            let recorded = Recorded::named(RECORDED, &format!("table-input-storage4.{name}"));
            let entities: Vec<TableEntity> = recorded.take().unwrap();
            let found: Vec<_> = entities.iter().map(|entity| &*entity.row_key).collect();
            assert_eq!(found, rows, "{name}");
            let error = recorded.take::<TableEntity>().unwrap_err().to_string();
            assert!(error.contains("take a `Vec<TableEntity<..>>`"), "{name}: {error}");
        }
    }

    #[test]
    fn an_entity_that_is_missing_is_none_or_an_error() {
        // By hand: what was recorded has none.
        let missing = Recorded::by_hand("t", Data::Json("null".to_owned()), &[]);
        assert_eq!(missing.take::<Option<TableEntity>>().unwrap(), None);
        let error = missing.take::<TableEntity>().unwrap_err().to_string();
        assert!(error.contains("no such entity"), "{error}");
        assert!(missing.take::<Vec<TableEntity>>().unwrap().is_empty());
    }

    #[test]
    fn entities_are_sent_as_json_with_their_keys() {
        let entity = |row: &str| TableEntity::new("p", row, json!({"cents": 250, "of": null}));
        let sent = entity("tea").into_binding().unwrap();
        let wanted = r#"{"PartitionKey":"p","RowKey":"tea","cents":250,"of":null}"#;
        assert!(matches!(&sent, BindingData::Json(json) if json == wanted), "{sent:?}");
        let sent = vec![entity("tea"), entity("milk")].into_binding().unwrap();
        assert!(
            matches!(&sent, BindingData::Json(json) if json == &format!("[{wanted},{}]", wanted.replace("tea", "milk")))
        );
    }

    #[test]
    fn properties_that_are_no_object_or_hide_a_key_are_an_error() {
        let error = TableEntity::new("p", "r", 3).into_binding().unwrap_err().to_string();
        assert!(error.contains("put the value into a struct"), "{error}");
        let error = TableEntity::new("p", "r", json!({"rowKey": "x"}))
            .into_binding()
            .unwrap_err();
        assert!(error.to_string().contains("`rowKey`"), "{error}");
    }

    shows!(TABLE_INPUT, Decoding: an_entity_is_its_keys_and_its_properties, the_entities_of_a_partition_of_a_filter_and_of_a_number_are_lists);
    shows!(TABLE, Encoding: entities_are_sent_as_json_with_their_keys);
}
