//! What functions take of the app itself, as parameters.

use crate::{
    BindingError,
    binding::{BindingSpec, FromBinding, Input},
    config::Config,
    state::{Lack, Need, State},
};
use serde::de::DeserializeOwned;
use std::{
    any::{TypeId, type_name},
    sync::Arc,
};

impl<T: Send + Sync + 'static> FromBinding for State<T> {
    const SPEC: BindingSpec = BindingSpec::shared(&Need {
        type_id: TypeId::of::<T>,
        load: |states| match states.holds(TypeId::of::<T>()) {
            true => Ok(None),
            false => Err(Lack::State(type_name::<T>())),
        },
    });

    fn from_binding(input: Input<'_>) -> Result<Self, BindingError> {
        input.states().get::<T>().ok_or_else(|| {
            BindingError::new(format!(
                "the app has no state `{}`: give it with `.state(..)` or `.setup(..)` of `azure_functions::app()`",
                type_name::<T>()
            ))
        })
    }
}

impl<T: DeserializeOwned + Send + Sync + 'static> FromBinding for Config<T> {
    const SPEC: BindingSpec = BindingSpec::shared(&Need {
        type_id: TypeId::of::<Self>,
        load: |states| match states.holds(TypeId::of::<Self>()) {
            true => Ok(None),
            false => match Self::load() {
                Ok(settings) => Ok(Some(Arc::new(settings))),
                Err(error) => Err(Lack::Settings(error)),
            },
        },
    });

    fn from_binding(input: Input<'_>) -> Result<Self, BindingError> {
        match input.states().get::<Self>() {
            Some(settings) => Ok(Self::clone(&settings)),
            None => Self::load().map_err(|error| BindingError::with_source(error.to_string(), error)),
        }
    }
}
