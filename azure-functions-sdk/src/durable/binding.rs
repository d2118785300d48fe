//! What a worker is given for a `durableClient` or `orchestrationClient` binding: one JSON text that tells a client
//! where the task hub's HTTP API is.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use std::fmt;

/// Addresses and names that go into the binding data.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BindingUrls {
    /// Public webhook base, such as `http://localhost:7071/runtime/webhooks/durabletask`.
    pub webhook: String,
    /// Base of the loopback listener; the trailing slash that clients rely on is added where it lacks.
    pub rpc: Option<String>,
    /// Address of the gRPC listener, and the secret that its callers have to show.
    pub grpc: Option<(String, String)>,
    /// `taskHub` of the binding, where it names another hub than the configured one.
    pub task_hub: Option<String>,
    /// `connectionName` of the binding, where it names one.
    pub connection: Option<String>,
    /// Key for the webhook; goes into the URLs as it is.
    pub code: Option<String>,
}

/// Without the secret and the key.
impl fmt::Debug for BindingUrls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BindingUrls")
            .field("webhook", &self.webhook)
            .field("rpc", &self.rpc)
            .field("grpc", &self.grpc.as_ref().map(|(address, _)| address))
            .field("task_hub", &self.task_hub)
            .field("connection", &self.connection)
            .finish_non_exhaustive()
    }
}

impl BindingUrls {
    /// Addresses without a loopback listener, names or key.
    #[must_use]
    pub fn new(webhook: impl Into<String>) -> Self {
        Self {
            webhook: webhook.into(),
            ..Self::default()
        }
    }

    /// Sets the base of the loopback listener.
    #[must_use]
    pub fn rpc(mut self, base: impl Into<String>) -> Self {
        self.rpc = Some(base.into());
        self
    }

    /// Sets the address of the gRPC listener, and the secret that its callers have to show.
    #[must_use]
    pub fn grpc(mut self, address: impl Into<String>, secret: impl Into<String>) -> Self {
        self.grpc = Some((address.into(), secret.into()));
        self
    }

    /// Sets the task hub that the binding names.
    #[must_use]
    pub fn task_hub(mut self, name: impl Into<String>) -> Self {
        self.task_hub = Some(name.into());
        self
    }

    /// Sets the connection that the binding names.
    #[must_use]
    pub fn connection(mut self, name: impl Into<String>) -> Self {
        self.connection = Some(name.into());
        self
    }

    /// Sets the key for the webhook.
    #[must_use]
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }
}

/// Where the management URLs of one instance point.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UrlBase<'a> {
    pub(crate) webhook: &'a str,
    pub(crate) task_hub: &'a str,
    pub(crate) connection: &'a str,
    pub(crate) code: Option<&'a str>,
}

/// The URLs to manage one instance, as clients of all languages know them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ManagementUrls {
    id: String,
    pub(crate) status_query_get_uri: String,
    send_event_post_uri: String,
    terminate_post_uri: String,
    /// In the binding only: the server's own 202 lacks it.
    #[serde(skip_serializing_if = "Option::is_none")]
    rewind_post_uri: Option<String>,
    purge_history_delete_uri: String,
    restart_post_uri: String,
    suspend_post_uri: String,
    resume_post_uri: String,
}

impl UrlBase<'_> {
    /// URLs of an instance; `in_path` is its id as it stands in a URL.
    pub(crate) fn management(&self, id: &str, in_path: &str, rewind: bool) -> ManagementUrls {
        let url = |operation: &str, query: &str| {
            let Self {
                webhook,
                task_hub,
                connection,
                ..
            } = self;
            // A client may name any connection.
            let connection = utf8_percent_encode(connection, NON_ALPHANUMERIC);
            let mut url =
                format!("{webhook}/instances/{in_path}{operation}?{query}taskHub={task_hub}&connection={connection}");
            self.append_code(&mut url, '&');
            url
        };
        let with_reason = |operation: &str| url(operation, "reason={text}&");
        ManagementUrls {
            id: id.to_owned(),
            status_query_get_uri: url("", ""),
            send_event_post_uri: url("/raiseEvent/{eventName}", ""),
            terminate_post_uri: with_reason("/terminate"),
            rewind_post_uri: rewind.then(|| with_reason("/rewind")),
            purge_history_delete_uri: url("", ""),
            restart_post_uri: url("/restart", ""),
            suspend_post_uri: with_reason("/suspend"),
            resume_post_uri: with_reason("/resume"),
        }
    }

    fn append_code(&self, url: &mut String, separator: char) {
        if let Some(code) = self.code {
            url.push(separator);
            url.push_str("code=");
            url.push_str(code);
        }
    }
}

