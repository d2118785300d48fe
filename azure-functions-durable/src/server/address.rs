//! Where a server is, and which of its task hubs is meant.

use super::channel::Channel;
use super::connection_string::{Authentication, ConnectionString};
#[cfg(feature = "durable-task-scheduler")]
use super::entra::Entra;
use super::error::ServerAddressError;
use super::tokens::{TokenSource, Tokens};
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Uri};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

/// The address of a Durable Task server, and the task hub that is meant there.
///
/// It is read from one of these texts:
///
/// * `http://127.0.0.1:4001`, or `127.0.0.1:4001`: a server without encryption, such as `cargo func host`, a sidecar, or the emulator of
///   the Durable Task Scheduler;
/// * `https://…`: a server with TLS;
/// * a connection string of the scheduler, `Endpoint=https://NAME.REGION.durabletask.io;Authentication=ManagedIdentity;TaskHub=NAME`. Names of
///   its parts are read whatever their case. `Authentication=` is `DefaultAzure`, `ManagedIdentity`, `WorkloadIdentity`, `Environment` or
///   `AzureCLI`, or `None`, which asks for no token. Tokens are sent over TLS, or to this machine, only.
///
/// TLS and tokens need the feature `durable-task-scheduler` of this crate, which the feature of the same name of `azure-functions` enables;
/// for the tokens alone, [`with_token_source`](Self::with_token_source) does as well.
///
/// ```
/// use azure_functions_durable::ServerAddress;
///
/// let address: ServerAddress = "Endpoint=http://localhost:8080;Authentication=None;TaskHub=orders".parse()?;
/// assert_eq!(address.origin(), "http://localhost:8080");
/// assert_eq!(address.task_hub(), Some("orders"));
/// # Ok::<(), azure_functions_durable::ServerAddressError>(())
/// ```
#[derive(Clone)]
pub struct ServerAddress {
    origin: Arc<str>,
    task_hub: Option<Arc<str>>,
    authentication: Authentication,
    tokens: Option<Arc<Tokens>>,
}

impl ServerAddress {
    /// Sets the task hub, in place of that of a connection string. Servers have a default, which they use where none is named.
    #[must_use]
    pub fn with_task_hub(mut self, name: &str) -> Self {
        self.task_hub = Some(name.into());
        self
    }

    /// Sets where the tokens come from that the server asks for, in place of what a connection string says.
    #[must_use]
    pub fn with_token_source(mut self, source: Arc<dyn TokenSource>) -> Self {
        self.tokens = Some(Arc::new(Tokens::new(source)));
        self
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The task hub, if one is named.
    pub fn task_hub(&self) -> Option<&str> {
        self.task_hub.as_deref()
    }

    /// Connections to the server, which are made when they are needed.
    ///
    /// # Errors
    /// The name of the task hub cannot be sent, TLS or tokens are asked for and cannot be had, or tokens would leave the machine without TLS.
    #[doc(hidden)]
    pub fn channel(&self) -> Result<Channel, ServerAddressError> {
        let task_hub = self.task_hub.as_deref().map(header).transpose()?;
        let tokens = match &self.tokens {
            Some(tokens) => Some(Arc::clone(tokens)),
            None => source(&self.authentication)?.map(|source| Arc::new(Tokens::new(source))),
        };
        if tokens.is_some() && !keeps_secrets(&self.origin) {
            return Err(ServerAddressError::PlainToken);
        }
        Channel::to(&self.origin, task_hub, tokens)
    }
}

/// Whether what is sent to an origin can be read on its way by no other machine.
fn keeps_secrets(origin: &str) -> bool {
    let Ok(uri) = origin.parse::<Uri>() else { return false };
    let host = uri.host().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    uri.scheme() == Some(&Scheme::HTTPS)
        || host.eq_ignore_ascii_case("localhost")
        || address.is_ok_and(|address| address.is_loopback())
}

/// Where tokens come from, if the server asks for some.
#[cfg(feature = "durable-task-scheduler")]
fn source(authentication: &Authentication) -> Result<Option<Arc<dyn TokenSource>>, ServerAddressError> {
    match authentication {
        Authentication::None => Ok(None),
        Authentication::Token(credential) => Ok(Some(Arc::new(Entra::new(credential)?))),
    }
}

/// Where tokens come from, if the server asks for some.
#[cfg(not(feature = "durable-task-scheduler"))]
fn source(authentication: &Authentication) -> Result<Option<Arc<dyn TokenSource>>, ServerAddressError> {
    match authentication {
        Authentication::None => Ok(None),
        Authentication::Token(_) => Err(ServerAddressError::Feature("tokens of Microsoft Entra ID")),
    }
}

fn header(name: &str) -> Result<HeaderValue, ServerAddressError> {
    match name.trim() {
        "" => Err(ServerAddressError::TaskHub),
        name => HeaderValue::try_from(name).map_err(|_| ServerAddressError::TaskHub),
    }
}

impl FromStr for ServerAddress {
    type Err = ServerAddressError;

