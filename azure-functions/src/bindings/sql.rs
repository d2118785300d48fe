//! Rows of SQL databases.

use crate::{
    BindingError,
    binding::{
        BindingData, BindingSpec, FromBatch, FromBinding, Input, IntoBatch, IntoBinding, IntoTrigger, TriggerData,
        batch, table,
    },
    http::Json,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned, de::Error};
use serde_json::Value;

/// Rows of a table that were changed, which start the function.
///
/// Arguments of its binding: `table_name` and `connection_string_setting` (required), `leases_table_name`. The table needs change
/// tracking. `T` is a row: any type that serde can read; of a deleted row only the primary key is known, so that all other members are
/// optional.
///
/// ```
/// use azure_functions::{bindings::{SqlOperation, SqlTrigger}, func};
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Product {
///     id: i64,
///     name: Option<String>,
/// }
///
/// #[func]
/// fn changed(
///     #[binding(table_name = "dbo.products", connection_string_setting = "Sql")] products: SqlTrigger<Product>,
/// ) {
///     for change in &products.changes {
///         if change.operation == SqlOperation::Delete {
///             log::info!("{} is gone", change.item.id);
///         }
///     }
/// }
///
/// // A test calls the function.
/// changed(SqlTrigger::new([(SqlOperation::Delete, Product { id: 1, name: None })]));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SqlTrigger<T = Value> {
    /// The changes.
    pub changes: Vec<SqlChange<T>>,
}

/// A change of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct SqlChange<T> {
    /// What was done.
    pub operation: SqlOperation,
    /// The row as it is now; of a deleted one, its primary key.
    pub item: T,
}

/// What was done to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SqlOperation {
    /// It was made.
    Insert,
    /// It was changed.
    Update,
    /// It was removed.
    Delete,
}

/// The number or the name.
impl<'de> Deserialize<'de> for SqlOperation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        match (value.as_u64(), value.as_str()) {
            (Some(0), _) | (_, Some("Insert")) => Ok(Self::Insert),
            (Some(1), _) | (_, Some("Update")) => Ok(Self::Update),
            (Some(2), _) | (_, Some("Delete")) => Ok(Self::Delete),
            _ => Err(D::Error::custom(format!("{value} is no operation on a row"))),
        }
    }
}

impl<T> SqlTrigger<T> {
    /// These changes, for a test that calls a function.
    pub fn new(changes: impl IntoIterator<Item = (SqlOperation, T)>) -> Self {
        let changes = changes.into_iter();
        Self {
            changes: changes.map(|(operation, item)| SqlChange { operation, item }).collect(),
        }
    }
}

impl<T: DeserializeOwned> FromBinding for SqlTrigger<T> {
    const SPEC: BindingSpec = BindingSpec::of(&table::SQL_TRIGGER);

    fn from_binding(mut input: Input<'_>) -> Result<Self, BindingError> {
        let items = batch::items(input.take_data())?;
        let changes = items.iter().map(BindingData::parse).collect::<Result<_, _>>()?;
        Ok(Self { changes })
    }
}

/// The number.
impl Serialize for SqlOperation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(match self {
            Self::Insert => 0,
            Self::Update => 1,
            Self::Delete => 2,
        })
    }
}

impl<T: Serialize> IntoTrigger for SqlTrigger<T> {
    fn into_trigger(self) -> Result<TriggerData, BindingError> {
        TriggerData::new(Json(self.changes))
    }
}

/// A row of a SQL database: an input, or an output.
///
/// Arguments of its binding: `command_text` and `connection_string_setting` (required). For an input, `command_text` is the query or
/// the name of a stored procedure, `command_type` says which (`"Text"` or `"StoredProcedure"`), and `parameters` gives its parameters,
/// `"@id={id},@name={name}"`; never put values into the query itself. For an output, `command_text` is the name of the table; a row is
/// written over the one with the same primary key.
///
/// As an input, `Vec<SqlRow<T>>` is what the query finds. As an output, `SqlRow<T>` is one row and a `Vec` several. `T` is any type that
/// serde can read, or write as an object.
///
/// ```
/// use azure_functions::{bindings::{HttpRequest, SqlRow}, func, http::Json};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Product {
///     id: i64,
///     name: String,
/// }
///
/// #[func]
/// fn find(
///     #[binding(route = "products/{id}")] _request: HttpRequest,
///     #[binding(
///         command_text = "select id, name from dbo.products where id = @id",
///         parameters = "@id={id}",
///         connection_string_setting = "Sql"
///     )]
///     products: Vec<SqlRow<Product>>,
/// ) -> Json<Vec<Product>> {
///     Json(products.into_iter().map(|product| product.0).collect())
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SqlRow<T = Value>(pub T);