/// The JSON text of the binding data.
pub(crate) fn client_binding(urls: &BindingUrls, task_hub: &str, connection: &str) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Binding<'a> {
        task_hub_name: &'a str,
        connection_name: &'a str,
        creation_urls: CreationUrls,
        management_urls: ManagementUrls,
        base_url: &'a str,
        required_query_string_parameters: String,
        rpc_base_url: Option<String>,
        http_base_url: &'a str,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct CreationUrls {
        create_new_instance_post_uri: String,
        create_and_wait_on_new_instance_post_uri: String,
    }

    let webhook = urls.webhook.trim_end_matches('/');
    let base = UrlBase {
        webhook,
        task_hub: urls.task_hub.as_deref().unwrap_or(task_hub),
        connection: urls.connection.as_deref().unwrap_or(connection),
        code: urls.code.as_deref(),
    };
    let mut create = format!("{webhook}/orchestrators/{{functionName}}[/{{instanceId}}]");
    let mut create_and_wait = format!("{create}?timeout={{timeoutInSeconds}}&pollingInterval={{intervalInSeconds}}");
    base.append_code(&mut create, '?');
    base.append_code(&mut create_and_wait, '&');
    let binding = Binding {
        task_hub_name: base.task_hub,
        connection_name: base.connection,
        creation_urls: CreationUrls {
            create_new_instance_post_uri: create,
            create_and_wait_on_new_instance_post_uri: create_and_wait,
        },
        management_urls: base.management("INSTANCEID", "INSTANCEID", true),
        base_url: webhook,
        required_query_string_parameters: base.code.map(|code| format!("code={code}")).unwrap_or_default(),
        rpc_base_url: urls.rpc.as_deref().map(|rpc| format!("{}/", rpc.trim_end_matches('/'))),
        http_base_url: webhook,
    };
    // Strings under fixed names always serialise.
    serde_json::to_string(&binding).unwrap_or_default()
}

