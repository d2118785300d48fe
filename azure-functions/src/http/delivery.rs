//! What of a response reaches its caller: one rule for every host, applied before the response is sent to it. The table is in
//! the [guide](crate::guide::http).

use super::{HttpResponse, set_cookie};
use crate::{
    FunctionError,
    once::first_time,
    rpc::{Data, RpcHttp, TypedData},
};
use ::http::{HeaderMap, HeaderName, StatusCode, header};
use std::collections::HashMap;

/// The exchange that a response ends.
#[derive(Clone, Copy, Debug)]
pub struct Exchange {
    /// Name of the function.
    pub(crate) function: &'static str,
    /// Whether the caller sent HEAD, and wants to know the length of a body that is not sent.
    pub(crate) is_head: bool,
}

/// Why a response cannot be sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Undeliverable {
    /// Found when the response was put together.
    #[error("function `{function}` {problem}")]
    Built { function: &'static str, problem: String },
    #[error(
        "function `{function}` answered with the status {status}: a function gives the last answer to a request, whose status is \
         200 or more"
    )]
    Status { function: &'static str, status: u16 },
    #[error(
        "function `{function}` set the header `{header}` to a value that is not visible ASCII, which hosts cannot send: {}",
        match header.as_str() {
            "set-cookie" => "set the cookie with `ResponseBuilder::cookie`, which encodes its value",
            _ => "encode the value, for instance with percent-encoding",
        }
    )]
    HeaderValue { function: &'static str, header: String },
    #[error("function `{function}` set a header `set-cookie` that is no cookie: {reason}")]
    SetCookie {
        function: &'static str,
        reason: &'static str,
    },
    #[error("function `{function}` set the cookie {name:?}, which hosts cannot send: {reason}")]
    Cookie {
        function: &'static str,
        name: String,
        reason: &'static str,
    },
}

impl From<Undeliverable> for FunctionError {
    fn from(error: Undeliverable) -> Self {
        Self::with_source(error.to_string(), error)
    }
}

/// Headers of one connection, which is the host's: a proxy must not pass them on (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Headers that the host writes itself.
const OF_THE_HOST: [HeaderName; 2] = [header::DATE, header::SERVER];

