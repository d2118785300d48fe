//! A call in progress: makes the parameters of a function, then takes what it returned.

use crate::{
    BindingError, FunctionError,
    binding::{
        BindingData, FromBinding, Input, Returns, Source,
        signature::{Parameter, RETURN},
    },
    entities::DurableEntityContext,
    http::{Exchange, answer_of},
    invocation::{Invocation, Outputs},
};
use std::error::Error as _;

impl Outputs {
    /// Puts the value of the output of this name.
    ///
    /// # Errors
    /// If it could not be made, or cannot be sent.
    pub fn put(
        &mut self,
        name: &str,
        data: Result<BindingData, BindingError>,
        exchange: &Exchange,
    ) -> Result<(), FunctionError> {
        let data = data.map_err(|error| {
            let text = format!("output `{name}`: {error}");
            FunctionError::with_source(text, error)
        })?;
        if data.is_none() {
            // The host takes a missing output for none; an empty one it may refuse.
        } else if name == RETURN {
            self.return_value = Some(data.into_typed(exchange)?);
        } else {
            self.outputs.push((name.to_owned(), data.into_typed(exchange)?));
        }
        Ok(())
    }
}

/// A call in progress: hands out the parameters, then takes the result.
#[derive(Debug)]
pub struct Call {
    source: Source,
}

/// Why a call ended before the function ran.
#[derive(Debug)]
pub struct Refused {
    function: &'static str,
    parameter: &'static str,
    error: BindingError,
}

impl Call {
    /// Begins a call.
    pub fn new(invocation: Invocation) -> Self {
        Self {
            source: Source::new(invocation),
        }
    }

    /// Begins the run of an entity function for one operation.
    pub(crate) fn of_entity(invocation: Invocation, context: DurableEntityContext) -> Self {
        let mut this = Self::new(invocation);
        this.source.entity = Some(context);
        this
    }

    /// Makes a parameter.
    ///
    /// # Errors
    /// If what the host sent does not fit it.
    pub fn take<T: FromBinding>(&mut self, parameter: &'static Parameter) -> Result<T, Refused> {
        self.take_with(parameter, T::from_binding)
    }

    /// Makes a parameter with this function.
    pub(crate) fn take_with<T>(
        &mut self,
        parameter: &'static Parameter,
        make: impl FnOnce(Input<'_>) -> Result<T, BindingError>,
    ) -> Result<T, Refused> {
        let input = Input {
            source: &mut self.source,
            parameter,
        };
        make(input).map_err(|error| Refused {
            function: self.source.invocation.function,
            parameter: parameter.name,
            error,
        })
    }

    /// Ends a call with what the function returned.
    ///
    /// # Errors
    /// If it returned an error that is no answer to its caller, or something that cannot be sent.
    pub fn finish<R>(self, returns: &Returns<R>, returned: R) -> Result<Outputs, FunctionError> {
        let exchange = self.source.exchange();
        (returns.into_outputs)(returned, &exchange).or_else(|error| {
            if let Some(make) = self.source.error_answer.filter(|_| error.is_returned()) {
                log::warn!("answered with an error: {}", error.with_causes());
                return answer(RETURN, make(&error.to_string()), &exchange);
            }
            let response = error.source().and_then(answer_of);
            let Some((name, response)) = http_output(returns).zip(response) else {
                return Err(error);
            };
            if response.status().is_server_error() {
                log::error!("answered with an error: {}", error.with_causes());
            }
            answer(name, BindingData::Response(response), &exchange)
        })
    }

    /// Ends a call of an activity, with its own error as JSON if it can travel.
    ///
    /// # Errors
    /// As [`finish`](Self::finish).
    pub fn finish_activity<R>(
        self,
        returns: &Returns<R>,
        returned: R,
        own_error: Option<String>,
    ) -> Result<Outputs, FunctionError> {
        (returns.into_outputs)(returned, &self.source.exchange()).map_err(|error| error.with_own_error(own_error))
    }

    /// Ends a call without running the function.
    ///
    /// # Errors
    /// Always, unless it is the mistake of a caller who gets an answer, or what the host sent is not for the function.
    pub fn refuse<R>(self, returns: &Returns<R>, refused: Refused) -> Result<Outputs, FunctionError> {
        if refused.error.is_not_for_the_function() {
            log::debug!("not run: {}", refused.error);
            return Ok(Outputs::default());
        }
        let exchange = self.source.exchange();
        if let Some((make, text)) = self.source.error_answer.zip(refused.error.told_to_the_caller()) {
            // What the caller sent may hold secrets.
            log::warn!(
                "answered with an error: `{}` cannot be made of what the caller sent",
                refused.parameter
            );
            return answer(RETURN, make(text), &exchange);
        }
        match http_output(returns).zip(refused.error.response()) {
            Some((name, response)) => answer(name, BindingData::Response(response), &exchange),
            None => Err(refused.into()),
        }
    }
}

/// Name of the output that is the answer to an HTTP caller, if there is one.
fn http_output<R>(returns: &Returns<R>) -> Option<&'static str> {
    let mut outputs = returns.outputs.iter();
    let output = outputs.find(|output| output.spec.type_name() == "http")?;
    Some(output.name)
}

/// An answer in place of what the function would have returned.
fn answer(name: &str, data: BindingData, exchange: &Exchange) -> Result<Outputs, FunctionError> {
    let mut outputs = Outputs::default();
    outputs.put(name, Ok(data), exchange)?;
    Ok(outputs)
}

impl From<Refused> for FunctionError {
    fn from(refused: Refused) -> Self {
        let Refused {
            function,
            parameter,
            error,
        } = refused;
        let text = format!("function `{function}`: parameter `{parameter}`: {error}");
        Self::with_source(text, error)
    }
}
