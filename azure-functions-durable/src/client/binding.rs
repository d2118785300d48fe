//! The JSON text that a host gives a durable client binding, and which of the addresses in it to use.

use super::error::OrchestrationClientError;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::time::Duration;
use url::Url;

/// Where hosts serve the durable HTTP API.
pub(crate) const WEBHOOK_PATH: &str = "/runtime/webhooks/durabletask";

/// The durable client binding, reduced to what a client needs.
#[derive(Clone)]
pub(crate) struct Binding {
    pub(crate) task_hub: String,
    pub(crate) connection: Option<String>,
    pub(crate) creation: CreationUrls,
    /// Members by their wire names, among them `id`: the instance id that stands in the URLs.
    pub(crate) management: Map<String, Value>,
    /// Base of the public webhook, without a trailing slash: `baseUrl`, or what takes its place where the client is to speak gRPC.
    pub(crate) base_url: Option<String>,
    /// What every public URL must carry: `code=…`, or nothing. Appended as it is.
    pub(crate) required_query: String,
    pub(crate) endpoint: Endpoint,
    /// How long the host wants a client to wait for an answer over gRPC.
    pub(crate) grpc_timeout: Option<Duration>,
    /// The largest message that the host wants a client to take over gRPC.
    #[cfg(feature = "grpc")]
    pub(crate) grpc_message_size: Option<usize>,
}

/// Where requests go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// The loopback listener of the extension; the base ends with a slash.
    Rpc(String),
    /// The public webhook; the base ends with a slash.
    Webhook(String),
    /// The gRPC service of the extension: scheme, host and port.
    Grpc(String),
    /// The oldest hosts give nothing but whole URLs with places to fill in.
    Templates,
}

/// The URLs for creating instances, with `{functionName}[/{instanceId}]` to fill in.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct CreationUrls {
    #[serde(rename = "createNewInstancePostUri")]
    pub(crate) create: Option<String>,
    #[serde(rename = "createAndWaitOnNewInstancePostUri")]
    pub(crate) create_and_wait: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Wire {
    task_hub_name: Option<String>,
    connection_name: Option<String>,
    creation_urls: Option<CreationUrls>,
    management_urls: Option<Map<String, Value>>,
    base_url: Option<String>,
    required_query_string_parameters: Option<String>,
    rpc_base_url: Option<String>,
    http_base_url: Option<String>,
    // Anything but the expected form is no reason to do without the client.
    grpc_http_client_timeout: Value,
    #[cfg(feature = "grpc")]
    max_grpc_message_size_in_bytes: Value,
}

impl Binding {
    pub(crate) fn parse(json: &str) -> Result<Self, OrchestrationClientError> {
        let wire: Wire = serde_json::from_str(json).map_err(|e| OrchestrationClientError::InvalidBinding {
            message: "it is not the JSON object of a `durableClient` binding".to_owned(),
            source: Some(Box::new(e)),
        })?;
        let task_hub = not_blank(wire.task_hub_name)
            .ok_or_else(|| OrchestrationClientError::binding("`taskHubName` is missing"))?;
        // What a host writes when its listener was never started.
        let rpc_base = not_blank(wire.rpc_base_url).filter(|url| url.trim_end_matches('/') != "http://uninitialized");
        let base_url = not_blank(wire.base_url)
            .or(not_blank(wire.http_base_url))
            .map(|url| url.trim_end_matches('/').to_owned());

        let endpoint = match (&rpc_base, &wire.creation_urls, &base_url) {
            (Some(rpc), Some(_), _) => Endpoint::Rpc(format!("{}/", absolute("rpcBaseUrl", rpc)?)),
            (Some(rpc), None, _) if cfg!(feature = "grpc") => {
                Endpoint::Grpc(absolute("rpcBaseUrl", rpc)?.trim_end_matches('/').to_owned())
            }
            (Some(_), None, _) => {
                return Err(OrchestrationClientError::UnsupportedBinding {
                    message:
                        "the host offers the Durable Task API over gRPC only, and this build does not speak it; enable \
                              the feature `grpc` of `azure-functions-durable`"
                            .to_owned(),
                });
            }
            (None, _, Some(base)) => Endpoint::Webhook(format!("{}/", absolute("baseUrl", base)?)),
            (None, _, None) if wire.creation_urls.is_some() || wire.management_urls.is_some() => Endpoint::Templates,
            (None, _, None) => {
                return Err(OrchestrationClientError::binding(
                    "it names no address; the host must know its own host name (`WEBSITE_HOSTNAME`) or offer its local \
                     RPC endpoint",
                ));
            }
        };
        Ok(Self {
            task_hub,
            connection: not_blank(wire.connection_name),
            creation: wire.creation_urls.unwrap_or_default(),
            management: wire.management_urls.unwrap_or_default(),
            base_url,
            required_query: wire
                .required_query_string_parameters
                .unwrap_or_default()
                .trim_start_matches(['?', '&'])
                .to_owned(),
            endpoint,
            #[cfg(feature = "grpc")]
            grpc_message_size: wire
                .max_grpc_message_size_in_bytes
                .as_u64()
                .and_then(|size| usize::try_from(size).ok()),
            grpc_timeout: wire.grpc_http_client_timeout.as_str().and_then(time_span),
        })
    }