impl HttpResponse {
    /// As the host reads it: the status is text, headers stand in the plain map, and the body is always there, since
    /// the host ignores everything else without it. Bytes go out as they are.
    pub(crate) fn deliver(mut self, exchange: &Exchange) -> Result<RpcHttp, Undeliverable> {
        let function = exchange.function;
        if let Some(problem) = self.problem {
            return Err(Undeliverable::Built { function, problem });
        }
        if self.status.as_u16() < 200 {
            let status = self.status.as_u16();
            return Err(Undeliverable::Status { function, status });
        }
        if !self.body.is_empty() && has_no_body(self.status) {
            let status = self.status;
            drop_once(
                exchange,
                &format!("the body of its answer {status}"),
                "such an answer has none",
            );
            self.body.clear();
        }
        drop_headers_of_hosts(&mut self.headers, exchange);
        check_length(&mut self.headers, self.status, self.body.len(), exchange);
        for value in self.headers.get_all(header::SET_COOKIE) {
            let text = value.to_str().map_err(|_| not_ascii(function, &header::SET_COOKIE))?;
            let (cookie, ignored) =
                set_cookie::parse(text).map_err(|reason| Undeliverable::SetCookie { function, reason })?;
            for attribute in ignored {
                let what = format!("the attribute `{attribute}` of its cookie `{}`", cookie.name());
                drop_once(exchange, &what, "it has no place in the message to the host");
            }
            self.cookies.push(cookie);
        }
        self.headers.remove(header::SET_COOKIE);
        for cookie in &self.cookies {
            cookie.check().map_err(|reason| Undeliverable::Cookie {
                function,
                name: cookie.name().to_owned(),
                reason,
            })?;
        }
        Ok(RpcHttp {
            status_code: self.status.as_u16().to_string(),
            headers: joined(&self.headers, function)?,
            cookies: self.cookies.into_iter().map(Into::into).collect(),
            body: Some(Box::new(TypedData {
                data: Some(Data::Bytes(self.body)),
            })),
            ..RpcHttp::default()
        })
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

fn drop_headers_of_hosts(headers: &mut HeaderMap, exchange: &Exchange) {
    for name in headers.keys().cloned().collect::<Vec<_>>() {
        let reason = if HOP_BY_HOP.contains(&name) || name.as_str().starts_with("proxy-") {
            "it belongs to the connection between host and caller"
        } else if OF_THE_HOST.contains(&name) {
            "the host sets it"
        } else {
            continue;
        };
        headers.remove(&name);
        drop_once(exchange, &format!("the header `{name}`"), reason);
    }
}

/// The host sets the length of the body that it sends; a wrong one would cut the body, or fail the answer.
fn check_length(headers: &mut HeaderMap, status: StatusCode, length: usize, exchange: &Exchange) {
    let mut values = headers.get_all(header::CONTENT_LENGTH).iter();
    let Some(value) = values.next() else { return };
    let given = match values.next() {
        None => value.to_str().ok().and_then(|text| text.parse::<usize>().ok()),
        Some(_) => None,
    };
    let stands_for_another = length == 0 && (exchange.is_head || status == StatusCode::NOT_MODIFIED);
    let may_stay = status != StatusCode::NO_CONTENT && (given == Some(length) || stands_for_another);
    if given.is_some() && may_stay {
        return;
    }
    headers.remove(header::CONTENT_LENGTH);
    if given != Some(length) {
        drop_once(
            exchange,
            &format!("the header `{}`", header::CONTENT_LENGTH),
            "it is not the length of the body; the host sets the right one",
        );
    }
}

/// The map for the host, which has one value for each name.
fn joined(headers: &HeaderMap, function: &'static str) -> Result<HashMap<String, String>, Undeliverable> {
    let mut map: HashMap<String, String> = HashMap::with_capacity(headers.len());
    for (name, value) in headers {
        let value = value.to_str().map_err(|_| not_ascii(function, name))?;
        map.entry(name.as_str().to_owned())
            .and_modify(|joined| {
                joined.push_str(", ");
                joined.push_str(value);
            })
            .or_insert_with(|| value.to_owned());
    }
    Ok(map)
}

fn not_ascii(function: &'static str, header: &HeaderName) -> Undeliverable {
    Undeliverable::HeaderValue {
        function,
        header: header.as_str().to_owned(),
    }
}

fn drop_once(exchange: &Exchange, what: &str, why: &str) {
    if first_time(exchange.function, what) {
        log::warn!(
            "function `{}`: {what} is not sent: {why} (said once)",
            exchange.function
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::shown::shows;
    use crate::http::{Cookie, SameSite};
    use crate::rpc::{nullable_bool, nullable_double, nullable_string};
    use ::http::HeaderValue;
    use std::time::Duration;

    const GET: Exchange = Exchange {
        function: "answer",
        is_head: false,
    };
    const HEAD: Exchange = Exchange { is_head: true, ..GET };

    fn sent(response: HttpResponse) -> RpcHttp {
        response.deliver(&GET).unwrap()
    }

    fn refused(response: HttpResponse) -> String {
        response.deliver(&GET).unwrap_err().to_string()
    }

    fn body(http: &RpcHttp) -> &[u8] {
        match http.body.as_ref().and_then(|body| body.data.as_ref()) {
            Some(Data::Bytes(bytes)) => bytes,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn status_headers_and_cookies_are_sent() {
        let response = HttpResponse::build()
            .status(404)
            .header("vary", "a")
            .header("vary", "b")
            .cookie(
                Cookie::new("n", "v")
                    .path("/")
                    .same_site(SameSite::None)
                    .max_age(Duration::from_secs(3)),
            )
            .finish();
        let http = sent(response);
        assert_eq!(http.status_code, "404");
        assert_eq!(http.headers["vary"], "a, b");
        assert_eq!(http.cookies.len(), 1);
        assert_eq!(http.cookies[0].same_site, 3);
        assert_eq!(HttpResponse::from((201, "x")).status(), StatusCode::CREATED);
    }

    #[test]
    fn the_body_is_there_even_if_it_is_empty() {
        for response in [HttpResponse::default(), ().into(), StatusCode::NO_CONTENT.into()] {
            let http = sent(response);
            assert!(body(&http).is_empty());
            assert!(http.headers.is_empty());
        }
    }

    #[test]
    fn two_set_cookie_headers_arrive_as_two_cookies() {
        let response = HttpResponse::build()
            .cookie(Cookie::new("zero", "0"))
            .header(
                "Set-Cookie",
                "a=1; Path=/x; Max-Age=60; HttpOnly; SameSite=Lax; Domain=example.com",
            )
            .header("set-cookie", "b=x%2Fy; Expires=Wed, 21 Oct 2015 07:28:00 GMT; Secure")
            .body("fine");
        let http = sent(response);
        assert!(!http.headers.contains_key("set-cookie"));
        let names: Vec<_> = http.cookies.iter().map(|cookie| cookie.name.as_str()).collect();
        assert_eq!(names, ["zero", "a", "b"]);
        let [_, first, second] = &http.cookies[..] else {
            panic!("{:?}", http.cookies)
        };
        let text = |text: &str| Some(nullable_string::String::Value(text.to_owned()));
        assert_eq!(first.path.clone().unwrap().string, text("/x"));
        assert_eq!(first.domain.clone().unwrap().string, text("example.com"));
        let age = Some(nullable_double::Double::Value(60.0));
        assert_eq!(first.max_age.unwrap().double, age);
        let yes = Some(nullable_bool::Bool::Value(true));
        assert_eq!(first.http_only.unwrap().bool, yes);
        assert_eq!(first.same_site, 1);
        assert_eq!(second.value, "x/y", "the host encodes it again");
        assert_eq!(second.secure.unwrap().bool, yes);
        assert!(second.expires.is_some() && second.path.is_none());
    }

    #[test]
    fn a_header_value_that_is_not_visible_ascii_is_refused_by_name() {
        for value in [&b"\xfcn\xef"[..], "\u{fc}n\u{ef}".as_bytes()] {
            let mut response = HttpResponse::from("fine");
            let value = HeaderValue::from_bytes(value).unwrap();
            response.headers_mut().insert("x-utf", value.clone());
            assert_eq!(
                refused(response),
                "function `answer` set the header `x-utf` to a value that is not visible ASCII, which hosts cannot send: encode \
                 the value, for instance with percent-encoding"
            );
            let mut response = HttpResponse::from("fine");
            response.headers_mut().insert("set-cookie", value);
            let refusal = refused(response);
            assert!(
                refusal.contains("`set-cookie`") && refusal.contains("ResponseBuilder::cookie"),
                "{refusal}"
            );
        }
        let response = HttpResponse::build().header("x-tab", "a\tb").finish();
        assert_eq!(sent(response).headers["x-tab"], "a\tb");
    }

    #[test]
    fn headers_of_the_connection_and_of_the_host_are_dropped() {
        let names = [
            "connection",
            "date",
            "keep-alive",
            "proxy-authenticate",
            "proxy-connection",
            "server",
            "te",
            "trailer",
            "transfer-encoding",
            "upgrade",
        ];
        let response = names
            .iter()
            .fold(HttpResponse::build().header("x-one", "1"), |response, name| {
                response.header(name, "x")
            });
        let http = sent(response.finish());
        assert_eq!(http.headers, HashMap::from([("x-one".to_owned(), "1".to_owned())]));
    }

    #[test]
    fn a_wrong_content_length_is_dropped_and_a_right_one_stays() {
        let length = |exchange: &Exchange, status: u16, values: &[&str], body: &'static str| {
            let response = values
                .iter()
                .fold(HttpResponse::build().status(status), |response, value| {
                    response.header("content-length", value)
                });
            let http = response.body(body).deliver(exchange).unwrap();
            http.headers.get("content-length").cloned()
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(length(&GET, 200, &["4"], "fine"), some("4"));
        for wrong in [&["3"][..], &["5"], &["x"], &["4", "4"], &[""]] {
            assert_eq!(length(&GET, 200, wrong, "fine"), None, "{wrong:?}");
        }
        assert_eq!(length(&GET, 200, &["10"], ""), None);
        // What GET would have had.
        assert_eq!(length(&HEAD, 200, &["10"], ""), some("10"));
        assert_eq!(length(&HEAD, 200, &["10"], "fine"), None);
        assert_eq!(length(&GET, 304, &["10"], ""), some("10"));
        assert_eq!(length(&GET, 204, &["0"], ""), None);
        assert_eq!(length(&GET, 205, &["0"], ""), some("0"));
    }

    #[test]
    fn an_answer_that_has_no_body_loses_the_one_it_was_given() {
        for status in [204, 205, 304] {
            let http = sent(HttpResponse::from((status, "text")));
            assert!(body(&http).is_empty(), "{status}");
            assert_eq!(http.status_code, status.to_string());
        }
        assert_eq!(body(&sent(HttpResponse::from((404, "text")))), b"text");
    }

    #[test]
    fn a_status_below_200_is_refused_and_odd_ones_above_are_sent() {
        for status in [100, 101, 199] {
            assert!(
                refused(HttpResponse::from((status, ""))).starts_with(&format!(
                    "function `answer` answered with the status {status}: a function gives the last answer"
                )),
                "{status}"
            );
        }
        for status in [200, 599, 999] {
            assert_eq!(sent(HttpResponse::from((status, ""))).status_code, status.to_string());
        }
    }

    #[test]
    fn what_cannot_be_a_response_is_refused_as_it_was_found() {
        assert_eq!(
            refused(HttpResponse::build().status(7).body("fine")),
            "function `answer` set a status that is not between 100 and 999"
        );
        assert_eq!(
            refused(HttpResponse::build().header("x", "a\nb").finish()),
            "function `answer` set the header x to an illegal value"
        );
    }

    #[test]
    fn cookies_that_hosts_cannot_write_are_refused() {
        for (cookie, reason) in [
            (Cookie::new("a b", "1"), "its name is no token"),
            (Cookie::new("", "1"), "its name is no token"),
            (Cookie::new("a", "1").path("/x; Secure"), "its path"),
            (Cookie::new("a", "1").domain("b\u{fc}cher.example"), "its domain"),
        ] {
            let text = refused(HttpResponse::build().cookie(cookie).finish());
            assert!(text.contains(reason), "{text}");
        }
        let response = HttpResponse::build().header("set-cookie", "no cookie").finish();
        assert_eq!(
            refused(response),
            "function `answer` set a header `set-cookie` that is no cookie: it does not begin with NAME=VALUE"
        );
    }

    shows!(HTTP, Encoding: status_headers_and_cookies_are_sent, the_body_is_there_even_if_it_is_empty);
}
