//! Numbers as .NET writes them.

/// A JSON number as .NET's serializer writes it again: `1.50` as `1.5`, `1e16` as `1E+16`, the integer `-0` as `0`. Other integers
/// stay as they are.
pub(super) fn rewritten(number: &str) -> String {
    if number == "-0" {
        return "0".to_owned();
    }
    match number.parse() {
        Ok(value) if number.contains(['.', 'e', 'E']) => {
            let text = double(value);
            match text.contains(['.', 'E']) {
                true => text,
                false => text + ".0",
            }
        }
        _ => number.to_owned(),
    }
}

/// A `double` as its `ToString` writes it: as few digits as tell it apart, with an exponent from 15 on and below -4.
///
/// Source: `Number.Formatting` of .NET, format `R`.
pub(super) fn double(value: f64) -> String {
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
        ] {
            assert_eq!(rewritten(number), wanted, "{number}");
        }
        assert_eq!(double(1.0), "1");
        assert_eq!(double(f64::NEG_INFINITY), "-Infinity");
    }
}
