//! How clients of SignalR Service connect.

use crate::{
    BindingError,
    binding::{BindingSpec, FromBinding, Input, table},
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a client needs to connect to SignalR Service: an input. The function that answers a client's `negotiate` request returns it.
///
/// Arguments of its binding: `hub_name` (required), `user_id`, which may hold `{names}` such as `{headers.x-ms-client-principal-id}`;
/// `connection_string_setting` (`AzureSignalRConnectionString` if absent).
///
/// ```
/// use azure_functions::{bindings::{HttpRequest, SignalRConnectionInfo}, func, http::Json};
///
/// #[func]
/// fn negotiate(
///     #[binding(methods = "post")] _request: HttpRequest,
///     #[binding(hub_name = "chat")] info: SignalRConnectionInfo,
/// ) -> Json<SignalRConnectionInfo> {
///     Json(info)
/// }
///
/// // A test calls the function.
/// let info = SignalRConnectionInfo::new("https://example.com/client/?hub=chat", "token");
/// assert_eq!(negotiate(HttpRequest::build().finish(), info).0.access_token, "token");
/// ```
///
/// Source: `SignalRConnectionInfo` of the extension, `NegotiationBaseAttribute` for the arguments.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SignalRConnectionInfo {
    /// Address of the service.
    pub url: String,
    /// The token that the client shows there: a secret.
    pub access_token: String,
}

/// Without the token.
impl fmt::Debug for SignalRConnectionInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignalRConnectionInfo")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl SignalRConnectionInfo {
    /// Address and token, for a test that calls a function.
    pub fn new(url: impl Into<String>, access_token: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            access_token: access_token.into(),
        }
    }
}

impl FromBinding for SignalRConnectionInfo {
    const SPEC: BindingSpec = BindingSpec::of(&table::SIGNAL_R_CONNECTION_INFO);

    fn from_binding(mut input: Input<'_>) -> Result<Self, BindingError> {
        input.take_data().parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{binding::recorded::Recorded, bindings::shown::shows, rpc::Data};

    #[test]
    fn what_a_client_needs_to_connect_is_read_and_written_in_the_words_of_signal_r() {
        let text = r#"{"url":"https://x/client/?hub=chat","accessToken":"t"}"#;
        let recorded = Recorded::by_hand("info", Data::Json(text.to_owned()), &[]);
        let info: SignalRConnectionInfo = recorded.take().unwrap();
        assert_eq!(info, SignalRConnectionInfo::new("https://x/client/?hub=chat", "t"));
        assert_eq!(serde_json::to_string(&info).unwrap(), text);
        assert!(!format!("{info:?}").contains("\"t\""), "{info:?}");
        // Of older versions of the host's data: text.
        let recorded = Recorded::by_hand("info", Data::String(text.to_owned()), &[]);
        assert_eq!(recorded.take::<SignalRConnectionInfo>().unwrap(), info);
    }

    shows!(SIGNAL_R_CONNECTION_INFO, Decoding: what_a_client_needs_to_connect_is_read_and_written_in_the_words_of_signal_r);
}
