//! The arguments a host starts us with, in both of its styles.
//!
//! A host always passes both; the `--functions-*` set is the current one and wins. Words and options that we do not
//! know are ignored, so that a newer host may add some (the legacy maximum message size is one that we need not read:
//! the worker accepts every size that the protocol can carry).

/// Where the host listens, and the ids that it gave us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostArguments {
    /// Address of the gRPC server, with scheme.
    pub uri: String,
    /// Echoed in `StartStream.worker_id`.
    pub worker_id: String,
    /// Echoed in the envelope of `StartStream`.
    pub request_id: String,
}

/// The host's arguments were recognised but are not complete.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ArgumentError {
    /// No way to reach the host.
    #[error("the host's address is missing: expected --functions-uri URI, or --host HOST and --port PORT")]
    Address,
    /// `--port` is not a port.
    #[error("`{0}` is not a port: expected --port with a number from 1 to 65535")]
    Port(String),
    /// No worker id.
    #[error("the worker id is missing: expected --functions-worker-id ID or --workerId ID")]
    WorkerId,
}

const URI: &str = "--functions-uri";
const WORKER_ID: &str = "--functions-worker-id";
const REQUEST_ID: &str = "--functions-request-id";
const HOST: &str = "--host";
const PORT: &str = "--port";
const LEGACY_WORKER_ID: &str = "--workerId";
const LEGACY_REQUEST_ID: &str = "--requestId";

impl HostArguments {
    /// `None` if these are not a host's arguments at all.
    pub(crate) fn parse(arguments: &[String]) -> Option<Result<Self, ArgumentError>> {
        let named = |name: &'static str| value(arguments, name);
        if [URI, WORKER_ID, PORT, LEGACY_WORKER_ID]
            .iter()
            .all(|n| named(n).is_none())
        {
            return None;
        }
        Some(Self::complete(named))
    }

    fn complete<'a>(named: impl Fn(&'static str) -> Option<&'a str>) -> Result<Self, ArgumentError> {
        let filled = |name| named(name).filter(|v| !v.is_empty());
        let uri = match (filled(URI), filled(HOST), filled(PORT)) {
            (Some(uri), ..) => uri.to_owned(),
            (None, Some(host), Some(port)) => match port.parse::<u16>() {
                Ok(number @ 1..) => format!("http://{host}:{number}/"),
                _ => return Err(ArgumentError::Port(port.to_owned())),
            },
            _ => return Err(ArgumentError::Address),
        };
        let worker_id = filled(WORKER_ID)
            .or_else(|| filled(LEGACY_WORKER_ID))
            .ok_or(ArgumentError::WorkerId)?;
        let request_id = filled(REQUEST_ID).or_else(|| filled(LEGACY_REQUEST_ID)).unwrap_or("");
        Ok(Self {
            uri,
            worker_id: worker_id.to_owned(),
            request_id: request_id.to_owned(),
        })
    }
}

/// Value of `name`, given as the next argument or after an equals sign.
fn value<'a>(arguments: &'a [String], name: &str) -> Option<&'a str> {
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if argument == name {
            return Some(rest.next().map_or("", |v| v.as_str()));
        }
        if let Some(value) = argument.strip_prefix(name).and_then(|v| v.strip_prefix('=')) {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Option<Result<HostArguments, ArgumentError>> {
        HostArguments::parse(&line.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn the_current_style_wins_over_the_legacy_one() {
        let both = "run app.wasm --host 10.0.0.1 --port 5 --workerId old --requestId old-request --grpcMaxMessageLength 9 \
                    --functions-uri http://127.0.0.1:77/ --functions-worker-id new --functions-request-id=new-request \
                    --functions-grpc-max-message-length 9 --from-the-future yes";
        let expected = HostArguments {
            uri: "http://127.0.0.1:77/".into(),
            worker_id: "new".into(),
            request_id: "new-request".into(),
        };
        assert_eq!(parse(both), Some(Ok(expected)));
    }

    #[test]
    fn the_legacy_style_is_enough() {
        let expected = HostArguments {
            uri: "http://127.0.0.1:5/".into(),
            worker_id: "w".into(),
            request_id: "r".into(),
        };
        let legacy = "--host 127.0.0.1 --port 5 --workerId w --requestId r";
        assert_eq!(parse(legacy), Some(Ok(expected)));
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(parse("--workerId w"), Some(Err(ArgumentError::Address)));
        assert_eq!(parse("--port 7 --workerId w"), Some(Err(ArgumentError::Address)));
        assert_eq!(
            parse("--host h --port 70000 --workerId w"),
            Some(Err(ArgumentError::Port("70000".into())))
        );
        assert_eq!(parse("--functions-uri http://h:1"), Some(Err(ArgumentError::WorkerId)));
    }

    #[test]
    fn other_words_are_not_a_host() {
        assert_eq!(parse("functions"), None);
        assert_eq!(parse("init --script-root x"), None);
    }
}