/// The JSON text of the binding data for clients that speak gRPC. The listener's secret stands in it as the name of the
/// connection, behind the one that the binding names, if it does.
pub(crate) fn grpc_client_binding(urls: &BindingUrls, task_hub: &str) -> String {
    /// Members in the order of the extension. URLs are the client's business.
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Binding<'a> {
        task_hub_name: &'a str,
        connection_name: Option<String>,
        creation_urls: (),
        management_urls: (),
        base_url: (),
        required_query_string_parameters: String,
        rpc_base_url: Option<&'a str>,
        http_base_url: &'a str,
        use_forwarded_host: bool,
        max_grpc_message_size_in_bytes: u32,
        /// JSON in a text.
        grpc_http_client_timeout: &'static str,
    }
    let secret = urls.grpc.as_ref().map(|(_, secret)| secret);
    let binding = Binding {
        task_hub_name: urls.task_hub.as_deref().unwrap_or(task_hub),
        connection_name: match (&urls.connection, secret) {
            (Some(connection), Some(secret)) => Some(format!("{connection}/{secret}")),
            (connection, secret) => secret.or(connection.as_ref()).cloned(),
        },
        creation_urls: (),
        management_urls: (),
        base_url: (),
        required_query_string_parameters: urls
            .code
            .as_deref()
            .map(|code| format!("code={code}"))
            .unwrap_or_default(),
        rpc_base_url: urls.grpc.as_ref().map(|(address, _)| address.as_str()),
        http_base_url: urls.webhook.trim_end_matches('/'),
        use_forwarded_host: false,
        max_grpc_message_size_in_bytes: 4 * 1024 * 1024,
        grpc_http_client_timeout: "\"00:01:40\"",
    };
    // Strings and numbers under fixed names always serialise.
    serde_json::to_string(&binding).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binding_data_has_the_shim_fields_in_order() {
        let urls = BindingUrls::new("http://localhost:7071/runtime/webhooks/durabletask")
            .rpc("http://127.0.0.1:17071/durabletask")
            .code("k");
        let base = "http://localhost:7071/runtime/webhooks/durabletask";
        let query = "taskHub=MyHub&connection=Storage&code=k";
        let instance = format!("{base}/instances/INSTANCEID");
        let expected = format!(
            r#"{{"taskHubName":"MyHub","connectionName":"Storage","creationUrls":{{"createNewInstancePostUri":"{base}/orchestrators/{{functionName}}[/{{instanceId}}]?code=k","createAndWaitOnNewInstancePostUri":"{base}/orchestrators/{{functionName}}[/{{instanceId}}]?timeout={{timeoutInSeconds}}&pollingInterval={{intervalInSeconds}}&code=k"}},"managementUrls":{{"id":"INSTANCEID","statusQueryGetUri":"{instance}?{query}","sendEventPostUri":"{instance}/raiseEvent/{{eventName}}?{query}","terminatePostUri":"{instance}/terminate?reason={{text}}&{query}","rewindPostUri":"{instance}/rewind?reason={{text}}&{query}","purgeHistoryDeleteUri":"{instance}?{query}","restartPostUri":"{instance}/restart?{query}","suspendPostUri":"{instance}/suspend?reason={{text}}&{query}","resumePostUri":"{instance}/resume?reason={{text}}&{query}"}},"baseUrl":"{base}","requiredQueryStringParameters":"code=k","rpcBaseUrl":"http://127.0.0.1:17071/durabletask/","httpBaseUrl":"{base}"}}"#
        );
        assert_eq!(client_binding(&urls, "MyHub", "Storage"), expected);
    }

    #[test]
    fn binding_data_of_a_client_that_speaks_grpc_is_that_of_the_extension_with_the_secret_as_connection() {
        let urls = BindingUrls::new("http://localhost:7071/runtime/webhooks/durabletask")
            .rpc("http://127.0.0.1:17071/durabletask")
            .grpc("http://127.0.0.1:31234", "secret")
            .code("k");
        assert_eq!(
            grpc_client_binding(&urls, "MyHub"),
            r#"{"taskHubName":"MyHub","connectionName":"secret","creationUrls":null,"managementUrls":null,"baseUrl":null,"requiredQueryStringParameters":"code=k","rpcBaseUrl":"http://127.0.0.1:31234","httpBaseUrl":"http://localhost:7071/runtime/webhooks/durabletask","useForwardedHost":false,"maxGrpcMessageSizeInBytes":4194304,"grpcHttpClientTimeout":"\"00:01:40\""}"#
        );
        let named = grpc_client_binding(&urls.connection("Second"), "MyHub");
        assert!(named.contains(r#""connectionName":"Second/secret""#), "{named}");
    }

    #[test]
    fn names_of_the_binding_win_and_a_missing_key_leaves_no_trace() {
        let urls = BindingUrls::new("http://h/d/").task_hub("Other").connection("Second");
        let text = client_binding(&urls, "MyHub", "Storage");
        let data: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(data["taskHubName"], "Other");
        assert_eq!(data["connectionName"], "Second");
        assert_eq!(data["requiredQueryStringParameters"], "");
        assert_eq!(data["rpcBaseUrl"], serde_json::Value::Null);
        assert_eq!(
            data["managementUrls"]["statusQueryGetUri"],
            "http://h/d/instances/INSTANCEID?taskHub=Other&connection=Second"
        );
        assert!(!text.contains("code="), "{text}");
    }
}
