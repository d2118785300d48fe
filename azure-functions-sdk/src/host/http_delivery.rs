//! What the server of the real host makes of a worker's response. Our own worker sends nothing that is refused or changed here;
//! a worker in another language, or an older one, may.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode, header::CONTENT_LENGTH};
use std::collections::HashMap;

/// A response that cannot be sent: the caller gets 500.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Undeliverable {
    /// Not a number that ends an exchange.
    #[error(
        "the worker answered with the status {0}, which is not between 200 and 999: the Functions host fails, or leaves the caller \
         waiting"
    )]
    Status(i64),
    /// Illegal characters.
    #[error("the worker answered with the header {0:?}, whose name is illegal: the Functions host answers 500")]
    HeaderName(String),
    /// Illegal characters, or not ASCII.
    #[error(
        "the worker answered with the header `{0}`, whose value is not visible ASCII: the Functions host answers 500 without a word"
    )]
    HeaderValue(String),
    /// The server decides how bodies are sent.
    #[error("the worker answered with the header `transfer-encoding`: the caller of the Functions host waits for ever")]
    TransferEncoding,
    /// Neither more nor less than the body.
    #[error(
        "the worker answered with the header `content-length: {given}` and a body of {length} bytes: the Functions host answers \
         500, or cuts the body"
    )]
    Length {
        /// What the header says.
        given: String,
        /// What there is.
        length: usize,
    },
    /// It cannot be written.
    #[error("the worker set the cookie {0:?}, whose name, path or domain is illegal: the Functions host answers 500")]
    Cookie(String),
}

/// What was changed in a response that is sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Warning(pub(crate) String);

/// The number in `text`; the reference's default where there is none.
pub(super) fn status(text: &str, warnings: &mut Vec<Warning>) -> Result<StatusCode, Undeliverable> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(StatusCode::OK);
    }
    let Ok(number) = text.parse::<i64>() else {
        warnings.push(Warning(format!(
            "the worker answered with the status {text:?}, which is no number: it became 200, as under the Functions host"
        )));
        return Ok(StatusCode::OK);
    };
    let status = u16::try_from(number).ok().filter(|number| *number >= 200);
    status
        .and_then(|number| StatusCode::from_u16(number).ok())
        .ok_or(Undeliverable::Status(number))
}

/// Adds the worker's headers to a response that has its body.
pub(super) fn add_headers(
    response: &mut Response<Bytes>,
    given: &HashMap<String, String>,
    method: &Method,
    warnings: &mut Vec<Warning>,
) -> Result<(), Undeliverable> {
    for (name, value) in given {
        let known = HeaderName::try_from(name).map_err(|_| Undeliverable::HeaderName(name.clone()))?;
        let value = HeaderValue::try_from(value)
            .ok()
            .filter(|value| value.to_str().is_ok())
            .ok_or_else(|| Undeliverable::HeaderValue(name.clone()))?;
        let status = response.status();
        let length = response.body().len();
        match known.as_str() {
            // It came with the body; the others are the server's own.
            "content-type" | "date" | "server" => {}
            "transfer-encoding" => return Err(Undeliverable::TransferEncoding),
            "content-length" => {
                let right = value.to_str().is_ok_and(|text| text.parse() == Ok(length));
                if !right && length == 0 && *method == Method::HEAD && status.as_u16() != 204 {
                    response.headers_mut().insert(CONTENT_LENGTH, value);
                } else if !right && !has_no_body(status) {
                    let given = value.to_str().unwrap_or_default().to_owned();
                    return Err(Undeliverable::Length { given, length });
                }
            }
            "connection" | "keep-alive" | "te" | "trailer" | "upgrade" => warnings.push(of_the_connection(&known)),
            name if name.starts_with("proxy-") => warnings.push(of_the_connection(&known)),
            _ if response.headers().contains_key(&known) => {}
            _ => drop(response.headers_mut().insert(known, value)),
        }
    }
    Ok(())
}

fn of_the_connection(name: &HeaderName) -> Warning {
    Warning(format!(
        "the worker answered with the header `{name}`, which belongs to the connection with the caller and was dropped: the \
         Functions host may break the connection by it"
    ))
}

/// Takes the body from a response that cannot have one.
pub(super) fn drop_body(response: &mut Response<Bytes>, warnings: &mut Vec<Warning>) {
    let status = response.status();
    if has_no_body(status) && !response.body().is_empty() {
        response.body_mut().clear();
        warnings.push(Warning(format!(
            "the worker answered {status} with a body, which was dropped: the Functions host drops it, too, and logs an unhandled \
             error"
        )));
    }
}

