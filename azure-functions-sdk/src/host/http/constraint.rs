//! Inline constraints of route templates (`{id:int:min(1)}`), with the meaning that ASP.NET Core gives them.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};

/// One inline constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Constraint {
    Alpha,
    Bool,
    DateTime,
    Decimal,
    /// `double` and `float`, which accept the same texts.
    Float,
    Guid,
    Int,
    Long,
    /// Characters, as .NET counts them: UTF-16 units.
    Length(usize, usize),
    /// Values of a 64-bit integer, `min`, `max` and `range` alike.
    Range(i64, i64),
    Required,
    /// Looks like a file name with an extension.
    File,
    NonFile,
}

const KNOWN: &str = "alpha, bool, datetime, decimal, double, file, float, guid, int, length(n), length(a,b), long, max(n), \
                     maxlength(n), min(n), minlength(n), nonfile, range(a,b), required";

impl Constraint {
    /// Reads `name` or `name(arguments)`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (name, arguments) = text
            .split_once('(')
            .map_or((text, None), |(name, rest)| (name, Some(rest)));
        let name = name.trim().to_ascii_lowercase();
        // Before the parentheses are looked at: patterns hold braces, which end the parameter early.
        if name == "regex" {
            return Err(
                "the constraint 'regex' is not supported: check the value in the function and answer 404".to_owned(),
            );
        }
        let arguments = match arguments.map(|rest| rest.strip_suffix(')')) {
            Some(None) => return Err(format!("constraint '{text}' lacks a ')'")),
            Some(inner) => inner,
            None => None,
        };
        let plain = match name.as_str() {
            "alpha" => Some(Self::Alpha),
            "bool" => Some(Self::Bool),
            "datetime" => Some(Self::DateTime),
            "decimal" => Some(Self::Decimal),
            "double" | "float" => Some(Self::Float),
            "file" => Some(Self::File),
            "guid" => Some(Self::Guid),
            "int" => Some(Self::Int),
            "long" => Some(Self::Long),
            "nonfile" => Some(Self::NonFile),
            "required" => Some(Self::Required),
            _ => None,
        };
        match (plain, arguments) {
            (Some(constraint), None) => return Ok(constraint),
            (Some(_), Some(_)) => return Err(format!("constraint '{name}' takes no arguments")),
            (None, _) => {}
        }
        let arguments: Option<Vec<i64>> = arguments
            .map(|text| text.split(',').map(|number| number.trim().parse().ok()).collect())
            .unwrap_or_default();
        let length =
            |value: i64| usize::try_from(value).map_err(|_| format!("constraint '{text}' has a negative length"));
        let numbers = arguments.as_deref();
        let constraint = match (name.as_str(), numbers) {
            ("length", Some(&[exact])) => Self::Length(length(exact)?, length(exact)?),
            ("length", Some(&[low, high])) => Self::Length(length(low)?, length(high)?),
            ("minlength", Some(&[low])) => Self::Length(length(low)?, usize::MAX),
            ("maxlength", Some(&[high])) => Self::Length(0, length(high)?),
            ("min", Some(&[low])) => Self::Range(low, i64::MAX),
            ("max", Some(&[high])) => Self::Range(i64::MIN, high),
            ("range", Some(&[low, high])) => Self::Range(low, high),
            ("length" | "minlength" | "maxlength" | "min" | "max" | "range", _) => {
                return Err(format!(
                    "constraint '{text}' needs whole numbers as arguments; there are: {KNOWN}"
                ));
            }
            _ => return Err(format!("unknown constraint '{name}'; there are: {KNOWN}")),
        };
        match constraint {
            Self::Length(low, high) if low > high => Err(format!("constraint '{text}' can never be met")),
            Self::Range(low, high) if low > high => Err(format!("constraint '{text}' can never be met")),
            constraint => Ok(constraint),
        }
    }

    /// Whether a decoded route value meets the constraint.
    pub(super) fn accepts(&self, value: &str) -> bool {
        match self {
            Self::Alpha => value.bytes().all(|b| b.is_ascii_alphabetic()),
            Self::Bool => value.trim().eq_ignore_ascii_case("true") || value.trim().eq_ignore_ascii_case("false"),
            Self::DateTime => is_date_time(value.trim()),
            Self::Decimal => is_decimal(value.trim()),
            Self::Float => is_float(value.trim()),
            Self::Guid => is_guid(value.trim()),
            Self::Int => value.trim().parse::<i32>().is_ok(),
            Self::Long => value.trim().parse::<i64>().is_ok(),
            Self::Length(low, high) => (*low..=*high).contains(&value.encode_utf16().count()),
            Self::Range(low, high) => value
                .trim()
                .parse::<i64>()
                .is_ok_and(|number| (*low..=*high).contains(&number)),
            Self::Required => !value.is_empty(),
            Self::File => is_file(value),
            Self::NonFile => !is_file(value),
        }
    }
}

/// The last segment has a dot that is not its last character.
fn is_file(value: &str) -> bool {
    let last = value.rsplit('/').next().unwrap_or(value);
    last.rfind('.').is_some_and(|dot| dot + 1 < last.len())
}

/// Hyphens, braces, parentheses or bare digits; not the URN form.
fn is_guid(value: &str) -> bool {
    let inner = value.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    match inner {
        Some(inner) => {
            inner.contains('-') && uuid::Uuid::parse_str(inner).is_ok() && !inner.starts_with(['{', 'u', 'U'])
        }
        None => uuid::Uuid::parse_str(value).is_ok() && !value.starts_with(['u', 'U']),
    }
}

