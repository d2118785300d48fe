//! `set-cookie` headers. The message to the host has one place for each header, so several of them travel as cookies.

use super::{Cookie, SameSite};
use chrono::{DateTime, NaiveDate, Utc};
use percent_encoding::percent_decode_str;
use std::time::Duration;

/// Reads the value of a `set-cookie` header as browsers do (RFC 6265, section 5.2). With the cookie come its attributes
/// that the message to the host has no place for, or that browsers do not understand.
///
/// Hosts percent-encode the value; one that is encoded already is decoded here, so that it reaches the browser as it is written.
pub(super) fn parse(header: &str) -> Result<(Cookie, Vec<String>), &'static str> {
    let mut parts = header.split(';').map(str::trim);
    let (name, value) = parts
        .next()
        .and_then(|pair| pair.split_once('='))
        .ok_or("it does not begin with NAME=VALUE")?;
    let (name, value) = (name.trim(), value.trim());
    let decoded = percent_decode_str(value).decode_utf8();
    let mut cookie = Cookie::new(name, decoded.map_or_else(|_| value.to_owned(), Into::into));
    let mut ignored = Vec::new();
    for attribute in parts.filter(|part| !part.is_empty()) {
        match with(cookie.clone(), attribute) {
            Some(changed) => cookie = changed,
            None => ignored.push(attribute.to_owned()),
        }
    }
    Ok((cookie, ignored))
}

/// The cookie with one more attribute. Of several with the same name, the last counts.
fn with(cookie: Cookie, attribute: &str) -> Option<Cookie> {
    let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
    let (name, value) = (name.trim(), value.trim());
    Some(match name.to_ascii_lowercase().as_str() {
        "expires" => cookie.expires(date(value)?),
        "max-age" => cookie.max_age(age(value)?),
        "domain" if !value.is_empty() => cookie.domain(value),
        "path" if value.starts_with('/') => cookie.path(value),
        "secure" => cookie.secure(true),
        "httponly" => cookie.http_only(true),
        "samesite" => cookie.same_site(match value.to_ascii_lowercase().as_str() {
            "none" => SameSite::None,
            "lax" => SameSite::Lax,
            "strict" => SameSite::Strict,
            _ => return None,
        }),
        _ => return None,
    })
}

/// Seconds; zero for zero and less, which end a cookie.
fn age(text: &str) -> Option<Duration> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    match text.starts_with('-') {
        true => Some(Duration::ZERO),
        // Too many digits for the number are a very long time.
        false => Some(Duration::from_secs(digits.parse().unwrap_or(u64::MAX))),
    }
}

/// A date in any of the ways that servers write it (RFC 6265, section 5.1.1).
fn date(text: &str) -> Option<DateTime<Utc>> {
    let is_delimiter = |c: char| matches!(c, '\t' | ' '..='/' | ';'..='@' | '['..='`' | '{'..='~');
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    for token in text.split(is_delimiter) {
        if time.is_none() && time_of(token).is_some() {
            time = time_of(token);
        } else if day.is_none() && number(token, 1, 2).is_some() {
            day = number(token, 1, 2);
        } else if month.is_none() && month_of(token).is_some() {
            month = month_of(token);
        } else if year.is_none() {
            year = number(token, 2, 4);
        }
    }
    let year = match year? {
        year @ 70..=99 => year + 1900,
        year @ 0..=69 => year + 2000,
        year => year,
    };
    let (hour, minute, second) = time?;
    let date = NaiveDate::from_ymd_opt(year.try_into().ok()?, month?, day?)?;
    Some(date.and_hms_opt(hour, minute, second)?.and_utc()).filter(|_| year >= 1601)
}

/// The number that a token begins with, if it has this many digits.
fn number(token: &str, least: usize, most: usize) -> Option<u32> {
    let digits = token.bytes().take_while(u8::is_ascii_digit).count();
    (least..=most).contains(&digits).then(|| token[..digits].parse().ok())?
}

