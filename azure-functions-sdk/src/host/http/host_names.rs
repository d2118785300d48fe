//! The names by which callers may address a server of the host.
//!
//! A web page can have a name of its own resolve to a loopback address (DNS rebinding). To the browser, this host then is
//! the origin of the page, so neither CORS nor the `Origin` header keeps the page out: only the name in `Host` tells. A
//! server on a loopback address therefore answers only to names of loopback, and to those that its user has named.

use http::{HeaderMap, StatusCode, Version, header, request::Parts, uri::Authority};
use std::net::{IpAddr, SocketAddr};

/// The names that a server answers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::host) enum HostNames {
    /// Others reach it under names that it cannot know.
    Any,
    /// Names of loopback, and these, in lower case.
    LoopbackAnd(Vec<String>),
}

/// Why a request is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::host) enum HostNameError {
    /// RFC 9112, section 3.2: every request of HTTP/1.1 has the header.
    #[error("the request has no Host header, which HTTP/1.1 requires")]
    Missing,
    /// RFC 9112, section 3.2.
    #[error("the request has more than one Host header")]
    Several,
    /// Not a name with an optional port.
    #[error("the Host header is not a host name with an optional port")]
    Malformed,
    /// Any other name.
    #[error(
        "this host listens on a loopback address and does not answer to the name in the Host header: \
         call it as localhost, or name the host with --allowed-hosts"
    )]
    Foreign,
}

impl HostNameError {
    pub(in crate::host) fn status(self) -> StatusCode {
        match self {
            Self::Missing | Self::Several | Self::Malformed => StatusCode::BAD_REQUEST,
            Self::Foreign => StatusCode::MISDIRECTED_REQUEST,
        }
    }
}

impl HostNames {
    /// The names of a server that listens on `address`; `named` are those that the user has named, with or without a
    /// port. Ports do not count: a port may be forwarded from another one.
    pub(in crate::host) fn of(address: SocketAddr, named: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        if !address.ip().to_canonical().is_loopback() {
            return Self::Any;
        }
        let named = named.into_iter().filter_map(|name| {
            let authority: Authority = name.as_ref().parse().ok()?;
            Some(authority.host().to_ascii_lowercase())
        });
        Self::LoopbackAnd(named.collect())
    }

    /// Looks at the request target and at the `Host` header.
    pub(in crate::host) fn check(&self, parts: &Parts) -> Result<(), HostNameError> {
        if let Some(authority) = parts.uri.authority() {
            self.check_name(authority)?;
        }
        match host(&parts.headers)? {
            Some(authority) => self.check_name(&authority),
            // In HTTP/2, the target has the name.
            None if parts.version > Version::HTTP_11 && parts.uri.authority().is_some() => Ok(()),
            None if parts.version >= Version::HTTP_11 => Err(HostNameError::Missing),
            None => Ok(()),
        }
    }

    fn check_name(&self, authority: &Authority) -> Result<(), HostNameError> {
        match self {
            Self::Any => Ok(()),
            Self::LoopbackAnd(named) => {
                let name = authority.host().to_ascii_lowercase();
                let known = is_loopback(&name) || named.contains(&name);
                if known { Ok(()) } else { Err(HostNameError::Foreign) }
            }
        }
    }
}

fn host(headers: &HeaderMap) -> Result<Option<Authority>, HostNameError> {
    let mut values = headers.get_all(header::HOST).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(HostNameError::Several);
    }
    let authority = Authority::try_from(value.as_bytes()).map_err(|_| HostNameError::Malformed)?;
    let port = authority.as_str().get(authority.host().len()..).unwrap_or_default();
    // Digits, which may be missing behind the colon (RFC 3986, section 3.2.3).
    if !matches!(port, "" | ":") && authority.port_u16().is_none() {
        return Err(HostNameError::Malformed);
    }
    // The name of a user belongs into other places of a URL.
    if authority.as_str().contains('@') || authority.host().is_empty() {
        return Err(HostNameError::Malformed);
    }
    Ok(Some(authority))
}

