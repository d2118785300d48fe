//! Numbers as .NET writes them.

/// A JSON number as .NET's serializer writes it again: `1.50` as `1.5`, `1e16` as `1E+16`, the integer `-0` as `0`. Other integers
/// stay as they are. One that is too big for a `double` becomes a JSON string, which is recorded of the real host for `1e400`.
pub(crate) fn rewritten(number: &str) -> String {
    match as_double(number) {
        Some(value) if value.is_infinite() => format!("\"{}\"", double(value)),
        Some(value) => {
            let text = double(value);
            match text.contains(['.', 'E']) {
                true => text,
                false => text + ".0",
            }
        }
        None => integer(number),
    }
}

/// A JSON number as text, by `ToString` of what .NET reads it as: `1.0` as `1`, else as [`rewritten`].
pub(crate) fn text(number: &str) -> String {
    as_double(number).map_or_else(|| integer(number), double)
}

fn as_double(number: &str) -> Option<f64> {
    number.contains(['.', 'e', 'E']).then(|| number.parse().ok())?
}

fn integer(number: &str) -> String {
    match number {
        "-0" => "0".to_owned(),
        _ => number.to_owned(),
    }
}

/// A `double` as its `ToString` writes it: as few digits as tell it apart, with an exponent from 15 on and below -4.
///
/// Source: `Number.Formatting` of .NET, format `R`, in the invariant culture, which is that of a host in a container: others write `∞`.
pub(crate) fn double(value: f64) -> String {
    if !value.is_finite() || value == 0.0 {
        return match value {
            value if value.is_nan() => "NaN".to_owned(),
            f64::INFINITY => "Infinity".to_owned(),
            f64::NEG_INFINITY => "-Infinity".to_owned(),
            value if value.is_sign_negative() => "-0".to_owned(),
            _ => "0".to_owned(),
        };
    }
    let text = format!("{value:E}");
    let (digits, exponent) = text.split_once('E').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..15).contains(&exponent) {
        return value.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}E{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_spelling_of_dotnet() {
        for (number, wanted) in [
            ("1.50", "1.5"),
            ("1.0", "1.0"),
            ("1e16", "1E+16"),
            ("1.5e300", "1.5E+300"),
            ("123456789012345678.0", "1.2345678901234568E+17"),
            ("1e15", "1E+15"),
            ("1e14", "100000000000000.0"),
            ("0.0001", "0.0001"),
            ("0.00001", "1E-05"),
            ("-2.5e-10", "-2.5E-10"),
            ("-0", "0"),
            ("-0.0", "-0.0"),
            ("0e5", "0.0"),
            ("42", "42"),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
            ("1e400", "\"Infinity\""),
            ("-1e400", "\"-Infinity\""),
        ] {
            assert_eq!(rewritten(number), wanted, "{number}");
        }
        for (number, wanted) in [
            ("1.50", "1.5"),
            ("1.0", "1"),
            ("1e16", "1E+16"),
            ("-0", "0"),
            ("42", "42"),
            ("1e400", "Infinity"),
            ("-1e400", "-Infinity"),
        ] {
            assert_eq!(text(number), wanted, "{number}");
        }
        assert_eq!(double(1.0), "1");
        assert_eq!(double(f64::NEG_INFINITY), "-Infinity");
    }
}