    /// What takes the place of a binding where the server's address is known.
    #[cfg(feature = "grpc")]
    pub(crate) fn of_server(origin: &str, task_hub: &str) -> Self {
        Self {
            task_hub: task_hub.to_owned(),
            connection: None,
            creation: CreationUrls::default(),
            management: Map::new(),
            base_url: None,
            required_query: String::new(),
            endpoint: Endpoint::Grpc(origin.to_owned()),
            grpc_message_size: None,
            grpc_timeout: None,
        }
    }

    /// The same binding, with the durable HTTP API in the place of gRPC.
    #[cfg(feature = "grpc")]
    pub(crate) fn over_http(mut self) -> Self {
        if let Endpoint::Grpc(origin) = &self.endpoint {
            let base = self.base_url.clone();
            let base = base.unwrap_or_else(|| format!("{origin}{WEBHOOK_PATH}"));
            self.endpoint = Endpoint::Webhook(format!("{base}/"));
        }
        self
    }
}

/// A time span as .NET writes it, `[d.]hh:mm:ss[.fffffff]`, in the quotes of JSON; `None` for what is none, zero or negative.
fn time_span(text: &str) -> Option<Duration> {
    let text = text.trim().trim_matches('"');
    let (hours, rest) = text.split_once(':')?;
    let (minutes, seconds) = rest.split_once(':')?;
    let (days, hours) = hours.split_once('.').unwrap_or(("0", hours));
    let [days, hours, minutes] = [days, hours, minutes].map(|part| part.parse::<u32>().ok());
    let whole = (u64::from(days?) * 24 + u64::from(hours?)) * 60 + u64::from(minutes?);
    let seconds = Duration::try_from_secs_f64(seconds.parse().ok()?).ok()?;
    let span = Duration::from_secs(whole * 60).checked_add(seconds)?;
    (!span.is_zero()).then_some(span)
}

fn not_blank(text: Option<String>) -> Option<String> {
    text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn absolute<'a>(member: &str, url: &'a str) -> Result<&'a str, OrchestrationClientError> {
    match Url::parse(url) {
        Ok(parsed) if is_web(&parsed) && parsed.query().is_none() => Ok(url.trim_end_matches('/')),
        _ => Err(OrchestrationClientError::binding(format!(
            "`{member}` is not an absolute http URL"
        ))),
    }
}

