//! What orchestrations and activities return.

use serde::Serialize;
use serde_json::{Map, Value};

/// The output of an orchestration.
///
/// It is made from text, numbers, flags, `()`, JSON values, options and lists of them with `into()` or `collect()`, and
/// from any type that serde can write with [`new`](Self::new).
///
/// `T` is what it holds, any JSON unless you say otherwise: an `OrchestrationOutput<Receipt>` is made from a `Receipt` with `into()`.
///
/// ```
/// use azure_functions::durable::OrchestrationOutput;
/// use serde_json::json;
///
/// let output: OrchestrationOutput = vec!["Hello Tokyo!", "Hello London!"].into();
/// assert_eq!(output.into_value(), json!(["Hello Tokyo!", "Hello London!"]));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OrchestrationOutput<T = Value>(T);

/// The output of an activity. A JSON object whose first member is named `$type` arrives without it: see [values](super#values).
///
/// It is made from text, numbers, flags, `()`, JSON values, options and lists of them with `into()` or `collect()`, and
/// from any type that serde can write with [`new`](Self::new).
///
/// `T` is what it holds, any JSON unless you say otherwise: an `ActivityOutput<Receipt>` is made from a `Receipt` with `into()`.
///
/// ```
/// use azure_functions::durable::ActivityOutput;
/// use serde_json::json;
///
/// let output: ActivityOutput = "Hello Tokyo!".into();
/// assert_eq!(output.into_value(), json!("Hello Tokyo!"));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ActivityOutput<T = Value>(T);

macro_rules! output {
    ($output:ident) => {
        impl $output {
            /// The output of a type that serde can write.
            ///
            /// # Errors
            /// If the value cannot be written as JSON, say a map whose keys are not text.
            pub fn new<T: Serialize>(value: T) -> Result<Self, serde_json::Error> {
                serde_json::to_value(value).map(Self)
            }

            /// The output as JSON.
            pub fn into_value(self) -> Value {
                self.0
            }

            /// The output as JSON.
            pub fn as_value(&self) -> &Value {
                &self.0
            }
        }

        impl<T> $output<T> {
            /// What it holds.
            pub fn into_inner(self) -> T {
                self.0
            }

            /// What it holds.
            pub fn get(&self) -> &T {
                &self.0
            }
        }

        impl<T> From<T> for $output<T> {
            fn from(value: T) -> Self {
                Self(value)
            }
        }

        impl From<&str> for $output<String> {
            fn from(value: &str) -> Self {
                Self(value.to_owned())
            }
        }

        impl<T> FromIterator<T> for $output<Vec<T>> {
            fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
                Self(values.into_iter().collect())
            }
        }

        output!($output: String, &str, std::borrow::Cow<'_, str>, bool, Map<String, Value>);
        output!($output: i8, i16, i32, i64, isize, u8, u16, u32, u64, usize, f32, f64);

        impl From<&Value> for $output {
            fn from(value: &Value) -> Self {
                Self(value.clone())
            }
        }

        impl From<&String> for $output {
            fn from(value: &String) -> Self {
                Self(value.as_str().into())
            }
        }

        impl From<()> for $output {
            fn from((): ()) -> Self {
                Self(Value::Null)
            }
        }

        impl<T: Into<Value>> From<Option<T>> for $output {
            fn from(value: Option<T>) -> Self {
                Self(value.map_or(Value::Null, Into::into))
            }
        }

        impl<T: Into<Value>> From<Vec<T>> for $output {
            fn from(values: Vec<T>) -> Self {
                Self(values.into())
            }
        }

        impl<T: Into<Value>, const N: usize> From<[T; N]> for $output {
            fn from(values: [T; N]) -> Self {
                Self(values.into())
            }
        }

        impl<T: Into<Value>> FromIterator<T> for $output {
            fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
                Self(values.into_iter().collect())
            }
        }
    };
    ($output:ident: $($value:ty),+) => {$(
        impl From<$value> for $output {
            fn from(value: $value) -> Self {
                Self(value.into())
            }
        }
    )+};
}

output!(OrchestrationOutput);
output!(ActivityOutput);

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_kind_of_value_becomes_its_json() {
        assert_eq!(ActivityOutput::from("a").into_value(), json!("a"));
        assert_eq!(ActivityOutput::from(String::from("a")).into_value(), json!("a"));
        assert_eq!(ActivityOutput::from(json!({"a": 1})).into_value(), json!({"a": 1}));
        assert_eq!(ActivityOutput::from(()).into_value(), Value::Null);
        assert_eq!(ActivityOutput::from(true).into_value(), json!(true));
        assert_eq!(ActivityOutput::from(-3).into_value(), json!(-3));
        assert_eq!(ActivityOutput::from(0.5).into_value(), json!(0.5));
        assert_eq!(ActivityOutput::from(None::<i64>).into_value(), Value::Null);
        assert_eq!(OrchestrationOutput::from(vec![1, 2]).into_value(), json!([1, 2]));
        assert_eq!(OrchestrationOutput::from_iter([json!(1)]).into_value(), json!([1]));
        assert_eq!(
            OrchestrationOutput::new((1, "b")).unwrap().into_value(),
            json!([1, "b"])
        );
    }
}