fn time_of(token: &str) -> Option<(u32, u32, u32)> {
    let mut parts = token.splitn(3, ':');
    let whole = |part: &str| number(part, part.len(), part.len()).filter(|_| part.len() <= 2);
    Some((
        whole(parts.next()?)?,
        whole(parts.next()?)?,
        number(parts.next()?, 1, 2)?,
    ))
}

fn month_of(token: &str) -> Option<u32> {
    const MONTHS: [&str; 12] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ];
    let start = token.get(..3)?.to_ascii_lowercase();
    let index = MONTHS.iter().position(|month| *month == start)?;
    u32::try_from(index + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn all_attributes_are_read_in_any_case_and_order() {
        let header = "id=a%20b=; HttpOnly; max-age=60; PATH=/x; Secure; domain=example.com ; SameSite=strict; \
                      Expires=Wed, 21 Oct 2015 07:28:00 GMT";
        let cookie = Cookie::new("id", "a b=")
            .http_only(true)
            .max_age(Duration::from_secs(60))
            .path("/x")
            .secure(true)
            .domain("example.com")
            .same_site(SameSite::Strict)
            .expires(time("2015-10-21T07:28:00Z"));
        assert_eq!(parse(header), Ok((cookie, Vec::new())));
        assert_eq!(parse(" a = b ;"), Ok((Cookie::new("a", "b"), Vec::new())));
        assert_eq!(parse("a="), Ok((Cookie::new("a", ""), Vec::new())));
        assert_eq!(parse("a=50%!%ff"), Ok((Cookie::new("a", "50%!%ff"), Vec::new())));
    }

    #[test]
    fn attributes_without_a_place_in_the_message_are_named() {
        let (cookie, ignored) =
            parse("a=b; Partitioned; Priority=High; SameSite=odd; Expires=0; Max-Age=soon; Path=x; Secure").unwrap();
        assert_eq!(cookie, Cookie::new("a", "b").secure(true));
        assert_eq!(
            ignored,
            [
                "Partitioned",
                "Priority=High",
                "SameSite=odd",
                "Expires=0",
                "Max-Age=soon",
                "Path=x"
            ]
        );
    }

    #[test]
    fn what_is_no_cookie_is_refused() {
        for header in ["", "a", "; a=b", "Secure; a=b"] {
            assert!(parse(header).is_err(), "{header}");
        }
    }

    #[test]
    fn the_last_of_several_attributes_counts() {
        let (cookie, ignored) = parse("a=b; Path=/x; Path=/y").unwrap();
        assert_eq!((cookie, ignored), (Cookie::new("a", "b").path("/y"), Vec::new()));
    }

    #[test]
    fn ages_of_zero_and_less_end_a_cookie_and_long_ones_stay_long() {
        assert_eq!(age("0"), Some(Duration::ZERO));
        assert_eq!(age("-1"), Some(Duration::ZERO));
        assert_eq!(age("99999999999999999999999"), Some(Duration::from_secs(u64::MAX)));
        for text in ["", "-", "1.5", "+1", "1 s"] {
            assert_eq!(age(text), None, "{text}");
        }
    }

    #[test]
    fn dates_are_read_in_every_format_that_servers_write() {
        let expected = Some(time("1994-11-06T08:49:37Z"));
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Sun, 06-Nov-1994 08:49:37 GMT",
            "6 november 94 8:49:37",
        ] {
            assert_eq!(date(text), expected, "{text}");
        }
        assert_eq!(date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(DateTime::UNIX_EPOCH));
        for text in [
            "",
            "0",
            "-1",
            "tomorrow",
            "32 Nov 1994 08:49:37",
            "06 Nov 1994",
            "06 Nov 1994 24:00:00",
            "06 Nov 1600 08:49:37",
            "06 Nov 1994 08:49:370",
            "\u{e4}\u{f6}\u{fc} 06 Nov",
        ] {
            assert_eq!(date(text), None, "{text}");
        }
    }
}