    fn from_str(text: &str) -> Result<Self, ServerAddressError> {
        let text = text.trim();
        let ConnectionString {
            endpoint,
            task_hub,
            authentication,
        } = match text.contains('=') {
            true => ConnectionString::parse(text)?,
            false => ConnectionString::of_endpoint(text),
        };
        Ok(Self {
            origin: origin(&endpoint)?.into(),
            task_hub: task_hub.map(Into::into),
            authentication,
            tokens: None,
        })
    }
}

/// Scheme, host and port of an address; plain HTTP if it names no scheme.
fn origin(endpoint: &str) -> Result<String, ServerAddressError> {
    let malformed = |why: &str| ServerAddressError::Malformed(why.to_owned());
    let with_scheme = match endpoint.contains("://") {
        true => endpoint.to_owned(),
        false => format!("http://{endpoint}"),
    };
    let uri: Uri = with_scheme.parse().map_err(|_| malformed("it is no URL"))?;
    let scheme = match uri.scheme() {
        Some(scheme) if *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS => scheme.clone(),
        _ => return Err(malformed("its scheme is neither http nor https")),
    };
    let authority = uri.authority().map_or("", Authority::as_str);
    if authority.is_empty() || authority.contains('@') {
        return Err(malformed("it names no host"));
    }
    // Parts of a connection string with another sign between them are no host, and are not to be shown.
    if authority.contains(|sign: char| !sign.is_ascii_alphanumeric() && !"-._:[]%".contains(sign)) {
        return Err(malformed("its host has a character that names of hosts do not have"));
    }
    if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
        return Err(malformed("it has a path or a query"));
    }
    if !endpoint.contains("://") && uri.port_u16().is_none() {
        return Err(malformed("it names no port"));
    }
    Ok(format!("{scheme}://{authority}"))
}

