//! The types of HTTP as parameters and outputs.

use crate::{
    BindingError,
    binding::{BindingData, BindingSpec, FromBinding, Input, IntoBinding, table},
    http::{Form, HttpRequest, HttpResponse, Json, Route},
};
use serde::{Serialize, de::DeserializeOwned};
use std::{fmt, str::FromStr};

/// What `#[binding(...)]` takes on the trigger of an HTTP function.
pub(super) const HTTP_TRIGGER: BindingSpec = BindingSpec::of(&table::HTTP_TRIGGER);

impl FromBinding for HttpRequest {
    const SPEC: BindingSpec = HTTP_TRIGGER;

    fn from_binding(mut input: Input<'_>) -> Result<Self, BindingError> {
        input.request()
    }
}

impl IntoBinding for HttpResponse {
    const SPEC: BindingSpec = BindingSpec::of(&table::HTTP);

    fn into_binding(self) -> Result<BindingData, BindingError> {
        Ok(BindingData::Response(self))
    }
}

impl<T: DeserializeOwned> FromBinding for Form<T> {
    const SPEC: BindingSpec = HTTP_TRIGGER.or_part();

    fn from_binding(mut input: Input<'_>) -> Result<Self, BindingError> {
        input.request()?.form().map(Self)
    }
}

impl<T: DeserializeOwned> FromBinding for Json<T> {
    const SPEC: BindingSpec = HTTP_TRIGGER.or_part();

    fn from_binding(mut input: Input<'_>) -> Result<Self, BindingError> {
        input.request()?.json().map(Self)
    }
}

impl<T: Serialize> IntoBinding for Json<T> {
    const SPEC: BindingSpec = HttpResponse::SPEC;

    fn into_binding(self) -> Result<BindingData, BindingError> {
        HttpResponse::json(&self.0).map(BindingData::Response)
    }
}

impl<T> FromBinding for Route<T>
where
    T: FromStr,
    T::Err: fmt::Display,
{
    const SPEC: BindingSpec = BindingSpec::part();

    fn from_binding(mut input: Input<'_>) -> Result<Self, BindingError> {
        input
            .request()?
            .route_param(input.parameter().trim_start_matches('_'))
            .map(Self)
    }
}