/// Sign, digits with group separators, fraction; no exponent.
fn is_decimal(value: &str) -> bool {
    let digits = value.strip_prefix(['+', '-']).unwrap_or(value);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let grouped = whole.bytes().all(|b| b.is_ascii_digit() || b == b',') && !whole.starts_with(',');
    let significant = digits.bytes().filter(u8::is_ascii_digit).count();
    // A decimal has 28 to 29 significant digits; excess digits of a fraction are rounded away.
    grouped
        && fraction.bytes().all(|b| b.is_ascii_digit())
        && significant > 0
        && whole.bytes().filter(u8::is_ascii_digit).count() <= 28
}

fn is_float(value: &str) -> bool {
    let digits = value.strip_prefix(['+', '-']).unwrap_or(value);
    if digits.eq_ignore_ascii_case("infinity") || digits.eq_ignore_ascii_case("nan") {
        return true;
    }
    // Rust would also read "inf".
    digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') && value.replace(',', "").parse::<f64>().is_ok()
}

/// .NET reads dates leniently; these are the forms that stand in URLs: ISO 8601, and the invariant culture's
/// month/day/year, each with an optional time.
fn is_date_time(value: &str) -> bool {
    if chrono::DateTime::parse_from_rfc3339(value).is_ok() {
        return true;
    }
    let value = value.strip_suffix(['Z', 'z']).unwrap_or(value);
    let dates = ["%Y-%m-%d", "%Y/%m/%d", "%m/%d/%Y", "%m-%d-%Y"];
    let times = [
        "%H:%M:%S%.f",
        "%H:%M",
        "%I:%M:%S %p",
        "%I:%M %p",
        "%I:%M:%S%p",
        "%I:%M%p",
    ];
    let four_digits = value
        .split(['-', '/'])
        .any(|part| part.get(..4).is_some_and(|y| y.bytes().all(|b| b.is_ascii_digit())));
    if times.iter().any(|time| NaiveTime::parse_from_str(value, time).is_ok()) {
        return true;
    }
    four_digits
        && dates.iter().any(|date| {
            NaiveDate::parse_from_str(value, date).is_ok()
                || times.iter().any(|time| {
                    NaiveDateTime::parse_from_str(value, &format!("{date} {time}")).is_ok()
                        || NaiveDateTime::parse_from_str(value, &format!("{date}T{time}")).is_ok()
                })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constraints_accept_what_aspnet_accepts() {
        for (constraint, good, bad) in [
            ("alpha", vec!["abc", "ABC", ""], vec!["a1", "é", "a b"]),
            ("bool", vec!["true", "FALSE"], vec!["1", "yes"]),
            (
                "datetime",
                vec![
                    "2016-12-31",
                    "2016-12-31 7:32pm",
                    "2016-12-31T19:32:00Z",
                    "12/31/2016",
                    "2016-12-31T19:32:00.123+01:00",
                ],
                vec!["2016-13-31", "31.31.2016", "tomorrow"],
            ),
            (
                "decimal",
                vec!["49.99", "-1,000.01", "5"],
                vec!["1e5", "x", "", "1.2.3"],
            ),
            (
                "double",
                vec!["1.234", "-1,001.01e8", ".5", "NaN"],
                vec!["abc", "", "inf"],
            ),
            ("float", vec!["1.234"], vec!["x"]),
            (
                "guid",
                vec![
                    "CD2C1638-1638-72D5-1638-DEADBEEF1638",
                    "{cd2c1638-1638-72d5-1638-deadbeef1638}",
                    "cd2c1638163872d51638deadbeef1638",
                ],
                vec!["cd2c1638", "urn:uuid:cd2c1638-1638-72d5-1638-deadbeef1638"],
            ),
            ("int", vec!["123456789", "-1"], vec!["2147483648", "1.0", "a", ""]),
            (
                "long",
                vec!["2147483648", "-9223372036854775808"],
                vec!["9223372036854775808"],
            ),
            ("length(3)", vec!["abc"], vec!["ab", "abcd"]),
            ("length(2, 3)", vec!["ab", "abc"], vec!["a", "abcd"]),
            ("minlength(4)", vec!["Rick"], vec!["Ric"]),
            ("maxlength(2)", vec!["", "ab"], vec!["abc"]),
            ("min(18)", vec!["19", "18"], vec!["17", "x"]),
            ("max(120)", vec!["120"], vec!["121"]),
            ("range(18,120)", vec!["91"], vec!["17", "121"]),
            ("required", vec!["x"], vec![""]),
            ("file", vec!["a.txt", "a/b.txt"], vec!["a", "a.", "a.b/c"]),
            ("nonfile", vec!["a"], vec!["a.txt"]),
        ] {
            let parsed = Constraint::parse(constraint).unwrap();
            for value in good {
                assert!(parsed.accepts(value), "{constraint} should accept {value:?}");
            }
            for value in bad {
                assert!(!parsed.accepts(value), "{constraint} should refuse {value:?}");
            }
        }
    }

    #[test]
    fn what_is_not_supported_is_refused_with_the_way_out() {
        let refused = |text: &str| Constraint::parse(text).unwrap_err();
        assert_eq!(
            refused("regex(^a)"),
            "the constraint 'regex' is not supported: check the value in the function and answer 404"
        );
        assert!(refused("integer").starts_with("unknown constraint 'integer'; there are: alpha, bool,"));
        assert_eq!(refused("int(5)"), "constraint 'int' takes no arguments");
        assert!(refused("min(a)").starts_with("constraint 'min(a)' needs whole numbers as arguments"));
        assert_eq!(refused("range(5,1)"), "constraint 'range(5,1)' can never be met");
        assert_eq!(refused("min(5"), "constraint 'min(5' lacks a ')'");
    }
}