impl<T: DeserializeOwned> FromBinding for SqlRow<T> {
    const SPEC: BindingSpec = BindingSpec::of(&table::SQL_INPUT);

    fn from_binding(input: Input<'_>) -> Result<Self, BindingError> {
        let mut rows = Self::from_batch(input)?.into_iter();
        match (rows.next(), rows.next()) {
            (Some(row), None) => Ok(row),
            (None, _) => Err(BindingError::new("the query finds no row: take `Vec<SqlRow<..>>`")),
            (Some(_), Some(_)) => Err(BindingError::new(
                "the query finds several rows: take `Vec<SqlRow<..>>`",
            )),
        }
    }
}

impl<T: DeserializeOwned> FromBatch for SqlRow<T> {
    fn from_batch(mut input: Input<'_>) -> Result<Vec<Self>, BindingError> {
        let items = batch::items(input.take_data())?;
        items.iter().map(|item| item.parse().map(Self)).collect()
    }
}

impl<T: Serialize> IntoBinding for SqlRow<T> {
    const SPEC: BindingSpec = BindingSpec::of(&table::SQL);

    fn into_binding(self) -> Result<BindingData, BindingError> {
        BindingData::json(&self.0)
    }
}

impl<T: Serialize> IntoBatch for SqlRow<T> {
    fn into_batch(values: Vec<Self>) -> Result<BindingData, BindingError> {
        BindingData::json(&values.iter().map(|row| &row.0).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::shown::shows;
    use crate::{binding::recorded::Recorded, rpc::Data};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Product {
        id: i64,
        name: Option<String>,
    }

    // By hand, as the extension 3.x sends it: no SQL Server was there to be recorded.
    fn take<T: FromBinding>(text: &str) -> Result<T, BindingError> {
        Recorded::by_hand("products", Data::String(text.to_owned()), &[]).take()
    }

    #[test]
    fn changed_rows_are_read_with_what_was_done_to_them() {
        let text = r#"[{"Operation":0,"Item":{"id":1,"name":"a"}},{"Operation":"Delete","Item":{"id":2}}]"#;
        let changed: SqlTrigger<Product> = take(text).unwrap();
        let seen: Vec<_> = changed
            .changes
            .iter()
            .map(|change| (change.operation, change.item.id))
            .collect();
        assert_eq!(seen, [(SqlOperation::Insert, 1), (SqlOperation::Delete, 2)]);
        let error = take::<SqlTrigger<Product>>(r#"[{"Operation":9,"Item":{"id":1}}]"#).unwrap_err();
        assert!(error.to_string().contains("9 is no operation"), "{error}");
    }

    #[test]
    fn the_rows_of_a_query_are_a_list_and_one_row_is_one() {
        let rows: Vec<SqlRow<Product>> = take(r#"[{"id":1},{"id":2}]"#).unwrap();
        let product = |id| Product { id, name: None };
        assert_eq!(rows, [SqlRow(product(1)), SqlRow(product(2))]);
        assert_eq!(take::<SqlRow<Product>>(r#"[{"id":1}]"#).unwrap().0.id, 1);
        for (text, wanted) in [("[]", "no row"), (r#"[{"id":1},{"id":2}]"#, "several rows")] {
            let error = take::<SqlRow<Product>>(text).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }

    #[test]
    fn rows_are_sent_as_json() {
        let row = |id| SqlRow(Product { id, name: None });
        let sent = row(1).into_binding().unwrap();
        assert!(matches!(sent, BindingData::Json(json) if json == r#"{"id":1,"name":null}"#));
        let sent = vec![row(1), row(2)].into_binding().unwrap();
        assert!(matches!(sent, BindingData::Json(json) if json == r#"[{"id":1,"name":null},{"id":2,"name":null}]"#));
    }

    shows!(SQL_TRIGGER, Decoding: changed_rows_are_read_with_what_was_done_to_them);
    shows!(SQL_INPUT, Decoding: the_rows_of_a_query_are_a_list_and_one_row_is_one);
    shows!(SQL, Encoding: rows_are_sent_as_json);
}