/// Answers of these statuses end with their headers (RFC 9110, section 15).
fn has_no_body(status: StatusCode) -> bool {
    [
        StatusCode::NO_CONTENT,
        StatusCode::RESET_CONTENT,
        StatusCode::NOT_MODIFIED,
    ]
    .contains(&status)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(
        status: u16,
        method: &Method,
        body: &'static str,
        headers: &[(&str, &str)],
    ) -> Result<(Vec<String>, usize), Undeliverable> {
        let mut response = Response::new(Bytes::from_static(body.as_bytes()));
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        let own = |text: &str| text.to_owned();
        let headers = headers.iter().map(|(name, value)| (own(name), own(value))).collect();
        let mut warnings = Vec::new();
        add_headers(&mut response, &headers, method, &mut warnings)?;
        let mut names: Vec<_> = response.headers().keys().map(|name| name.as_str().to_owned()).collect();
        names.sort_unstable();
        Ok((names, warnings.len()))
    }

    fn got(headers: &[(&str, &str)]) -> Result<(Vec<String>, usize), Undeliverable> {
        added(200, &Method::GET, "fine", headers)
    }

    #[test]
    fn a_status_that_ends_no_exchange_is_refused_and_text_is_200() {
        let read = |text: &str| {
            let mut warnings = Vec::new();
            status(text, &mut warnings).map(|status| (status.as_u16(), warnings.len()))
        };
        assert_eq!(read(""), Ok((200, 0)));
        assert_eq!(read(" 404 "), Ok((404, 0)));
        assert_eq!(read("599"), Ok((599, 0)));
        assert_eq!(read("999"), Ok((999, 0)));
        assert_eq!(read("oops"), Ok((200, 1)));
        for number in [-1, 0, 100, 101, 199, 1000, 99_999_999] {
            assert_eq!(read(&number.to_string()), Err(Undeliverable::Status(number)));
        }
    }

    #[test]
    fn headers_that_the_real_server_cannot_send_are_refused() {
        let owned = |text: &str| text.to_owned();
        assert_eq!(
            got(&[("bad name", "x")]),
            Err(Undeliverable::HeaderName(owned("bad name")))
        );
        for value in ["Z\u{fc}rich", "a\nb", "\u{7f}"] {
            assert_eq!(got(&[("x", value)]), Err(Undeliverable::HeaderValue(owned("x"))));
        }
        assert_eq!(
            got(&[("Transfer-Encoding", "chunked")]),
            Err(Undeliverable::TransferEncoding)
        );
        for given in ["3", "5", "x", ""] {
            let refused = Undeliverable::Length {
                given: owned(given),
                length: 4,
            };
            assert_eq!(got(&[("content-length", given)]), Err(refused));
        }
    }

    #[test]
    fn headers_of_the_connection_are_dropped_with_a_warning_each_and_those_of_the_server_without() {
        let none = Vec::<String>::new();
        for name in [
            "connection",
            "Keep-Alive",
            "te",
            "trailer",
            "upgrade",
            "proxy-connection",
        ] {
            assert_eq!(got(&[(name, "x")]), Ok((none.clone(), 1)), "{name}");
        }
        assert_eq!(
            got(&[("date", "x"), ("server", "x"), ("content-length", "4")]),
            Ok((none, 0))
        );
        assert_eq!(got(&[("X-One", "1")]), Ok((vec!["x-one".to_owned()], 0)));
    }

    #[test]
    fn a_length_may_stand_for_a_body_that_is_not_sent() {
        let length = [("content-length", "10")];
        let kept = Ok((vec!["content-length".to_owned()], 0));
        assert_eq!(added(200, &Method::HEAD, "", &length), kept);
        assert_eq!(added(304, &Method::GET, "", &length), Ok((Vec::new(), 0)));
        assert!(added(200, &Method::HEAD, "fine", &length).is_err());
        assert!(added(200, &Method::GET, "", &length).is_err());
    }

    #[test]
    fn bodies_of_answers_without_one_are_dropped_with_a_warning() {
        for status in [204, 205, 304] {
            let mut response = Response::new(Bytes::from_static(b"text"));
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            let mut warnings = Vec::new();
            drop_body(&mut response, &mut warnings);
            assert_eq!((response.body().len(), warnings.len()), (0, 1));
        }
    }
}