/// RFC 6761, section 6.3: the names below `localhost` are names of loopback, too, and no DNS server is asked for them.
fn is_loopback(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name == "localhost" || name.ends_with(".localhost") {
        return true;
    }
    let ip = name.trim_matches(['[', ']']).parse::<IpAddr>();
    ip.is_ok_and(|ip| ip.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    const LOOPBACK: &str = "127.0.0.1:7071";

    fn checked(names: &HostNames, version: Version, uri: &str, hosts: &[&str]) -> Result<(), HostNameError> {
        let mut request = Request::builder().version(version).uri(uri);
        for host in hosts {
            request = request.header("host", *host);
        }
        names.check(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn on_loopback_only_names_of_loopback_and_named_ones_are_answered() {
        let names = HostNames::of(LOOPBACK.parse().unwrap(), ["Tunnel.example:443", "my-mac.local"]);
        for (host, expected) in [
            ("localhost", Ok(())),
            ("LocalHost:7071", Ok(())),
            ("localhost.:7071", Ok(())),
            ("app.localhost:7071", Ok(())),
            ("127.0.0.1:7071", Ok(())),
            ("127.8.8.8", Ok(())),
            ("[::1]:7071", Ok(())),
            ("[::ffff:127.0.0.1]:7071", Ok(())),
            ("tunnel.EXAMPLE", Ok(())),
            ("my-mac.local:9000", Ok(())),
            ("evil.example:7071", Err(HostNameError::Foreign)),
            ("127.0.0.1.evil.example", Err(HostNameError::Foreign)),
            ("localhost.evil.example", Err(HostNameError::Foreign)),
            ("evillocalhost", Err(HostNameError::Foreign)),
            ("0.0.0.0:7071", Err(HostNameError::Foreign)),
            ("192.168.1.5", Err(HostNameError::Foreign)),
            ("[::2]", Err(HostNameError::Foreign)),
            ("", Err(HostNameError::Malformed)),
            ("localhost:", Ok(())),
            ("localhost:abc", Err(HostNameError::Malformed)),
            ("localhost:-1", Err(HostNameError::Malformed)),
            ("localhost:99999", Err(HostNameError::Malformed)),
            ("[::1]:x", Err(HostNameError::Malformed)),
            ("localhost@evil.example", Err(HostNameError::Malformed)),
            ("evil.example@localhost", Err(HostNameError::Malformed)),
            ("local host", Err(HostNameError::Malformed)),
            ("localhost:70:71", Err(HostNameError::Malformed)),
        ] {
            assert_eq!(checked(&names, Version::HTTP_11, "/", &[host]), expected, "{host:?}");
        }
        // An absolute target has a name of its own.
        let target = |uri| checked(&names, Version::HTTP_11, uri, &["localhost"]);
        assert_eq!(target("http://evil.example/admin"), Err(HostNameError::Foreign));
        assert_eq!(target("http://localhost:7071/admin"), Ok(()));
    }

    #[test]
    fn a_mapped_address_of_loopback_is_one() {
        for address in ["[::1]:1", "[::ffff:127.0.0.1]:1", "127.0.0.2:1"] {
            let names = HostNames::of(address.parse().unwrap(), [""; 0]);
            assert_eq!(
                checked(&names, Version::HTTP_11, "/", &["evil.example"]),
                Err(HostNameError::Foreign)
            );
        }
        for address in ["0.0.0.0:1", "[::]:1", "[::ffff:10.0.0.1]:1"] {
            assert_eq!(HostNames::of(address.parse().unwrap(), [""; 0]), HostNames::Any);
        }
    }

    #[test]
    fn a_request_has_one_host_header() {
        for names in [HostNames::Any, HostNames::of(LOOPBACK.parse().unwrap(), [""; 0])] {
            let check = |version, hosts: &[&str]| checked(&names, version, "/", hosts);
            assert_eq!(check(Version::HTTP_11, &[]), Err(HostNameError::Missing));
            assert_eq!(check(Version::HTTP_10, &[]), Ok(()));
            let twice = ["localhost", "localhost"];
            assert_eq!(check(Version::HTTP_11, &twice), Err(HostNameError::Several));
            assert_eq!(check(Version::HTTP_10, &twice), Err(HostNameError::Several));
        }
    }
}