impl fmt::Debug for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerAddress")
            .field("origin", &self.origin)
            .field("task_hub", &self.task_hub)
            .field("authentication", &self.authentication)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{AccessToken, TokenError};
    use super::*;
    use std::future::Future;
    use std::pin::Pin;
    use std::time::SystemTime;

    fn origin_of(text: &str) -> String {
        text.parse::<ServerAddress>().unwrap().origin().to_owned()
    }

    #[test]
    fn an_address_is_a_url_or_a_host_with_its_port() {
        assert_eq!(origin_of("http://127.0.0.1:4001"), "http://127.0.0.1:4001");
        assert_eq!(origin_of(" http://127.0.0.1:4001/ "), "http://127.0.0.1:4001");
        assert_eq!(origin_of("localhost:4001"), "http://localhost:4001");
        assert_eq!(origin_of("[::1]:4001"), "http://[::1]:4001");
        assert_eq!(origin_of("https://x.durabletask.io"), "https://x.durabletask.io");
        for text in [
            "",
            "localhost",
            "ftp://h:1",
            "http://h:1/path",
            "http://h:1?code=secret",
            "http://user:secret@h:1",
            "a b",
        ] {
            let error = text.parse::<ServerAddress>().unwrap_err();
            assert!(matches!(error, ServerAddressError::Malformed(_)), "{text}: {error}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_connection_string_has_the_names_of_dotnet_in_any_case() {
        let address: ServerAddress = "endpoint=http://localhost:8080;AUTHENTICATION=none;TaskHub=orders;"
            .parse()
            .unwrap();
        assert_eq!(
            (address.origin(), address.task_hub()),
            ("http://localhost:8080", Some("orders"))
        );
        let address = address.with_task_hub("bills");
        assert_eq!(address.task_hub(), Some("bills"));
        for (text, told) in [
            ("TaskHub=orders", "Endpoint"),
            ("Endpoint=http://h:1;Authentication=Magic", "Authentication=Magic"),
            ("Endpoint=http://h:1;nonsense", "a part without `=`"),
        ] {
            let error = text.parse::<ServerAddress>().unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn no_more_than_a_word_of_a_connection_string_is_shown() {
        for text in [
            "Endpoint=https://h;Authentication=ManagedIdentity,ClientSecret=secret,TaskHub=a",
            "Endpoint=https://h;Authentication=Managed Identity secret;TaskHub=a",
            "Endpoint=https://h,AccountKey=secret;Authentication=None;TaskHub=a",
            "Endpoint=https://h,secret;Authentication=None",
        ] {
            let error = text.parse::<ServerAddress>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
        }
    }

    /// Gives a token to any call.
    #[derive(Debug)]
    struct Generous;

    impl TokenSource for Generous {
        fn token(&self) -> Pin<Box<dyn Future<Output = Result<AccessToken, TokenError>> + Send + '_>> {
            Box::pin(async { Ok(AccessToken::new("secret", SystemTime::now())) })
        }
    }

    #[tokio::test]
    async fn no_token_is_sent_without_encryption_but_to_this_machine() {
        let channel = |text: &str| {
            let address = text.parse::<ServerAddress>().unwrap();
            address.with_token_source(Arc::new(Generous)).channel()
        };
        for text in [
            "http://h:8080",
            "http://10.0.0.1:1",
            "http://[::2]:1",
            "http://localhost.h:1",
        ] {
            let refused = channel(text).unwrap_err();
            assert!(matches!(refused, ServerAddressError::PlainToken), "{text}: {refused}");
            // Without tokens there is nothing to keep.
            text.parse::<ServerAddress>().unwrap().channel().unwrap();
        }
        for text in [
            "http://127.0.0.1:1",
            "http://127.1.2.3:1",
            "http://[::1]:1",
            "http://LocalHost:1",
        ] {
            channel(text).unwrap();
        }
        #[cfg(feature = "durable-task-scheduler")]
        {
            channel("https://h").unwrap();
            let slip = "Endpoint=http://h:8080;Authentication=DefaultAzure;TaskHub=a";
            let refused = slip.parse::<ServerAddress>().unwrap().channel();
            assert!(matches!(refused, Err(ServerAddressError::PlainToken)));
        }
    }

    #[tokio::test]
    async fn a_task_hub_that_no_header_can_carry_is_refused() {
        let address: ServerAddress = "http://h:1".parse().unwrap();
        for name in ["", " ", "a\nb"] {
            let refused = address.clone().with_task_hub(name).channel();
            assert!(matches!(refused, Err(ServerAddressError::TaskHub)), "{name:?}");
        }
    }

    #[cfg(not(feature = "durable-task-scheduler"))]
    #[tokio::test]
    async fn a_build_without_tls_and_tokens_names_the_feature_and_its_crates() {
        for text in [
            "https://x.durabletask.io",
            "Endpoint=http://h:1;Authentication=AzureCLI;TaskHub=a",
        ] {
            let error = text.parse::<ServerAddress>().unwrap().channel().unwrap_err();
            assert!(matches!(error, ServerAddressError::Feature(_)), "{text}: {error}");
            let error = error.to_string();
            let told = "enable the feature `durable-task-scheduler` of the crate `azure-functions`, or of `azure-functions-durable`";
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