/// Whether a URL can stand in front of a link.
pub(crate) fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https") && url.has_host()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn endpoint(binding: &Value) -> Result<Endpoint, OrchestrationClientError> {
        Binding::parse(&binding.to_string()).map(|binding| binding.endpoint)
    }

    #[test]
    fn the_rpc_address_is_preferred_and_gets_its_trailing_slash() {
        for rpc in [
            "http://127.0.0.1:17071/durabletask/",
            "http://127.0.0.1:17071/durabletask",
        ] {
            let binding = json!({"taskHubName": "MyHub", "connectionName": "Storage", "creationUrls": {},
                "managementUrls": {"id": "INSTANCEID"}, "baseUrl": "http://localhost:7071/runtime/webhooks/durabletask",
                "requiredQueryStringParameters": "code=k", "rpcBaseUrl": rpc, "httpBaseUrl": null,
                "maxGrpcMessageSizeInBytes": 4194304, "grpcHttpClientTimeout": "\"00:01:40\"", "useForwardedHost": true});
            assert_eq!(
                endpoint(&binding).unwrap(),
                Endpoint::Rpc("http://127.0.0.1:17071/durabletask/".to_owned())
            );
        }
    }

    #[test]
    fn an_rpc_address_that_was_never_opened_counts_as_absent() {
        for rpc in [
            json!("http://uninitialized"),
            json!("http://uninitialized/"),
            json!(" "),
            json!(null),
        ] {
            let binding = json!({"taskHubName": "MyHub", "creationUrls": {}, "managementUrls": {},
                "baseUrl": "http://localhost:7071/runtime/webhooks/durabletask/",
                "requiredQueryStringParameters": "", "rpcBaseUrl": rpc});
            assert_eq!(
                endpoint(&binding).unwrap(),
                Endpoint::Webhook("http://localhost:7071/runtime/webhooks/durabletask/".to_owned())
            );
        }
    }

    #[test]
    fn the_oldest_shape_has_only_templates() {
        let binding = json!({"taskHubName": "MyHub",
            "creationUrls": {"createNewInstancePostUri": "http://h/orchestrators/{functionName}[/{instanceId}]?code=k"},
            "managementUrls": {"id": "INSTANCEID", "statusQueryGetUri": "http://h/instances/INSTANCEID?code=k"}});
        assert_eq!(endpoint(&binding).unwrap(), Endpoint::Templates);
    }

    /// What the extension 3.19 gave a worker that asked for gRPC.
    fn recorded() -> Value {
        json!({"taskHubName": "iso182922", "connectionName": null, "creationUrls": null, "managementUrls": null,
            "baseUrl": null, "requiredQueryStringParameters": "code=realextkey", "rpcBaseUrl": "http://127.0.0.1:7272",
            "httpBaseUrl": "http://localhost:7171/runtime/webhooks/durabletask", "useForwardedHost": false,
            "maxGrpcMessageSizeInBytes": 4194304, "grpcHttpClientTimeout": "\"00:01:40\""})
    }

    #[cfg(feature = "grpc")]
    #[test]
    fn an_rpc_address_without_creation_urls_is_grpc() {
        let binding = Binding::parse(&recorded().to_string()).unwrap();
        assert_eq!(binding.endpoint, Endpoint::Grpc("http://127.0.0.1:7272".to_owned()));
        assert_eq!(binding.grpc_timeout, Some(Duration::from_secs(100)));
        assert_eq!(binding.grpc_message_size, Some(4 << 20));
        assert_eq!(
            binding.base_url.as_deref(),
            Some("http://localhost:7171/runtime/webhooks/durabletask")
        );
        let http = binding.over_http().endpoint;
        assert_eq!(
            http,
            Endpoint::Webhook("http://localhost:7171/runtime/webhooks/durabletask/".to_owned())
        );
    }

    #[cfg(not(feature = "grpc"))]
    #[test]
    fn the_grpc_shape_is_a_typed_error_that_says_what_to_do() {
        let error = endpoint(&recorded()).unwrap_err();
        assert!(
            matches!(error, OrchestrationClientError::UnsupportedBinding { .. }),
            "{error}"
        );
        assert!(error.to_string().contains("feature `grpc`"));
    }

    #[test]
    fn time_spans_are_those_of_dotnet() {
        for (text, seconds) in [
            ("\"00:01:40\"", Some(100.0)),
            ("00:00:00.2500000", Some(0.25)),
            ("1.00:00:01", Some(86401.0)),
            ("-00:00:00.0010000", None),
            ("00:00:00", None),
            ("soon", None),
            ("1:2", None),
            ("00:00:1e400", None),
        ] {
            assert_eq!(time_span(text).map(|span| span.as_secs_f64()), seconds, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_a_binding_is_refused_without_showing_it() {
        for text in [
            "",
            "[]",
            "null",
            r#"{"rpcBaseUrl":"http://h/?code=secret"}"#,
            r#"{"taskHubName":"T"}"#,
            r#"{"taskHubName":"T","baseUrl":"not a url code=secret"}"#,
            r#"{"taskHubName":"T","baseUrl":"file:///x"}"#,
        ] {
            let error = Binding::parse(text).err().expect(text);
            assert!(matches!(error, OrchestrationClientError::InvalidBinding { .. }));
            assert!(!format!("{error} {error:?}").contains("secret"));
        }
    }
}
